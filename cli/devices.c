#include <stdio.h>

#include "cli/common/json.h"
#include "cli/common/options.h"
#include "cli/verbs.h"

/* Ids to try; one that this build or machine lacks is left out of the list. */
static const char *const candidates[] = {"cpu"};

static void print_row(const mvad_device_info *info)
{
    printf("%-10s %-44s %7d %7.1f GB  %s\n", info->id, info->name, info->threads,
           (double)info->memory_bytes / 1e9, info->details);
}

int verb_devices(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    int json = 0;
    struct poptOption table[] = {
        {"json", 0, POPT_ARG_NONE, &json, 0, "Print JSON", NULL}, OPTION_HELP, POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code != OPTIONS_READ) return code;
    cJSON *list = json ? cJSON_CreateArray() : NULL;
    int found = 0;
    if (!json) printf("%-10s %-44s %7s %10s  %s\n", "id", "name", "threads", "memory", "details");
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        mvad_device *device = NULL;
        mvad_device_info info;
        mvad_error error;
        if (mvad_device_open(candidates[i], 0, &device, &error) ||
            mvad_device_describe(device, &info, &error)) {
            command_error(&caller, &error);
        } else {
            found++;
            if (json)
                cJSON_AddItemToArray(list, json_device(&info));
            else
                print_row(&info);
        }
        mvad_device_close(device);
    }
    code = json ? json_print(&caller, list) : EXIT_DONE;
    return found ? code : EXIT_NO_DEVICE;
}
