#include "core/score/tolerance.h"

#include <math.h>

#define HALVINGS 60 /* of the interval around a bound: as fine as a double */

/* The logarithm of P(B = i + 1) / P(B = i). Probabilities are taken as logarithms: of many parts the
 * first ones are too small for a double. */
static double log_step(size_t n, size_t i, double rate)
{
    return log((double)(n - i) / (double)(i + 1)) + log(rate) - log1p(-rate);
}

/* P(B <= above). */
static double probability(size_t n, size_t above, double rate)
{
    double term = (double)n * log1p(-rate), sum = exp(term);
    for (size_t i = 0; i < above; i++) {
        term += log_step(n, i, rate);
        sum += exp(term);
    }
    return sum;
}

bool tolerance_above(size_t n, double rate, double confidence, size_t *above)
{
    double term = (double)n * log1p(-rate), sum = exp(term);
    *above = 0;
    if (!n || sum > 1 - confidence) return false;
    for (size_t i = 0; i + 1 < n; i++) {
        term += log_step(n, i, rate);
        sum += exp(term);
        if (sum > 1 - confidence) break;
        *above = i + 1;
    }
    return true;
}

double tolerance_bound(size_t n, size_t above, double confidence)
{
    double low = 0, high = 1;
    for (int i = 0; i < HALVINGS; i++) {
        const double rate = (low + high) / 2;
        if (probability(n, above, rate) > 1 - confidence)
            low = rate;
        else
            high = rate;
    }
    return high;
}

size_t tolerance_parts_needed(double rate, double confidence)
{
    const double parts = log(1 - confidence) / log1p(-rate);
    size_t above, needed = parts < 1e15 ? (size_t)parts : (size_t)1e15;
    while (!tolerance_above(needed, rate, confidence, &above)) needed++;
    return needed;
}
