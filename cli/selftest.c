#include <stdio.h>

#include "cli/common/config_options.h"
#include "cli/verbs.h"

struct tally {
    size_t run, failed;
    int verbose;
};

static void print_row(const mvad_selftest_row *row, void *user)
{
    struct tally *tally = user;
    if (row->passed && !tally->verbose) {
        tally->run++;
        return;
    }
    if (!tally->failed && (!tally->verbose || !tally->run))
        printf("%-60s %10s %10s\n", "check", "error", "tolerance");
    tally->run++;
    if (!row->passed) tally->failed++;
    printf("%-60s %10.2e %10.2e %s\n", row->name, row->error, row->tolerance,
           row->passed ? "ok" : "FAIL");
}

static int run(const struct caller *caller, mvad_device *device, mvad_precision precision,
               int verbose)
{
    struct tally tally = {.verbose = verbose};
    mvad_device_info info;
    mvad_error error;
    if (mvad_device_describe(device, &info, &error)) return command_error(caller, &error);
    mvad_status status = mvad_selftest(device, precision, print_row, &tally, &error);
    if (status && !tally.run) return command_error(caller, &error);
    printf("%zu checks, %zu failed: %s (%s, %s), %s, %d threads\n", tally.run, tally.failed,
           info.id, info.name, info.details, precision_name(precision), info.threads);
    if (status) return command_error(caller, &error);
    if (!tally.run || tally.failed)
        return command_fail(caller, EXIT_FAILED, "%zu of %zu checks failed", tally.failed,
                            tally.run);
    return EXIT_DONE;
}

int verb_selftest(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    int verbose = 0;
    struct text_option precision_text = {.value = "f32"};
    struct device_options device_options;
    device_options_init(&device_options);
    struct poptOption table[] = {{"verbose", 'v', POPT_ARG_NONE, &verbose, 0,
                                  "Show every check, not only failed ones", NULL},
                                 OPTION_PRECISION(&precision_text),
                                 OPTION_HELP_QUIET,
                                 OPTION_GROUP(device_options.table, "Device:"),
                                 POPT_TABLEEND};
    mvad_precision precision = MVAD_PRECISION_F32;
    mvad_device *device = NULL;
    int code = options_parse(&caller, table, argc, argv);
    if (verbose) command_show_log(&caller);
    if (code == OPTIONS_READ) code = precision_read(&caller, precision_text.value, &precision);
    if (code == OPTIONS_READ) code = device_options_open(&caller, &device_options, &device);
    if (code == OPTIONS_READ) code = run(&caller, device, precision, verbose);
    mvad_device_close(device);
    options_free(table);
    return code;
}
