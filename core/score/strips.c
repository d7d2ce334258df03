#include "core/score/strips.h"

#include <math.h>

#define STRIPS 50
#define STEPS 20 /* thresholds of F1, less one */

struct strips {
    struct pixel_histogram_range range;
    bool first;                      /* the highest bin is still to come */
    int current_strip, current_step; /* of the last score: they come from high to low */
    double edges[STRIPS + 1];
    struct tally strip[STRIPS + 1]; /* scores from edge i to below edge i + 1; at the highest */
    struct tally above[STEPS + 1]; /* scaled scores above i / STEPS, not above the next threshold */
};

static void count_scores(struct strips *strips, const struct tally *scores, float score)
{
    double lowest = strips->range.lowest;
    double scaled = (score - lowest) / (strips->range.highest - lowest);
    int strip = strips->current_strip, step = strips->current_step;
    while (strip > 0 && score < strips->edges[strip]) strip--;
    while (step >= 0 && !(scaled > 0.05 * step)) step--;
    tally_add(&strips->strip[strip], scores);
    if (step >= 0) tally_add(&strips->above[step], scores);
    strips->current_strip = strip;
    strips->current_step = step;
}

static void count_bin(const struct tally *bin, float score, void *user)
{
    struct strips *strips = user;
    struct tally rest = *bin;
    /* The scores equal to the highest are known apart from those that share their bin. */
    if (strips->first) {
        const struct tally *at_highest = &strips->range.at_highest;
        count_scores(strips, at_highest, strips->range.highest);
        rest.normal -= at_highest->normal;
        rest.anomalous -= at_highest->anomalous;
        rest.weight -= at_highest->weight;
        strips->first = false;
    }
    if (rest.normal || rest.anomalous) count_scores(strips, &rest, score);
}

static void measure_f1(const struct strips *strips, struct curve_metrics *metrics)
{
    struct tally sum = {0};
    for (int i = STEPS; i >= 0; i--) {
        tally_add(&sum, &strips->above[i]);
        double p = (double)sum.anomalous, n = (double)sum.normal;
        metrics->f1_max =
            fmax(metrics->f1_max, 2 * p / (p + n + (double)strips->range.total.anomalous));
    }
}

static void measure_areas(const struct strips *strips, struct curve_metrics *metrics)
{
    const struct tally *total = &strips->range.total;
    const double limit = CURVE_AUPRO_LIMIT;
    struct tally sum = {0};
    double fpr0 = 0, tpr0 = 0, pro0 = 0, precision0 = 0;
    for (int i = STRIPS; i >= 0; i--) {
        tally_add(&sum, &strips->strip[i]);
        double p = (double)sum.anomalous, n = (double)sum.normal;
        double fpr = n / (double)total->normal, tpr = p / (double)total->anomalous;
        double pro = (double)sum.weight / (double)total->weight, precision = p / (p + n);
        if (i < STRIPS) {
            metrics->auroc += (fpr - fpr0) * (tpr + tpr0) / 2;
            metrics->ap += (tpr - tpr0) * (precision + precision0) / 2;
        }
        if (i == STRIPS) {
            if (fpr > limit) metrics->aupro = NAN;
        } else if (fpr0 <= limit && fpr > fpr0) {
            double width = fmin(fpr, limit) - fpr0;
            double end = pro0 + (pro - pro0) * width / (fpr - fpr0);
            metrics->aupro += width * (pro0 + end) / 2 / limit;
        }
        fpr0 = fpr;
        tpr0 = tpr;
        pro0 = pro;
        precision0 = precision;
    }
}

void strips_measure(struct pixel_histogram *histogram, struct curve_metrics *metrics)
{
    struct strips strips = {.first = true, .current_strip = STRIPS, .current_step = STEPS};
    pixel_histogram_range(histogram, &strips.range);
    const struct pixel_histogram_range *range = &strips.range;
    *metrics = (struct curve_metrics){0};
    if (!range->total.normal || !range->total.anomalous || !(range->lowest < range->highest)) {
        metrics->auroc = metrics->ap = metrics->f1_max = metrics->aupro = NAN;
        return;
    }
    for (int i = 0; i <= STRIPS; i++)
        strips.edges[i] = range->lowest + ((double)range->highest - range->lowest) * i / STRIPS;
    strips.edges[STRIPS] = range->highest;
    pixel_histogram_visit(histogram, count_bin, &strips);
    measure_f1(&strips, metrics);
    measure_areas(&strips, metrics);
    if (!range->total.weight) metrics->aupro = NAN;
}
