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

/* Four bits at a time: a table of 16 words stays in the nearest cache. */
uint32_t checksum_crc32(const uint8_t *data, size_t size)
{
    static const uint32_t table[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC,
                                       0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
                                       0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                       0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}
