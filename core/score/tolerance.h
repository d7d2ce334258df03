/* How often good parts will be rejected by a threshold taken from the scores of n of them, without
 * assuming anything about how scores are spread.
 *
 * Take as the threshold the score that `above` of the n parts exceed. Whatever the scores' distribution,
 * the share q of all good parts that exceed it is larger than some rate with probability
 * P(B <= above), B being binomial with n trials of that rate (Wilks, "Determination of sample sizes for
 * setting tolerance limits", Annals of Mathematical Statistics 12, 1941; where scores tie, at most that).
 * Hence the bound on q is the upper limit of Clopper and Pearson ("The use of confidence or fiducial
 * limits illustrated in the case of the binomial", Biometrika 26, 1934), the quantile `confidence` of a
 * beta distribution with parameters above + 1 and n - above. */
#ifndef SCORE_TOLERANCE_H
#define SCORE_TOLERANCE_H

#include <stdbool.h>
#include <stddef.h>

/* The most of n parts that may score above the threshold, so that with this confidence no more than
 * `rate` of all good parts do. False, and *above 0, where n is too few for any. Rate and confidence are
 * between 0 and 1. */
bool tolerance_above(size_t n, double rate, double confidence, size_t *above);

/* The bound that the threshold gives which `above` of n parts, n > above, exceed. */
double tolerance_bound(size_t n, size_t above, double confidence);

/* How many parts it takes for tolerance_above to say true. */
size_t tolerance_parts_needed(double rate, double confidence);

#endif
