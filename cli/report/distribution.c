#include "cli/report/distribution.h"

#include <math.h>

#include "cli/common/chart.h"

enum {
    LABELS = 3,
    ROW = 56, /* height of a label's row at most, and at least */
    LEAST_ROW = 20,
    GAP = 8,
    BIN = 6, /* width of a stack of dots, or of a bar */
    BINS = (CHART_RIGHT - CHART_LEFT) / BIN + 1,
    DOT = 5, /* from one dot of a stack to the next */
};

static const char *const styles[LABELS] = {
    [MVAD_NORMAL] = "normal", [MVAD_ANOMALOUS] = "anomalous", [MVAD_UNLABELLED] = "unlabelled"};

/* The parts of one label in a class. */
struct row {
    const struct results *results;
    size_t class_index, count;
    mvad_label label;
    size_t bins[BINS], most; /* parts at each place of the axis */
    int height;
};

static const struct scored_part *next_part(const struct row *row, size_t *i)
{
    while (*i < row->results->part_count) {
        const struct scored_part *part = &row->results->parts[(*i)++];
        if (part->class_index == row->class_index && part->label == row->label) return part;
    }
    return NULL;
}

static size_t bin_of(const struct axis *x, double score)
{
    return (size_t)((axis_position(x, score) - CHART_LEFT) / BIN);
}

static void count_row(struct row *row, const struct axis *x)
{
    const struct scored_part *part;
    for (size_t i = 0; (part = next_part(row, &i));) {
        const size_t bin = bin_of(x, part->score);
        row->count++;
        if (++row->bins[bin] > row->most) row->most = row->bins[bin];
    }
    const size_t stack = DOT * row->most + DOT;
    row->height = stack > ROW ? ROW : stack < LEAST_ROW ? LEAST_ROW : (int)stack;
}

static void draw_bars(const struct chart *chart, const struct row *row, int base)
{
    for (int b = 0; b < BINS; b++) {
        const double height = (double)ROW * (double)row->bins[b] / (double)row->most;
        if (row->bins[b])
            fprintf(chart->file,
                    "<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>",
                    styles[row->label], CHART_LEFT + b * BIN, base - height, BIN - 1, height);
    }
}

static void draw_dots(const struct chart *chart, const struct row *row, int base)
{
    const struct scored_part *part;
    size_t stacked[BINS] = {0};
    for (size_t i = 0; (part = next_part(row, &i));) {
        const int below = DOT * (int)stacked[bin_of(&chart->x, part->score)]++;
        fprintf(chart->file, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>",
                styles[row->label], axis_position(&chart->x, part->score), base - 3.5 - below);
    }
}

/* What the threshold and all scores of a class span. */
static struct axis score_axis(const struct results *results, size_t class_index, double threshold)
{
    double low = threshold, high = threshold; /* a NaN gives way */
    for (size_t i = 0; i < results->part_count; i++) {
        if (results->parts[i].class_index != class_index) continue;
        low = fmin(low, results->parts[i].score);
        high = fmax(high, results->parts[i].score);
    }
    struct axis x = axis_make(low, high, 12, 0.03);
    x.begin = CHART_LEFT;
    x.end = CHART_RIGHT;
    return x;
}

void distribution_write(FILE *file, const struct results *results, size_t class_index,
                        double threshold)
{
    const struct axis x = score_axis(results, class_index, threshold);
    struct row rows[LABELS];
    struct chart chart;
    struct chart_key keys[LABELS + 1];
    char texts[LABELS + 1][64], number[AXIS_NUMBER_BYTES];
    size_t key_count = 0;
    int bottom, height = CHART_TOP + GAP, base = CHART_TOP;
    for (int l = 0; l < LABELS; l++) {
        rows[l] = (struct row){.results = results, .class_index = class_index};
        rows[l].label = (mvad_label)l;
        count_row(&rows[l], &x);
        if (rows[l].count) height += rows[l].height + GAP;
    }
    chart_begin_flat(&chart, file, "Scores of the parts", height + CHART_BELOW, &bottom, x,
                     x.logarithmic ? "score, logarithmic" : "score");
    for (int l = 0; l < LABELS; l++) {
        if (!rows[l].count) continue;
        base += rows[l].height + GAP;
        fprintf(file, "<path class=\"grid\" d=\"M%d %dH%d\"/>", CHART_LEFT, base, CHART_RIGHT);
        if (DOT * rows[l].most + DOT > ROW)
            draw_bars(&chart, &rows[l], base);
        else
            draw_dots(&chart, &rows[l], base);
        fputc('\n', file);
        snprintf(texts[key_count], sizeof texts[0], "%s: %zu part%s", styles[l], rows[l].count,
                 rows[l].count == 1 ? "" : "s");
        keys[key_count] = (struct chart_key){styles[l], texts[key_count]};
        key_count++;
    }
    if (!isnan(threshold)) {
        chart_mark(&chart, "threshold", threshold, bottom, NULL);
        snprintf(texts[key_count], sizeof texts[0], "threshold %s", axis_number(threshold, number));
        keys[key_count] = (struct chart_key){"threshold", texts[key_count]};
        key_count++;
    }
    chart_end(&chart, keys, key_count);
}
