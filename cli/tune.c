#include <stdio.h>

#include "cli/common/config_options.h"
#include "cli/verbs.h"

#define MAX_BATCH 4096

static void print_line(const char *line, void *user)
{
    (void)user;
    printf("%s\n", line);
    fflush(stdout);
}

int verb_tune(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct number_option batch = {.value = 8};
    struct config_options config_options;
    struct device_options device_options;
    config_options_init(&config_options);
    device_options_init(&device_options);
    struct poptOption table[] = {{"batch", 'b', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &batch, 0,
                                  "Samples of the training step", "B"},
                                 OPTION_HELP,
                                 OPTION_GROUP(config_options.table, "Model:"),
                                 OPTION_GROUP(device_options.table, "Device:"),
                                 POPT_TABLEEND};
    mvad_config config;
    mvad_device *device = NULL;
    mvad_error error;
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = options_count(&caller, "batch", batch.value, MAX_BATCH);
    if (code == OPTIONS_READ) code = config_options_read(&caller, &config_options, &config);
    if (code == OPTIONS_READ) code = device_options_open(&caller, &device_options, &device);
    if (code == OPTIONS_READ)
        code = mvad_device_tune(device, &config, batch.value, print_line, NULL, &error)
                   ? command_error(&caller, &error)
                   : EXIT_DONE;
    mvad_device_close(device);
    options_free(table);
    return code;
}
