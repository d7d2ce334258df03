/* Times, and what is said of many of them. */
#ifndef BENCH_SPREAD_H
#define BENCH_SPREAD_H

#include <stddef.h>

struct spread {
    double median, least, most, p90, p99;
};

/* Sorts the values, at least one. A percentile is interpolated between its two neighbours, as NumPy does. */
struct spread spread_of(double *values, size_t count);

/* At share 0 to 1 of sorted values. */
double spread_percentile(const double *sorted, size_t count, double share);

#endif
