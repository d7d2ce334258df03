/* Ranking metrics from groups of equal scores, highest score first.
 *
 *     struct curve curve;
 *     curve_begin(&curve, &total);
 *     for (each group of equal scores, descending) curve_add(&curve, &group, true);
 *     curve_end(&curve, &metrics);
 *
 * With N normal and P anomalous scores, and n and p of them at or above a threshold:
 *     AUROC  = area under p/P against n/N, straight lines between the groups
 *     AP     = sum over groups of (increase of p/P) * p/(p+n)            (step-wise)
 *     F1-max = largest 2p / (p + n + P) over all groups
 *     AUPRO  = area under PRO against n/N from 0 to 0.3, divided by 0.3
 * PRO is the share of a ground-truth region at or above the threshold, averaged over regions: the
 * sum of 1/area over the anomalous scores at or above it, divided by the number of regions.
 *
 * A group may hold scores that are not all equal (a histogram's bin). The true curve passes through
 * the corners of such a group all the same, and lies within what its best order (all anomalous
 * scores first) and its worst order allow; that is how far each metric may be off, and is summed
 * into the errors:
 *     AUROC  sum of n p / 2 / (N P)
 *     AP     sum of p/P * the larger of (best precision - used), (used - worst precision)
 *     F1-max best corner of any group - F1-max
 *     AUPRO  sum of half the rectangle (d n/N * d PRO), the whole one where it spans 0.3, over 0.3
 */
#ifndef SCORE_CURVE_H
#define SCORE_CURVE_H

#include <stdbool.h>
#include <stdint.h>

/* The number of scores of each label, and the sum of 1/area over the anomalous ones in units of
 * 2^-TALLY_WEIGHT_BITS: integers, so that adding up is exact in any order. */
struct tally {
    uint64_t normal, anomalous, weight;
};

/* A region's weights may be off by area * 2^-(TALLY_WEIGHT_BITS + 1) in all: 5e-7 for an area of
 * 1024 x 1024, which moves AUPRO by less. 64 - 40 bits are left for the number of regions. */
#define TALLY_WEIGHT_BITS 40

#define CURVE_AUPRO_LIMIT 0.3

static inline void tally_add(struct tally *sum, const struct tally *part)
{
    sum->normal += part->normal;
    sum->anomalous += part->anomalous;
    sum->weight += part->weight;
}

/* Values in [0, 1]; `error` bounds how far scores that share a group without being equal may have
 * moved each, 0 where there were none. Not a number where undefined: all four where one of the two
 * labels is missing, AUPRO also where no score has a weight. */
struct curve_metrics {
    double auroc, ap, f1_max, aupro;
    struct {
        double auroc, ap, f1_max, aupro;
    } error;
};

struct curve {
    struct tally total, seen;
    double normal, anomalous, weight; /* the totals */
    double best_f1;                   /* of any order inside the groups */
    struct curve_metrics sum;
};

void curve_begin(struct curve *curve, const struct tally *total);

/* The next lower group. `equal`: all its scores are the same. */
void curve_add(struct curve *curve, const struct tally *group, bool equal);

/* After all of `total` has been added. */
void curve_end(const struct curve *curve, struct curve_metrics *metrics);

#endif
