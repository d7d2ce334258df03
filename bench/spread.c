#include "bench/spread.h"

#include <stdlib.h>

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

double spread_percentile(const double *sorted, size_t count, double share)
{
    const double at = share * (double)(count - 1);
    const size_t below = (size_t)at, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

struct spread spread_of(double *values, size_t count)
{
    struct spread spread;
    qsort(values, count, sizeof *values, ascending);
    spread.least = values[0];
    spread.most = values[count - 1];
    spread.median = spread_percentile(values, count, 0.5);
    spread.p90 = spread_percentile(values, count, 0.9);
    spread.p99 = spread_percentile(values, count, 0.99);
    return spread;
}
