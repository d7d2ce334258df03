/* Pixel metrics the way the paper's code takes them: an approximation, for comparing with published
 * tables only.
 *
 * - AUROC, AP and AUPRO from 51 thresholds that cut the range from the lowest to the highest score
 *   into 50 equal strips: lines between the points of the thresholds, from the highest to the
 *   lowest score. AP is the area under those lines through (recall, precision), not the step-wise
 *   sum.
 * - F1-max over the 21 thresholds 0, 0.05, .. 1 of the scores scaled to [0, 1], a score counting as
 *   anomalous where it is above the threshold.
 *
 * One outlier widens every strip, until most scores share one and the figures say little: compare
 * `curve.h`, which is the default. A histogram whose shift is not 0 adds that a bin which straddles
 * a threshold is counted below it.
 */
#ifndef SCORE_STRIPS_H
#define SCORE_STRIPS_H

#include "core/score/curve.h"
#include "core/score/pixel_histogram.h"

/* Not a number where curve.h says so, where all scores are equal, and AUPRO also where more than
 * 0.3 of the normal scores equal the highest. The errors are 0: they are not known. */
void strips_measure(struct pixel_histogram *histogram, struct curve_metrics *metrics);

#endif
