#include <math.h>
#include <stdlib.h>

#include "cli/common/config_options.h"
#include "cli/report/report.h"
#include "cli/common/result_file.h"
#include "cli/verbs.h"

#define MAX_EXAMPLES 20

struct report_options {
    struct text_option model, data, results, log, out, variant, classes, threshold;
    struct number_option examples;
    struct config_options config;
    struct device_options device;
};

static int check_options(const struct caller *caller, const struct report_options *options)
{
    int code = options_required(caller, "model", &options->model);
    if (code == OPTIONS_READ) code = options_required(caller, "data", &options->data);
    if (code == OPTIONS_READ) code = options_required(caller, "results", &options->results);
    if (code == OPTIONS_READ) code = options_required(caller, "out", &options->out);
    if (code == OPTIONS_READ)
        code = options_count(caller, "examples", options->examples.value, MAX_EXAMPLES);
    return code;
}

/* --threshold; NaN where it is not given. */
static int read_threshold(const struct caller *caller, const char *text, double *threshold)
{
    char *end;
    *threshold = NAN;
    if (!text) return OPTIONS_READ;
    *threshold = strtod(text, &end);
    if (end != text && !*end && isfinite((float)*threshold) && *threshold > 0) return OPTIONS_READ;
    return command_fail(caller, EXIT_USAGE, "--threshold: '%s' is not a number above 0", text);
}

static int read_files(struct report *report)
{
    int code = results_read(report->caller, report->results_path, &report->results);
    if (code == OPTIONS_READ && !report->results.has_parts)
        command_fail(report->caller, EXIT_DONE,
                     "warning: %s: lists no parts, so the report has tables only",
                     report->results_path);
    if (code == OPTIONS_READ && report->log_path)
        code = training_log_read(report->caller, report->log_path, &report->log);
    return code;
}

static int open_dataset(const struct report_options *options, int32_t image_size,
                        struct report *report, mvad_dataset **dataset)
{
    mvad_dataset_options open = mvad_dataset_options_default();
    mvad_error error;
    open.variant = options->variant.value;
    open.classes = options->classes.value;
    open.image_size = image_size;
    if (mvad_dataset_open(options->data.value, &open, dataset, &error))
        return command_error(report->caller, &error);
    report->dataset = *dataset;
    report->chosen_classes = options->classes.value != NULL;
    return OPTIONS_READ;
}

/* The highest score of a normal part, or of any where none is normal; 1 where that is not above
 * 0. */
static double highest_score(const struct results *results)
{
    double normal = 0, any = 0;
    for (size_t i = 0; i < results->part_count; i++) {
        any = fmax(any, results->parts[i].score);
        if (results->parts[i].label == MVAD_NORMAL) normal = fmax(normal, results->parts[i].score);
    }
    return normal > 0 ? normal : any > 0 ? any : 1;
}

/* The model's thresholds of the classes; a class that it has none for is not judged. */
static void take_thresholds(struct report *report)
{
    mvad_thresholds thresholds;
    report->threshold = NAN;
    for (size_t c = 0; c < results_classes(&report->results); c++) {
        const char *name = report->results.table.rows[c].name;
        const bool found = !mvad_model_thresholds(report->model, name, NULL, &thresholds, NULL);
        report->thresholds[c] = found ? thresholds.reject : NAN;
        report->threshold = fmax(report->threshold, report->thresholds[c]);
    }
}

/* The threshold asked for, or else the model's; without either, heat maps still need colours. */
static int choose_scale(double asked, struct report *report)
{
    mvad_error error;
    mvad_score_scale model = {0};
    mvad_thresholds any;
    const size_t classes = results_classes(&report->results);
    const bool has_scale = mvad_model_note(report->model, "mvad.scale") != NULL;
    const bool has_own = has_scale || mvad_model_note(report->model, "mvad.calibration");
    if ((has_scale && mvad_model_scale(report->model, &model, &error)) ||
        (has_own && mvad_model_thresholds(report->model, NULL, NULL, &any, &error)))
        return command_error(report->caller, &error);
    report->thresholds = calloc(classes + 1, sizeof *report->thresholds);
    if (!report->thresholds) return command_fail(report->caller, EXIT_FAILED, "out of memory");
    report->own_scale = has_own && isnan(asked);
    if (report->own_scale) {
        take_thresholds(report);
        report->scale = model;
        if (has_scale) return OPTIONS_READ;
        asked = any.reject;
    }
    const float middle = (float)(isnan(asked) ? highest_score(&report->results) : asked);
    const float low = model.low < middle ? model.low : 0;
    report->scale = (mvad_score_scale){low, middle, 2 * middle - low};
    if (report->own_scale) return OPTIONS_READ;
    report->threshold = isnan(asked) ? NAN : middle;
    for (size_t c = 0; c < classes; c++) report->thresholds[c] = report->threshold;
    return OPTIONS_READ;
}

