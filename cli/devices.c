#include <stdio.h>
#include <string.h>

#include "cli/common/json.h"
#include "cli/common/options.h"
#include "cli/verbs.h"

struct listing {
    cJSON *json; /* NULL: lines */
    const struct caller *caller;
    int found;
};

static void print_row(const mvad_device_info *info)
{
    printf("%-10s %-44s %7d %7.1f GB  %s\n", info->id, info->name, info->threads,
           (double)info->memory_bytes / 1e9, info->details);
}

static void take_device(const mvad_device_info *info, void *user)
{
    struct listing *listing = user;
    listing->found++;
    if (listing->json)
        cJSON_AddItemToArray(listing->json, json_device(info));
    else
        print_row(info);
}

static void tell_missing(const char *backend, const char *reason, void *user)
{
    const struct listing *listing = user;
    const size_t length = strlen(backend);
    /* Reasons from a driver name the backend themselves. */
    if (strncmp(reason, backend, length) || reason[length] != ':')
        fprintf(stderr, "%s: %s: %s\n", listing->caller->program, backend, reason);
    else
        fprintf(stderr, "%s: %s\n", listing->caller->program, reason);
}

int verb_devices(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    int json = 0;
    struct poptOption table[] = {
        {"json", 0, POPT_ARG_NONE, &json, 0, "Print JSON", NULL}, OPTION_HELP, POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code != OPTIONS_READ) return code;
    struct listing listing = {.json = json ? cJSON_CreateArray() : NULL, .caller = &caller};
    mvad_error error;
    if (!json) printf("%-10s %-44s %7s %10s  %s\n", "id", "name", "threads", "memory", "details");
    mvad_status status = mvad_device_list(take_device, tell_missing, &listing, &error);
    if (status) {
        cJSON_Delete(listing.json);
        return command_error(&caller, &error);
    }
    code = json ? json_print(&caller, listing.json) : EXIT_DONE;
    return listing.found ? code : EXIT_NO_DEVICE;
}
