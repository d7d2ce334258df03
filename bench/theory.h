/* The paper's section III-C: what the cross-view attention costs by its equations 6 to 8, written out from
 * what its text says of their terms. */
#ifndef BENCH_THEORY_H
#define BENCH_THEORY_H

#include "mvad.h"

/* Multiply-adds of the attention of one sample, all scales and blocks, without projections and padding. Of V
 * views of N pixels and C channels, O = V - 1 others (1 of a single view), a windows a side, k chosen ones:
 *
 *     equation 6, every pixel attends to all of the other views:   V * 2 * N * O * N * C
 *     equation 7, choosing windows and attending to them:          V * (O * a^4 * C + 2 * N * k * N / a^2 * C)
 *     equation 8, (7) at its least over a: where O * a^6 = k * N^2
 *
 * k is at most the O * a^2 windows there are. In (8) it is as configured, and a any real number. */
double theory_full(const mvad_config *config);
double theory_selected(const mvad_config *config);
double theory_least(const mvad_config *config);

/* The a of equation 8 at a scale. */
double theory_windows(const mvad_config *config, int scale);

/* Multiply-adds of the attention as the graph counts them (the paper's way, padding included), likewise without
 * projections. */
mvad_status theory_counted(const mvad_config *config, double *macs, mvad_error *error);

#endif
