/* Counter-based random numbers: Philox4x32 with ten rounds (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). A number depends on where it is used, not on how many
 * were drawn before, so every backend and every resumed run draws the same. Header only: kernels
 * inline it. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

static inline void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Four uniform numbers in [0, 1) with 24 bits each, exact in a float. */
static inline void random_uniform4(const uint32_t counter[4], const uint32_t key[2], float out[4])
{
    uint32_t bits[4];
    philox4x32(counter, key, bits);
    for (int i = 0; i < 4; i++) out[i] = (float)(bits[i] >> 8) * 0x1p-24f;
}

/* The state a step's random numbers derive from: the four words of the graph's `random` input.
 * Element i of the stream `salt` is lane i % 4 of the block with counter (i/4 low, i/4 high, salt,
 * step) and key (seed low, seed high). */
struct random_state {
    uint32_t seed_low, seed_high, step, reserved;
};

/* The uniform numbers of elements 4*block .. 4*block+3 of a stream. */
static inline void random_block(const struct random_state *state, uint32_t salt, uint64_t block,
                                float out[4])
{
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), salt, state->step};
    const uint32_t key[2] = {state->seed_low, state->seed_high};
    random_uniform4(counter, key, out);
}

#endif
