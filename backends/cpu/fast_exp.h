/* Powers of two for kernels: branch-free, so that compilers vectorise the loops that call it.
 * exp(x) is fast_exp2(x * log2(e)); attention folds that factor into a scale it multiplies with
 * anyway.
 *
 * Largest relative error against the C library's: 1.1e-7 for float (every float in [-126, 1]),
 * 2e-16 for double (1e8 numbers in [-1022, 1]). fast_exp2(0) is exactly 1, -infinity gives 0, not a
 * number stays so. Below 2^-126.5 (double: 2^-1022.5) the result is 0. x must not exceed the
 * largest exponent of the type. */
#ifndef CPU_FAST_EXP_H
#define CPU_FAST_EXP_H

#include <string.h>

#include "backends/cpu/cpu.h"

#ifdef CPU_DOUBLE
#define FAST_EXP_LOG2_E 1.44269504088896340736
#define FAST_EXP_LN_2 0.69314718055994530942
#else
#define FAST_EXP_LOG2_E 1.44269504088896340736f
#define FAST_EXP_LN_2 0.69314718055994530942f
#endif

/* Adding `round` to x leaves round(x) plus the exponent bias in the low bits of the sum: shifted
 * into place these are 2^round(x), and 0 at the lower limit. The polynomials are minimax in the
 * relative error of 2^f for |f| <= 1/2. */
static inline real fast_exp2(real x)
{
#ifdef CPU_DOUBLE
    const double lowest = -1023, round = 0x1.8p52 + 1023;
    x = x < lowest ? lowest : x;
    double sum = x + round, f = x - (sum - round);
    double y = 4.4352827069572771511e-10;
    y = y * f + 7.0741056135081427963e-9;
    y = y * f + 1.0178198021671930844e-7;
    y = y * f + 1.321543308967639918e-6;
    y = y * f + 1.5252733489988525649e-5;
    y = y * f + 1.5403530462514432062e-4;
    y = y * f + 1.3333558146789921722e-3;
    y = y * f + 9.6181291075883352443e-3;
    y = y * f + 5.5504108664819921605e-2;
    y = y * f + 0.24022650695910156204;
    y = y * f + 0.69314718055994533046;
    y = y * f + 1.0;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof(bits));
    bits <<= 52;
    double power;
#else
    const float lowest = -127, round = 0x1.8p23f + 127;
    x = x < lowest ? lowest : x;
    float sum = x + round, f = x - (sum - round);
    float y = 1.5345812161311629759e-4f;
    y = y * f + 1.3399931177239737967e-3f;
    y = y * f + 9.6184889563311816196e-3f;
    y = y * f + 5.550328777105324799e-2f;
    y = y * f + 0.24022646890645520696f;
    y = y * f + 0.69314720573719575134f;
    y = y * f + 1.0f;
    uint32_t bits;
    memcpy(&bits, &sum, sizeof(bits));
    bits <<= 23;
    float power;
#endif
    memcpy(&power, &bits, sizeof(power));
    return y * power;
}

#endif
