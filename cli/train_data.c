/* The data a run trains on. */
#include <stdio.h>

#include "cli/common/cache_option.h"
#include "cli/common/interrupt.h"
#include "cli/train.h"

#define IMAGES_BETWEEN_SHOWS 16

static int32_t show_check(size_t done, size_t total, void *user)
{
    struct training *t = user;
    if (t->terminal && (done % IMAGES_BETWEEN_SHOWS == 0 || done == total)) {
        fprintf(stderr, "\rchecking images: %zu of %zu", done, total);
        t->line_open = true;
    }
    return interrupt_came();
}

/* Those that make a sample unusable, one line each; the others are counted. */
static void show_problem(const mvad_dataset_problem *problem, void *user)
{
    struct training *t = user;
    train_close_line(t);
    t->warnings += !problem->fatal;
    if (!problem->fatal) return;
    t->fatal++;
    if (t->quiet) return;
    command_fail(t->caller, EXIT_UNREADABLE, "%s%s: %s", t->options->skip_bad ? "skipped: " : "",
                 problem->kind, problem->text);
}

static int check_data(struct training *t)
{
    mvad_dataset_check_options check = mvad_dataset_check_options_default();
    mvad_error error;
    size_t fatal = 0;
    check.threads = t->options->device.threads.value;
    check.remove = t->options->skip_bad;
    check.problem = show_problem;
    check.progress = show_check;
    check.user = t;
    mvad_status status = mvad_dataset_check(t->dataset, &check, &fatal, &error);
    train_close_line(t);
    if (status) return command_error(t->caller, &error);
    if (interrupt_came())
        return command_fail(t->caller, EXIT_INTERRUPTED, "stopped before all images were checked");
    if (t->warnings && !t->quiet)
        command_fail(t->caller, EXIT_DONE,
                     "warning: %zu peculiarities of the data; mvad data check lists them",
                     t->warnings);
    if (fatal && !t->options->skip_bad)
        return command_fail(t->caller, EXIT_UNREADABLE,
                            "%zu problems of the data; --skip-bad trains without these samples",
                            fatal);
    return OPTIONS_READ;
}

/* After bad parts have been left out: calibration has to find the same ones. */
static int hold_out(struct training *t)
{
    mvad_error error;
    size_t count;
    if (!t->holdout) return OPTIONS_READ;
    if (mvad_dataset_hold_out(t->dataset, t->holdout, t->run.step.seed, &count, &error))
        return command_error(t->caller, &error);
    command_fail(t->caller, EXIT_DONE, "%zu good parts are held out for mvad calibrate", count);
    return OPTIONS_READ;
}

int train_open_data(struct training *t, int32_t image_size)
{
    mvad_dataset_options options = mvad_dataset_options_default();
    mvad_error error;
    options.variant = t->options->variant.value;
    options.classes = t->class_name ? t->class_name : t->options->classes.value;
    options.image_size = image_size;
    if (mvad_dataset_open(t->options->data.value, &options, &t->dataset, &error))
        return command_error(t->caller, &error);
    /* A quiet check has nothing to say but which samples to leave out. */
    int code = t->quiet && !t->options->skip_bad ? OPTIONS_READ : check_data(t);
    if (code != OPTIONS_READ || t->check_only) return code;
    code = hold_out(t);
    if (code != OPTIONS_READ) return code;
    return cache_option_open(t->caller, t->options->cache.value, image_size,
                             t->options->device.threads.value, t->dataset);
}
