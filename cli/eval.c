#include <string.h>

#include "cli/common/cache_option.h"
#include "cli/eval.h"
#include "cli/verbs.h"

#define MAX_BATCH 4096

/* --combine has two arguments, of which popt takes the first: takes the second out of argv. */
static int take_second(const struct caller *caller, int *argc, char **argv, const char **second)
{
    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], "--combine", 9) || (argv[i][9] && argv[i][9] != '=')) continue;
        int at = i + (argv[i][9] ? 1 : 2);
        if (at >= *argc || argv[at][0] == '-')
            return command_fail(caller, EXIT_USAGE, "--combine takes two result files");
        *second = argv[at];
        memmove(&argv[at], &argv[at + 1], (size_t)(*argc - at) * sizeof *argv);
        --*argc;
        return OPTIONS_READ;
    }
    return OPTIONS_READ;
}

static int eval(const struct caller *caller, const struct eval_options *options)
{
    int code = options_required(caller, "model", &options->model);
    if (code == OPTIONS_READ) code = options_required(caller, "data", &options->data);
    if (code == OPTIONS_READ)
        code = options_count(caller, "batch", options->batch.value, MAX_BATCH);
    return code == OPTIONS_READ ? eval_score(caller, options) : code;
}

int verb_eval(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct eval_options o = {.batch = {.value = 1}, .precision = {.value = "f32"}};
    config_options_init(&o.config);
    device_options_init(&o.device);
    struct poptOption table[] = {
        {"model", 'm', POPT_ARG_STRING, &o.model, 0,
         "Model file, or the folder of a run (required)", "PATH"},
        {"data", 0, POPT_ARG_STRING, &o.data, 0, "Data set: a folder or a manifest (required)",
         "PATH"},
        {"variant", 0, POPT_ARG_STRING, &o.variant, 0, "Real-IAD's JSON files: sv, fuiad_0.1, ..",
         "NAME"},
        {"classes", 0, POPT_ARG_STRING, &o.classes, 0, "Only these, separated by commas", "LIST"},
        {"json", 0, POPT_ARG_STRING, &o.json, 0, "JSON file to write", "FILE"},
        {"csv", 0, POPT_ARG_STRING, &o.csv, 0, "CSV file to write", "FILE"},
        {"markdown", 0, POPT_ARG_STRING, &o.markdown, 0, "Markdown file to write", "FILE"},
        {"maps", 0, POPT_ARG_STRING, &o.maps, 0,
         "Folder for the anomaly maps, one .npy a sample: float32 (views, S, S)", "DIR"},
        OPTION_CACHE(&o.cache),
        {"strips", 0, POPT_ARG_NONE, &o.strips, 0,
         "Pixel metrics from 50 equal score strips, an approximation, as the paper's code has them",
         NULL},
        {"skip-bad", 0, POPT_ARG_NONE, &o.skip_bad, 0,
         "Check all files first and leave out samples with problems", NULL},
        {"batch", 'b', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &o.batch, 0,
         "Samples a run: more take more memory", "B"},
        {"combine", 0, POPT_ARG_STRING, &o.combine, 0,
         "Instead: the mean of two result files, class by class (the paper's cross-setting)",
         "A.json B.json"},
        OPTION_PRECISION(&o.precision),
        OPTION_HELP,
        OPTION_GROUP(o.config.table,
                     "Model (for what the file does not say; samples have the views they have):"),
        OPTION_GROUP(o.device.table, "Device:"),
        POPT_TABLEEND};
    int code = take_second(&caller, &argc, argv, &o.combine_second);
    if (code == OPTIONS_READ) code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ && o.combine.value && (o.model.value || o.data.value))
        code = command_fail(&caller, EXIT_USAGE,
                            "--combine takes results; it goes with neither --model nor --data");
    if (code == OPTIONS_READ)
        code = o.combine.value ? eval_combine(&caller, &o) : eval(&caller, &o);
    options_free(table);
    return code;
}
