/* A float's bits as an unsigned integer of the same order. */
#ifndef SCORE_SCORE_KEY_H
#define SCORE_SCORE_KEY_H

#include <stdint.h>
#include <string.h>

/* a < b exactly where score_key(a) < score_key(b); the two zeros are one key. Not for NaN. */
static inline uint32_t score_key(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    if (bits == 0x80000000u) bits = 0;
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* The inverse. A key that is no number's key gives the nearest infinity. */
static inline float score_from_key(uint32_t key)
{
    const uint32_t infinity = 0x7F800000u;
    if (key < ~(infinity | 0x80000000u)) key = ~(infinity | 0x80000000u);
    if (key > (infinity | 0x80000000u)) key = infinity | 0x80000000u;
    uint32_t bits = key & 0x80000000u ? key & 0x7FFFFFFFu : ~key;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

#endif
