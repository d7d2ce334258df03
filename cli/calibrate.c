/* `mvad calibrate`: thresholds from good parts that the model was not trained on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/config_options.h"
#include "cli/common/interrupt.h"
#include "cli/common/model_folder.h"
#include "cli/verbs.h"

struct calibrate_options {
    struct text_option model, data, good, variant, classes, out;
    struct text_option confidence, reject_rate, unsure_rate, pixel_share, precision;
    int skip_bad, skip_trained;
    struct config_options config;
    struct device_options device;
};

struct calibrating {
    const struct caller *caller;
    const struct calibrate_options *options;
    mvad_calibrate_options calibrate;
    mvad_model *model;
    mvad_device *device;
    mvad_dataset *dataset;
    mvad_calibration facts; /* once it is done */
    size_t parts;           /* that the thresholds rest on */
    bool terminal;
};

/* A number from 0 to 1, 1 left out. */
static int read_share(const struct caller *caller, const char *name, const char *text, double *value)
{
    char *end;
    if (!text) return OPTIONS_READ;
    *value = strtod(text, &end);
    if (end != text && !*end && *value >= 0 && *value < 1) return OPTIONS_READ;
    return command_fail(caller, EXIT_USAGE, "--%s: '%s' is not a number from 0 to below 1", name,
                        text);
}

static int read_options(struct calibrating *c)
{
    const struct calibrate_options *o = c->options;
    const struct caller *caller = c->caller;
    mvad_calibrate_options *calibrate = &c->calibrate;
    int code = options_required(caller, "model", &o->model);
    if (code == OPTIONS_READ && !o->data.value == !o->good.value)
        code =
            command_fail(caller, EXIT_USAGE,
                         o->data.value ? "--data and --good: one of them only"
                                       : "give --data, whose held-out parts are taken, or --good");
    if (code == OPTIONS_READ)
        code = read_share(caller, "confidence", o->confidence.value, &calibrate->confidence);
    if (code == OPTIONS_READ)
        code = read_share(caller, "reject-rate", o->reject_rate.value, &calibrate->reject_rate);
    if (code == OPTIONS_READ)
        code = read_share(caller, "unsure-rate", o->unsure_rate.value, &calibrate->unsure_rate);
    if (code == OPTIONS_READ)
        code = read_share(caller, "pixel-share", o->pixel_share.value, &calibrate->pixel_share);
    if (code == OPTIONS_READ)
        code = precision_read(caller, o->precision.value, &calibrate->session.precision);
    return code;
}

static void name_skipped(const mvad_dataset_problem *problem, void *user)
{
    const struct calibrating *c = user;
    if (problem->fatal)
        command_fail(c->caller, EXIT_DONE, "skipped: %s: %s", problem->kind, problem->text);
}

static int stopped(const struct calibrating *c)
{
    return command_fail(c->caller, EXIT_INTERRUPTED, "stopped; the model is as it was");
}

static int open_data(struct calibrating *c)
{
    const struct calibrate_options *o = c->options;
    const char *path = o->data.value ? o->data.value : o->good.value;
    mvad_dataset_options open = mvad_dataset_options_default();
    mvad_dataset_check_options check = mvad_dataset_check_options_default();
    mvad_error error;
    size_t count;
    open.variant = o->variant.value;
    open.classes = o->classes.value;
    if (o->data.value && !open.classes) open.classes = mvad_model_note(c->model, "mvad.classes");
    open.image_size = mvad_model_config(c->model).image_size;
    if (mvad_dataset_open(path, &open, &c->dataset, &error))
        return command_error(c->caller, &error);
    check.threads = o->device.threads.value;
    check.remove = 1;
    check.problem = name_skipped;
    check.progress = interrupt_progress;
    check.user = c;
    if (o->skip_bad && mvad_dataset_check(c->dataset, &check, &count, &error))
        return command_error(c->caller, &error);
    if (interrupt_came()) return stopped(c);
    if (!o->data.value) return OPTIONS_READ;
    if (mvad_dataset_keep_held_out(c->dataset, c->model, &count, &error))
        return command_fail(c->caller, EXIT_UNREADABLE,
                            "%s: %s (mvad train --holdout holds parts out; --good takes good parts "
                            "of a data set of their own)",
                            path, error.message);
    return OPTIONS_READ;
}

static int32_t show_progress(size_t done, size_t total, void *user)
{
    const struct calibrating *c = user;
    if (c->terminal)
        fprintf(stderr, "\rscored %zu of %zu parts%s", done, total, done < total ? "" : "\n");
    return interrupt_came();
}

static void print_class(const mvad_calibrated_class *row, void *user)
{
    struct calibrating *c = user;
    c->parts += row->parts;
    printf("%s\t%zu\t%.6g\t%.4g\t%.6g\t%.4g\t%.6g\n", *row->name ? row->name : "-", row->parts,
           (double)row->thresholds.accept, row->accept_bound, (double)row->thresholds.reject,
           row->reject_bound, (double)row->thresholds.pixel);
}

/* What was asked for and could not be had. */
static void warn_class(const mvad_calibrated_class *row, void *user)
{
    const struct calibrating *c = user;
    const mvad_calibration *facts = &c->facts;
    const bool reject = row->reject_bound > facts->reject_rate;
    const double rate = reject ? facts->reject_rate : facts->unsure_rate;
    if (!reject && row->accept_bound <= facts->unsure_rate) return;
    command_fail(
        c->caller, EXIT_DONE,
        "warning: %s%s%zu good part%s bound%s the rate of false %s to %.3g, not to the %.3g "
        "asked for (confidence %g), which takes %zu parts",
        row->name, *row->name ? ": " : "", row->parts, row->parts == 1 ? "" : "s",
        row->parts == 1 ? "s" : "", reject ? "rejects" : "doubts",
        reject ? row->reject_bound : row->accept_bound, rate, facts->confidence,
        mvad_calibration_parts_needed(rate, facts->confidence));
}

