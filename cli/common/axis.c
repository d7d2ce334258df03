#include "cli/common/axis.h"

#include <math.h>
#include <stdio.h>

struct axis axis_make(double low, double high, double ratio, double margin)
{
    struct axis axis = {.low = low, .high = high, .end = 1};
    if (!(axis.high > axis.low)) {
        const double half = axis.low != 0 ? fabs(axis.low) / 2 : 0.5;
        axis.low -= half;
        axis.high += half;
    }
    axis.logarithmic = axis.low > 0 && axis.high / axis.low > ratio;
    if (axis.logarithmic) {
        const double factor = pow(axis.high / axis.low, margin);
        axis.low /= factor;
        axis.high *= factor;
    } else {
        const double room = margin * (axis.high - axis.low);
        axis.low -= room;
        axis.high += room;
    }
    return axis;
}

double axis_position(const struct axis *axis, double value)
{
    const double inside = fmin(fmax(value, axis->low), axis->high);
    const double share = axis->logarithmic ? log(inside / axis->low) / log(axis->high / axis->low)
                                           : (inside - axis->low) / (axis->high - axis->low);
    return axis->begin + share * (axis->end - axis->begin);
}

/* 1, 2 or 5 times a power of ten: the least that needs no more than `wanted` steps. */
static double round_step(double range, int wanted)
{
    const double least = range / wanted, power = pow(10, floor(log10(least)));
    const double share = least / power;
    return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

static size_t logarithmic_ticks(const struct axis *axis, int wanted, double ticks[AXIS_MAX_TICKS])
{
    static const double within[] = {1, 2, 5};
    const double decades = log10(axis->high / axis->low);
    const size_t each = 3 * decades <= wanted + 1 ? 3 : 1;
    const int every = each == 3 ? 1 : (int)fmax(1, ceil(decades / wanted));
    size_t count = 0;
    for (int p = (int)floor(log10(axis->low)); pow(10, p) <= axis->high; p++) {
        if (p % every) continue;
        for (size_t i = 0; i < each; i++) {
            const double tick = within[i] * pow(10, p);
            if (tick >= axis->low && tick <= axis->high && count < AXIS_MAX_TICKS)
                ticks[count++] = tick;
        }
    }
    return count;
}

size_t axis_ticks(const struct axis *axis, int wanted, double ticks[AXIS_MAX_TICKS])
{
    if (axis->logarithmic) return logarithmic_ticks(axis, wanted, ticks);
    double step = round_step(axis->high - axis->low, wanted);
    if (axis->whole) step = fmax(step, 1);
    size_t count = 0;
    for (double i = ceil(axis->low / step); i * step <= axis->high && count < AXIS_MAX_TICKS; i++)
        ticks[count++] = i * step + 0.0; /* no -0 */
    return count;
}

const char *axis_number(double value, char text[AXIS_NUMBER_BYTES])
{
    const bool whole = value == floor(value) && fabs(value) < 1e7;
    snprintf(text, AXIS_NUMBER_BYTES, whole ? "%.0f" : "%.4g", value);
    return text;
}
