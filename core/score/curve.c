#include "core/score/curve.h"

#include <math.h>
#include <string.h>

void curve_begin(struct curve *curve, const struct tally *total)
{
    memset(curve, 0, sizeof *curve);
    curve->total = *total;
    curve->normal = (double)total->normal;
    curve->anomalous = (double)total->anomalous;
    curve->weight = (double)total->weight;
}

static double f1(double anomalous, double normal, double all_anomalous)
{
    return 2 * anomalous / (anomalous + normal + all_anomalous);
}

/* Area of a trapezoid that goes from (x0, y0) to (x1, y1), left of CURVE_AUPRO_LIMIT. */
static void add_aupro(struct curve *curve, double x0, double y0, double x1, double y1, bool equal)
{
    const double limit = CURVE_AUPRO_LIMIT;
    if (x0 >= limit) return;
    double width = fmin(x1, limit) - x0, rise = y1 - y0;
    double y_end = x1 > limit ? y0 + rise * width / (x1 - x0) : y1;
    curve->sum.aupro += width * (y0 + y_end) / 2 / limit;
    if (!equal) curve->sum.error.aupro += width * rise / (x1 > limit ? 1 : 2) / limit;
}

void curve_add(struct curve *curve, const struct tally *group, bool equal)
{
    double n0 = (double)curve->seen.normal, p0 = (double)curve->seen.anomalous,
           w0 = (double)curve->seen.weight;
    tally_add(&curve->seen, group);
    double n1 = (double)curve->seen.normal, p1 = (double)curve->seen.anomalous,
           w1 = (double)curve->seen.weight;
    double n = (double)group->normal, p = (double)group->anomalous;
    const double N = curve->normal, P = curve->anomalous;
    if (!(N > 0) || !(P > 0)) return;
    struct curve_metrics *sum = &curve->sum;
    equal = equal || !group->normal || !group->anomalous;

    sum->auroc += n / N * ((p0 + p / 2) / P);
    if (!equal) sum->error.auroc += n / N * (p / P) / 2;

    if (group->anomalous) {
        double precision = p1 / (p1 + n1), at = f1(p1, n1, P), best = f1(p1, n0, P);
        sum->ap += p / P * precision;
        /* All anomalous scores of the group first: precision ends, and is highest, at p1 of
         * p1 + n0. All normal ones first: it starts, and is lowest, at p0 + 1 of p0 + 1 + n1. */
        if (!equal)
            sum->error.ap +=
                p / P * fmax(p1 / (p1 + n0) - precision, precision - (p0 + 1) / (p0 + 1 + n1));
        if (at > sum->f1_max) sum->f1_max = at;
        if (!equal && best > curve->best_f1) curve->best_f1 = best;
    }
    if (curve->weight > 0)
        add_aupro(curve, n0 / N, w0 / curve->weight, n1 / N, w1 / curve->weight, equal);
}

void curve_end(const struct curve *curve, struct curve_metrics *metrics)
{
    *metrics = curve->sum;
    /* A perfect ranking may sum to a little more than 1. */
    metrics->auroc = fmin(metrics->auroc, 1);
    metrics->ap = fmin(metrics->ap, 1);
    metrics->aupro = fmin(metrics->aupro, 1);
    metrics->error.f1_max = fmax(0, curve->best_f1 - metrics->f1_max);
    bool both = curve->total.normal && curve->total.anomalous;
    if (!both) metrics->auroc = metrics->ap = metrics->f1_max = NAN;
    if (!both || !curve->total.weight) metrics->aupro = NAN;
}
