#include "cli/report/curves.h"

#include <math.h>
#include <stdlib.h>

#include "cli/common/chart.h"

enum { BUCKETS = 300, HEIGHT = 260, MAX_MARKS = 4, MAX_DOTS = 60 };

#define LEAST_DROP 1.5

/* Of the steps from `first` to before `end`, the least and the largest loss, in order of steps. */
static void extremes(const struct log_step *steps, size_t first, size_t end,
                     struct chart_point points[2])
{
    size_t least = first, most = first;
    for (size_t i = first; i < end; i++) {
        if (steps[i].loss < steps[least].loss) least = i;
        if (steps[i].loss > steps[most].loss) most = i;
    }
    const size_t a = least < most ? least : most, b = least < most ? most : least;
    points[0] = (struct chart_point){(double)steps[a].step, steps[a].loss};
    points[1] = (struct chart_point){(double)steps[b].step, steps[b].loss};
}

/* The mean loss around step number `at`, with as many steps on both sides, a 60th of all at
 * most. */
static double smoothed(const struct training_log *log, size_t at)
{
    size_t side = log->step_count / 120;
    if (at < side) side = at;
    if (log->step_count - 1 - at < side) side = log->step_count - 1 - at;
    double sum = 0;
    for (size_t i = at - side; i <= at + side; i++) sum += log->steps[i].loss;
    return sum / (double)(2 * side + 1);
}

/* Dashed lines where the learning rate drops, with the factor at the first. */
static void mark_drops(const struct training_log *log, const struct chart *chart, int bottom)
{
    int marks = 0;
    for (size_t i = 1; i < log->step_count && marks < MAX_MARKS; i++) {
        const double before = log->steps[i - 1].learning_rate, now = log->steps[i].learning_rate;
        if (!(now > 0 && before / now >= LEAST_DROP)) continue;
        char label[64];
        snprintf(label, sizeof label, "learning rate × %.3g", now / before);
        chart_mark(chart, "drop", (double)log->steps[i].step, bottom, label);
        marks++;
    }
}

static void draw_loss(FILE *file, const struct training_log *log, struct axis x,
                      struct chart_point *points, size_t buckets)
{
    struct chart chart;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < log->step_count; i++) {
        low = fmin(low, log->steps[i].loss);
        high = fmax(high, log->steps[i].loss);
    }
    chart_begin(&chart, file, "Loss", HEIGHT, x, "step", axis_make(low, high, 8, 0.04));
    mark_drops(log, &chart, (int)chart.y.begin);
    for (size_t b = 0; b < buckets; b++)
        extremes(log->steps, b * log->step_count / buckets, (b + 1) * log->step_count / buckets,
                 &points[2 * b]);
    chart_line(&chart, "raw", points, 2 * buckets);
    for (size_t b = 0; b < buckets; b++) {
        const size_t at = buckets > 1 ? b * (log->step_count - 1) / (buckets - 1) : 0;
        points[b] = (struct chart_point){(double)log->steps[at].step, smoothed(log, at)};
    }
    chart_line(&chart, "smooth", points, buckets);
    const struct chart_key keys[] = {{"raw", "of a step"}, {"smooth", "running mean"}};
    chart_end(&chart, keys, 2);
}

static void draw_rate(FILE *file, const struct training_log *log, struct axis x,
                      struct chart_point *points, size_t buckets)
{
    struct chart chart;
    double low = INFINITY, high = -INFINITY;
    for (size_t b = 0; b < buckets; b++) {
        const struct log_step *first = &log->steps[b * log->step_count / buckets];
        const struct log_step *last = &log->steps[(b + 1) * log->step_count / buckets - 1];
        points[2 * b] = (struct chart_point){(double)first->step, first->learning_rate};
        points[2 * b + 1] = (struct chart_point){(double)last->step, last->learning_rate};
        low = fmin(low, fmin(first->learning_rate, last->learning_rate));
        high = fmax(high, fmax(first->learning_rate, last->learning_rate));
    }
    /* A rate that stays is a line from its first to its last step. */
    size_t kept = 0;
    for (size_t i = 0; i < 2 * buckets; i++) {
        if (kept > 1 && points[kept - 1].y == points[i].y && points[kept - 2].y == points[i].y)
            kept--;
        points[kept++] = points[i];
    }
    chart_begin(&chart, file, "Learning rate", HEIGHT, x, "step", axis_make(low, high, 3, 0.1));
    chart_line(&chart, "smooth", points, kept);
    chart_end(&chart, NULL, 0);
}

static void draw_evaluations(FILE *file, const struct training_log *log, struct chart_point *points)
{
    static const struct chart_key keys[] = {
        {"first", "sample AUROC"}, {"second", "image AUROC"}, {"third", "pixel AUPRO"}};
    struct chart chart;
    double low = 100;
    for (size_t i = 0; i < log->evaluation_count; i++) {
        const struct log_evaluation *e = &log->evaluations[i];
        low = fmin(low, 100 * fmin(e->sample_auroc, fmin(e->image_auroc, e->pixel_aupro)));
    }
    low = fmin(90, floor(low / 10) * 10);
    chart_begin(&chart, file, "Metrics during training, mean over the classes, %", HEIGHT,
                axis_make(log->evaluations[0].epoch,
                          log->evaluations[log->evaluation_count - 1].epoch, INFINITY, 0.02),
                "epoch", axis_make(low, 100, INFINITY, 0));
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < log->evaluation_count; i++) {
            const struct log_evaluation *e = &log->evaluations[i];
            const float value[] = {e->sample_auroc, e->image_auroc, e->pixel_aupro};
            points[i] = (struct chart_point){e->epoch, 100 * value[k]};
        }
        chart_line(&chart, keys[k].style, points, log->evaluation_count);
        if (log->evaluation_count <= MAX_DOTS)
            chart_dots(&chart, keys[k].style, points, log->evaluation_count);
    }
    chart_end(&chart, keys, 3);
}

bool curves_write(FILE *file, const struct training_log *log)
{
    const size_t buckets = log->step_count < BUCKETS ? log->step_count : BUCKETS;
    const size_t room = log->evaluation_count > 2 * buckets ? log->evaluation_count : 2 * buckets;
    struct chart_point *points = calloc(room, sizeof *points);
    if (!points) return false;
    const struct axis x = axis_make((double)log->steps[0].step,
                                    (double)log->steps[log->step_count - 1].step, INFINITY, 0);
    fputs("<div class=\"charts\">\n", file);
    draw_loss(file, log, x, points, buckets);
    draw_rate(file, log, x, points, buckets);
    if (log->evaluation_count) draw_evaluations(file, log, points);
    fputs("</div>\n", file);
    free(points);
    return true;
}
