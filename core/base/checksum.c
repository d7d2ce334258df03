#include "core/base/checksum.h"

#include <string.h>

#define LANES 4 /* independent chains: a single one would wait for its own multiplications */
/* Odd, with about as many ones as zeros: the golden ratio, and the square roots of 2 and 3. */
#define MULTIPLIER 0x9e3779b97f4a7c15u
#define MULTIPLIER_2 0x6a09e667f3bcc909u
#define MULTIPLIER_3 0xbb67ae8584caa73bu

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* One-to-one in either argument: a changed word cannot be lost. Multiplying before and after the
 * rotation spreads even a change of the highest bit, so that no change of another single bit undoes
 * it. */
static uint64_t add_word(uint64_t state, uint64_t word)
{
    return rotate(state + word * MULTIPLIER_2, 31) * MULTIPLIER;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 32) * MULTIPLIER_2;
    x = (x ^ x >> 29) * MULTIPLIER_3;
    return x ^ x >> 32;
}

uint64_t checksum_bytes(uint64_t start, const void *data, size_t bytes)
{
    const uint8_t *next = data;
    uint64_t lanes[LANES], word, sum = mix(start + MULTIPLIER) ^ bytes;
    size_t left = bytes;
    for (uint64_t i = 0; i < LANES; i++) lanes[i] = sum + i * MULTIPLIER_3;

    for (; left >= sizeof lanes; next += sizeof lanes, left -= sizeof lanes) {
        for (size_t i = 0; i < LANES; i++) {
            memcpy(&word, next + i * sizeof word, sizeof word);
            lanes[i] = add_word(lanes[i], word);
        }
    }
    for (int i = 0; left > 0; i++) {
        const size_t part = left < sizeof word ? left : sizeof word;
        word = 0;
        memcpy(&word, next, part);
        lanes[i] = add_word(lanes[i], word);
        next += part;
        left -= part;
    }
    for (int i = 0; i < LANES; i++) sum = mix(sum ^ mix(lanes[i]));
    return sum;
}
