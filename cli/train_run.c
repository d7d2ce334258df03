/* One run from its first step to its last, and what is shown of it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/common/clock.h"
#include "cli/common/interrupt.h"
#include "cli/metrics_table.h"
#include "cli/train.h"

#define SECONDS_BETWEEN_LINES 10 /* where standard error is no terminal */
#define BAR_CELLS 24

void train_close_line(struct training *t)
{
    if (t->line_open) fputc('\n', stderr);
    t->line_open = false;
}

static void show_bar(double share)
{
    const int full = (int)(share * BAR_CELLS);
    fputc('[', stderr);
    for (int i = 0; i < BAR_CELLS; i++) fputc(i < full ? '#' : '.', stderr);
    fputs("] ", stderr);
}

static void show_progress(struct training *t)
{
    const mvad_train_progress *p = &t->last;
    const int64_t left = (int64_t)fmin(p->seconds_left + 0.5, 1e9);
    if (t->terminal) fputc('\r', stderr);
    if (t->class_name) fprintf(stderr, "%s (%zu/%zu)  ", t->class_name, t->number, t->count);
    if (t->terminal) show_bar((double)p->step / (double)p->steps);
    fprintf(stderr,
            "epoch %d/%d  step %" PRId64 "/%" PRId64 "  loss %.4f  %.1f samples/s  %" PRId64
            ":%02d:%02d left%s",
            p->epoch, p->epochs, p->step, p->steps, p->loss, p->samples_per_second, left / 3600,
            (int)(left / 60 % 60), (int)(left % 60),
            t->terminal ? "\033[K" : "\n"); /* erases what a longer line left behind */
    t->line_open = t->terminal;
}

static int32_t take_reading(size_t done, size_t total, void *user)
{
    struct training *t = user;
    const double now = clock_seconds(), pause = t->terminal ? 0.1 : SECONDS_BETWEEN_LINES;
    if (now - t->shown >= pause) {
        fprintf(stderr, "%sreading the photographs: part %zu of %zu%s", t->terminal ? "\r" : "",
                done, total, t->terminal ? "\033[K" : "\n");
        t->line_open = t->terminal;
        t->shown = now;
    }
    return interrupt_came();
}

static int32_t take_progress(const mvad_train_progress *progress, void *user)
{
    struct training *t = user;
    const double now = clock_seconds(), pause = t->terminal ? 0.1 : SECONDS_BETWEEN_LINES;
    const bool is_new = progress->step != t->last.step;
    t->last = *progress;
    if (is_new && (now - t->shown >= pause || (t->terminal && progress->step == progress->steps))) {
        show_progress(t);
        t->shown = now;
    }
    return interrupt_came();
}

static void show_evaluation(int32_t epoch, const mvad_metrics_row *row, void *user)
{
    static const mvad_metric shown[] = {MVAD_METRIC_SAMPLE_AUROC, MVAD_METRIC_IMAGE_AUROC,
                                        MVAD_METRIC_PIXEL_AUROC, MVAD_METRIC_PIXEL_AUPRO};
    struct training *t = user;
    if (strcmp(row->name, "mean") != 0) return;
    train_close_line(t);
    fprintf(stderr, "epoch %d:", epoch);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        char text[16];
        fprintf(stderr, "%s %s %s", i ? "," : "", mvad_metric_name(shown[i]),
                metrics_percent(row->value[shown[i]], text));
    }
    fputc('\n', stderr);
}

int train_run(struct training *t)
{
    mvad_error error;
    int32_t finished = 0;
    t->run.progress = take_progress;
    t->run.reading = take_reading;
    t->run.evaluated = show_evaluation;
    t->run.user = t;
    t->shown = clock_seconds();
    mvad_status status = mvad_train(t->model, t->device, t->dataset, &t->run, &finished, &error);
    train_close_line(t);
    /* The data has been read once by the check: what cannot be read or written now is the run's. */
    if (status == MVAD_ERROR_IO) return command_fail(t->caller, EXIT_FAILED, "%s", error.message);
    if (status) return command_error(t->caller, &error);
    if (!finished && !t->last.steps)
        return command_fail(t->caller, EXIT_INTERRUPTED, "stopped before the first step");
    if (!finished)
        return command_fail(t->caller, EXIT_INTERRUPTED,
                            "stopped after step %" PRId64 " of %" PRId64
                            "; the same command with --resume goes on from there",
                            t->last.step, t->last.steps);
    if (t->last.step)
        printf("%s/model.safetensors: %" PRId64 " steps, loss %.7g\n", t->folder, t->last.step,
               t->last.loss);
    else
        printf("%s/model.safetensors: was finished\n", t->folder);
    return EXIT_DONE;
}
