/* The order of samples in an epoch. */
#ifndef TRAIN_SHUFFLE_H
#define TRAIN_SHUFFLE_H

#include <stddef.h>
#include <stdint.h>

/* Fills `order` with a permutation of 0 .. count - 1 that depends on nothing but seed, epoch and
 * count. */
void shuffle_order(uint64_t seed, uint32_t epoch, size_t *order, size_t count);

#endif
