#include "cli/predict.h"

#include <string.h>

#include "cli/verbs.h"

/* Options of the one way do not go with those of the other. */
static int check_mode(const struct caller *caller, const struct predict_options *o)
{
    const struct {
        const char *name;
        bool given;
    } photographs[] = {{"data", o->data.owned},
                       {"split", o->split.owned},
                       {"classes", o->classes.owned},
                       {"variant", o->variant.owned},
                       {"class", o->class_name.owned},
                       {"name", o->name.owned},
                       {"threshold", o->threshold.owned},
                       {"jsonl", o->jsonl.owned},
                       {"heatmaps", o->heatmaps.owned},
                       {"heatmap-size", o->heatmap_size.given},
                       {"fail-on-defect", o->fail_on_defect},
                       {"watch", o->watch.owned}};
    const struct {
        const char *name;
        bool given;
    } arriving[] = {{"pattern", o->pattern.owned}, {"view-names", o->view_names.owned},
                    {"done", o->done.owned},       {"timeout", o->timeout.given},
                    {"settle", o->settle.given},   {"once", o->once}};
    if (!o->tensor.value && (o->dump.value || o->batch.given))
        return command_fail(caller, EXIT_USAGE, "--%s goes with --tensor",
                            o->dump.value ? "dump" : "batch");
    if (o->tensor.value && o->images.count)
        return command_fail(caller, EXIT_USAGE, "--tensor goes without photographs: '%s'",
                            o->images.values[0]);
    for (size_t i = 0; o->tensor.value && i < sizeof photographs / sizeof *photographs; i++)
        if (photographs[i].given)
            return command_fail(caller, EXIT_USAGE, "--tensor does not go with --%s",
                                photographs[i].name);
    for (size_t i = 0; !o->watch.value && i < sizeof arriving / sizeof *arriving; i++)
        if (arriving[i].given)
            return command_fail(caller, EXIT_USAGE, "--%s goes with --watch", arriving[i].name);
    return options_required(caller, "model", &o->model);
}

int verb_predict(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct predict_options o = {.precision = {.value = "f32"},
                                .split = {.value = "test"},
                                .heatmap_size = {.value = 1024},
                                .pattern = {.value = "{part}_{view}.jpg"},
                                .timeout = {.value = 10},
                                .settle = {.value = 500},
                                .batch = {.value = 1}};
    config_options_init(&o.config);
    device_options_init(&o.device);
    struct poptOption photographs[] = {
        {"data", 0, POPT_ARG_STRING, &o.data, 0, "Data set: a folder or a manifest", "PATH"},
        {"split", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &o.split, 0,
         "Its parts to judge: test, train or all", "SPLIT"},
        {"classes", 0, POPT_ARG_STRING, &o.classes, 0, "Only these, separated by commas", "LIST"},
        {"variant", 0, POPT_ARG_STRING, &o.variant, 0, "Real-IAD's JSON files: sv, fuiad_0.1, ..",
         "NAME"},
        {"class", 0, POPT_ARG_STRING, &o.class_name, 0,
         "Class of the photographs given or arriving: whose thresholds they are judged by", "NAME"},
        {"name", 0, POPT_ARG_STRING, &o.name, 0,
         "Only parts of this name; of photographs given: what the part is called", "PART"},
        {"threshold", 0, POPT_ARG_STRING, &o.threshold, 0,
         "Score above which a part is rejected, in place of the model's", "X"},
        {"jsonl", 0, POPT_ARG_STRING, &o.jsonl, 0,
         "Results as JSON, a line a part; - for standard output", "FILE"},
        {"heatmaps", 0, POPT_ARG_STRING, &o.heatmaps, 0, "Folder for a PNG of every view", "DIR"},
        {"heatmap-size", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &o.heatmap_size, 0,
         "Pixels that larger ones are reduced to, 0 for the photograph's own size", "N"},
        {"fail-on-defect", 0, POPT_ARG_NONE, &o.fail_on_defect, 0,
         "End with 10 where a part was rejected, with 11 where one could not be judged", NULL},
        POPT_TABLEEND};
    struct poptOption arriving[] = {
        {"watch", 0, POPT_ARG_STRING, &o.watch, 0, "Folder that photographs come into", "DIR"},
        {"pattern", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &o.pattern, 0,
         "Their names: {part}, {view}, {class} if there is one, * for anything", "NAME"},
        {"view-names", 0, POPT_ARG_STRING, &o.view_names, 0,
         "The views of each part, so that missing ones are named; sets --views", "LIST"},
        {"done", 0, POPT_ARG_STRING, &o.done, 0,
         "Folder that photographs go to once judged (required without --once)", "DIR"},
        {"timeout", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &o.timeout, 0,
         "Seconds to wait for a missing view", "S"},
        {"settle", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &o.settle, 0,
         "Milliseconds without a change after which a file is taken as written", "MS"},
        {"once", 0, POPT_ARG_NONE, &o.once, 0, "End when nothing is left to judge", NULL},
        POPT_TABLEEND};
    struct poptOption tensors[] = {
        {"tensor", 0, POPT_ARG_STRING, &o.tensor, 0,
         "Tensor file whose 'input' is (samples * views, 3, S, S), normalised", "FILE"},
        {"dump", 0, POPT_ARG_STRING, &o.dump, 0, "Tensor file for features, maps and scores",
         "FILE"},
        {"batch", 'b', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &o.batch, 0,
         "Samples a run: more take more memory", "B"},
        POPT_TABLEEND};
    struct poptOption table[] = {
        {"model", 'm', POPT_ARG_STRING, &o.model, 0,
         "Model file, or the folder of a run (required)", "PATH"},
        OPTION_PRECISION(&o.precision),
        OPTION_HELP,
        OPTION_ARGUMENTS(&o.images, "[OPTION...] [IMAGE...]"),
        OPTION_GROUP(photographs, "Parts: the photographs IMAGE... of one, or a data set:"),
        OPTION_GROUP(arriving, "Parts whose photographs arrive, --views of each:"),
        OPTION_GROUP(tensors, "Instead of parts:"),
        OPTION_GROUP(o.config.table,
                     "Model (for what the file does not say; --views is for --tensor "
                     "and --watch):"),
        OPTION_GROUP(o.device.table, "Device:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = check_mode(&caller, &o);
    if (code == OPTIONS_READ)
        code = o.tensor.value  ? predict_tensor(&caller, &o)
               : o.watch.value ? predict_watch(&caller, &o)
                               : predict_images(&caller, &o);
    options_free(table);
    return code;
}