static int write_report(const struct report *report, const char *path)
{
    struct result_file file;
    int code = result_file_begin(report->caller, path, &file);
    if (code != EXIT_DONE) return code;
    code = document_write(report, file.stream);
    if (code == OPTIONS_READ) return result_file_end(report->caller, &file);
    result_file_abandon(&file);
    return code;
}

/* Chooses the parts to show, draws them and writes the page. */
static int make_report(const struct report_options *options, mvad_device *device,
                       struct report *report)
{
    int code = examples_choose(report->caller, &report->results, options->examples.value,
                               &report->examples);
    const struct examples_options draw = {report->own_scale ? NAN : report->scale.threshold,
                                          report->scale};
    if (code == OPTIONS_READ)
        code = examples_draw(report->caller, &report->results, report->model, device,
                             report->dataset, &draw, &report->examples, &report->differing);
    if (code != OPTIONS_READ) return code;
    if (report->differing)
        command_fail(
            report->caller, EXIT_DONE,
            "warning: %s: %zu of the parts shown score differently now: these results were "
            "made with another model or other data",
            report->results_path, report->differing);
    return write_report(report, options->out.value);
}

static int make(const struct caller *caller, const struct report_options *options)
{
    struct report report = {.caller = caller,
                            .model_path = options->model.value,
                            .data_path = options->data.value,
                            .results_path = options->results.value,
                            .log_path = options->log.value};
    mvad_model *model = NULL;
    mvad_device *device = NULL;
    mvad_dataset *dataset = NULL;
    double threshold;
    int32_t views;
    int code = check_options(caller, options);
    if (code == OPTIONS_READ) code = read_threshold(caller, options->threshold.value, &threshold);
    if (code == OPTIONS_READ && result_file_check(caller, options->out.value)) code = EXIT_FAILED;
    if (code == OPTIONS_READ) code = device_options_open(caller, &options->device, &device);
    if (code == OPTIONS_READ) code = read_files(&report);
    if (code == OPTIONS_READ)
        code = config_options_load(caller, &options->config, options->model.value, &model, &views);
    report.model = model;
    if (code == OPTIONS_READ)
        code = open_dataset(options, mvad_model_config(model).image_size, &report, &dataset);
    if (code == OPTIONS_READ) code = choose_scale(threshold, &report);
    if (code == OPTIONS_READ) code = make_report(options, device, &report);
    examples_free(&report.examples);
    training_log_free(&report.log);
    results_free(&report.results);
    free(report.thresholds);
    mvad_dataset_close(dataset);
    mvad_model_destroy(model);
    mvad_device_close(device);
    return code;
}

int verb_report(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct report_options o = {.out = {.value = "report.html"}, .examples = {.value = 2}};
    config_options_init(&o.config);
    device_options_init(&o.device);
    struct poptOption table[] = {
        {"model", 'm', POPT_ARG_STRING, &o.model, 0,
         "Model file, or the folder of a run (required)", "PATH"},
        {"data", 0, POPT_ARG_STRING, &o.data, 0, "Data set: a folder or a manifest (required)",
         "PATH"},
        {"results", 0, POPT_ARG_STRING, &o.results, 0,
         "What mvad eval --json wrote about the two (required)", "FILE"},
        {"log", 0, POPT_ARG_STRING, &o.log, 0, "log.jsonl of the training run", "FILE"},
        {"out", 'o', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &o.out, 0, "HTML file to write",
         "FILE"},
        {"examples", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &o.examples, 0,
         "Parts of each kind and class to show: 1 to 20", "N"},
        {"threshold", 0, POPT_ARG_STRING, &o.threshold, 0,
         "Score above which a part counts as anomalous, in place of the model's", "X"},
        {"variant", 0, POPT_ARG_STRING, &o.variant, 0, "Real-IAD's JSON files: sv, fuiad_0.1, ..",
         "NAME"},
        {"classes", 0, POPT_ARG_STRING, &o.classes, 0,
         "Show parts of these only, separated by commas", "LIST"},
        OPTION_HELP,
        OPTION_GROUP(o.config.table, "Model (for what the file does not say):"),
        OPTION_GROUP(o.device.table, "Device:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = make(&caller, &o);
    options_free(table);
    return code;
}
