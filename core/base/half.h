/* 16-bit floats: IEEE 754 binary16 ("half"), with 11 binary digits and 65504 as its largest number, and bfloat16, the
 * upper half of a float, with 8 digits and a float's range. */
#ifndef BASE_HALF_H
#define BASE_HALF_H

#include <stdint.h>
#include <string.h>

#define HALF_LARGEST 65504.0

/* Exact; subnormals, infinities and NaNs included. */
static inline float float_from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 31u, fraction = half & 0x3FFu;
    uint32_t bits;
    float value;
    if (exponent == 0) { /* zero or subnormal: fraction units of 2^-24, a normal float or zero */
        value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = exponent == 31 ? sign | 0x7F800000u | fraction << 13
                          : sign | (exponent + 127 - 15) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The nearest one, ties to even; infinity from 65520 on. */
static inline uint16_t half_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) return (uint16_t)(sign | 0x7E00u); /* NaN */
    if (magnitude >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u);
    if (magnitude < 0x38800000u) { /* below 2^-14: units of 2^-24, rounded by the addition */
        float absolute, units;
        memcpy(&absolute, &magnitude, sizeof absolute);
        units = absolute * 0x1p24f + 0x1p23f;
        memcpy(&bits, &units, sizeof bits);
        return (uint16_t)(sign | (bits & 0x7FFu));
    }
    const uint32_t rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | ((rounded >> 13) - ((127 - 15) << 10)));
}

static inline float float_from_bfloat16(uint16_t number)
{
    const uint32_t bits = (uint32_t)number << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The nearest one, ties to even. */
static inline uint16_t bfloat16_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)(bits >> 16 | 0x40u); /* NaN */
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

#endif
