#include "core/train/shuffle.h"

#include "core/base/random.h"

/* Keeps these numbers apart from those that dropout draws with the same seed. */
#define SHUFFLE_SALT 0x53485546u

/* Fisher and Yates' shuffle. The remainder of 64 random bits prefers small numbers by less than
 * count / 2^64. */
void shuffle_order(uint64_t seed, uint32_t epoch, size_t *order, size_t count)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t i = 0; i < count; i++) order[i] = i;
    for (size_t i = count; i > 1; i--) {
        const uint32_t counter[4] = {(uint32_t)i, (uint32_t)((uint64_t)i >> 32), SHUFFLE_SALT,
                                     epoch};
        uint32_t bits[4];
        philox4x32(counter, key, bits);
        size_t j = (size_t)((((uint64_t)bits[1] << 32) | bits[0]) % i);
        size_t last = order[i - 1];
        order[i - 1] = order[j];
        order[j] = last;
    }
}
