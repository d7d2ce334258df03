/* Arrays as NumPy's .npy files (format version 1.0): float32, little-endian, C order.
 *
 *     const int64_t shape[3] = {views, size, size};
 *     status = npy_save("maps/part_0001.npy", 3, shape, maps, error);    // numpy.load reads it
 */
#ifndef SCORE_NPY_H
#define SCORE_NPY_H

#include <stdint.h>

#include "mvad.h"

#define NPY_MAX_RANK 8

/* Writes `values`, as many as the product of `shape`, whose `rank` sizes are not negative; rank
 * from 1 to NPY_MAX_RANK. Replaces the file as file_replace does, with its errors. */
mvad_status npy_save(const char *path, int32_t rank, const int64_t *shape, const float *values,
                     mvad_error *error);

#endif