static int save(struct calibrating *c)
{
    const char *path = c->options->out.value;
    char *file = NULL;
    mvad_error error;
    int code = path ? OPTIONS_READ : model_folder_find(c->caller, c->options->model.value, &file);
    if (code == OPTIONS_READ && mvad_model_save(c->model, path ? path : file, &error))
        code = command_fail(c->caller, EXIT_FAILED, "%s", error.message);
    free(file);
    return code;
}

static size_t count_training_parts(const mvad_dataset *dataset)
{
    size_t count = 0;
    for (size_t i = 0; i < mvad_dataset_class_count(dataset); i++) {
        mvad_dataset_class c;
        if (!mvad_dataset_class_at(dataset, i, &c, NULL)) count += (size_t)c.train_samples;
    }
    return count;
}

static int calibrate(struct calibrating *c)
{
    mvad_error error;
    int32_t finished;
    c->calibrate.skip_trained = c->options->skip_trained;
    c->calibrate.progress = show_progress;
    c->calibrate.user = c;
    if (mvad_calibrate(c->model, c->device, c->dataset, &c->calibrate, &finished, &error))
        return command_error(c->caller, &error);
    if (!finished) return stopped(c);
    int code = save(c);
    if (code != OPTIONS_READ) return code;
    puts("class\tparts\taccept\tbound\treject\tbound\tpixel");
    if (mvad_model_calibration(c->model, &c->facts, print_class, c, &error) ||
        mvad_model_calibration(c->model, &c->facts, warn_class, c, &error))
        return command_error(c->caller, &error);
    const size_t left_out = count_training_parts(c->dataset) - c->parts;
    if (left_out)
        command_fail(c->caller, EXIT_DONE, "%zu part%s left out: the model was trained on %s",
                     left_out, left_out == 1 ? " is" : "s are", left_out == 1 ? "it" : "them");
    command_fail(c->caller, EXIT_DONE, "calibration %s of model %s, confidence %g", c->facts.id,
                 c->facts.model, c->facts.confidence);
    return EXIT_DONE;
}

static int run(const struct caller *caller, const struct calibrate_options *options)
{
    struct calibrating c = {.caller = caller,
                            .options = options,
                            .calibrate = mvad_calibrate_options_default(),
                            .terminal = isatty(STDERR_FILENO)};
    int32_t views;
    int code = read_options(&c);
    if (code == OPTIONS_READ) code = device_options_open(caller, &options->device, &c.device);
    if (code == OPTIONS_READ)
        code =
            config_options_load(caller, &options->config, options->model.value, &c.model, &views);
    if (code == OPTIONS_READ) code = open_data(&c);
    interrupt_catch();
    if (code == OPTIONS_READ) code = calibrate(&c);
    mvad_dataset_close(c.dataset);
    mvad_model_destroy(c.model);
    mvad_device_close(c.device);
    return code;
}

int verb_calibrate(const char *program, const struct command *command, int argc, char **argv)
{
    const struct caller caller = {program, command};
    struct calibrate_options o = {.precision = {.value = "f32"}};
    config_options_init(&o.config);
    device_options_init(&o.device);
    struct poptOption table[] = {
        {"model", 'm', POPT_ARG_STRING, &o.model, 0,
         "Model file, or the folder of a run (required)", "PATH"},
        {"data", 0, POPT_ARG_STRING, &o.data, 0,
         "Data set the model was trained on with --holdout: the parts held out are taken", "PATH"},
        {"good", 0, POPT_ARG_STRING, &o.good, 0,
         "Data set whose training parts are good and new to the model", "PATH"},
        {"variant", 0, POPT_ARG_STRING, &o.variant, 0, "Real-IAD's JSON files: sv, fuiad_0.1, ..",
         "NAME"},
        {"classes", 0, POPT_ARG_STRING, &o.classes, 0, "Only these, separated by commas", "LIST"},
        {"skip-bad", 0, POPT_ARG_NONE, &o.skip_bad, 0,
         "Check all files first and leave out parts with problems", NULL},
        {"skip-trained", 0, POPT_ARG_NONE, &o.skip_trained, 0,
         "Leave out parts that the model was trained on, told by their photographs", NULL},
        {"reject-rate", 0, POPT_ARG_STRING, &o.reject_rate, 0,
         "Share of good parts that may be rejected (default: 0.01)", "X"},
        {"unsure-rate", 0, POPT_ARG_STRING, &o.unsure_rate, 0,
         "Share of good parts that may be unsure or rejected (default: 0.05)", "X"},
        {"confidence", 0, POPT_ARG_STRING, &o.confidence, 0,
         "Probability that these bounds hold (default: 0.95)", "X"},
        {"pixel-share", 0, POPT_ARG_STRING, &o.pixel_share, 0,
         "Share of a good part's pixels that regions may take up (default: 0.001)", "X"},
        {"out", 'o', POPT_ARG_STRING, &o.out, 0, "Model file to write, instead of --model's",
         "FILE"},
        OPTION_PRECISION(&o.precision),
        OPTION_HELP,
        OPTION_GROUP(o.config.table, "Model (for what the file does not say):"),
        OPTION_GROUP(o.device.table, "Device:"),
        POPT_TABLEEND};
    int code = options_parse(&caller, table, argc, argv);
    if (code == OPTIONS_READ) code = run(&caller, &o);
    options_free(table);
    return code;
}
