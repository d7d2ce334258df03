/* The network's input from image files. */
#ifndef DATA_LOAD_H
#define DATA_LOAD_H

#include "core/data/dataset.h"

/* One view as 8-bit pixels of S x S, S = image_size from 1 to MVAD_MAX_IMAGE_SIZE: `pixels` takes
 * S * S * 3 bytes, channels innermost; `marks`, unless NULL, S * S bytes, 1 where the mask says
 * anomalous, all 0 without a mask. Errors as image_load's. */
mvad_status load_view(const struct dataset_view *view, int32_t image_size, uint8_t *pixels,
                      uint8_t *marks, mvad_error *error);

/* (pixel / 255 - mean) / std with ImageNet's mean and std: S x S x 3 bytes to 3 x S x S floats. */
void load_normalize(const uint8_t *pixels, int32_t image_size, float *image);

/* A sample's views, one after the other: `images` takes view_count * 3 * S * S floats, normalised,
 * NCHW; `marks`, unless NULL, view_count * S * S bytes. */
mvad_status load_sample(const struct dataset *dataset, size_t sample, int32_t image_size,
                        float *images, uint8_t *marks, mvad_error *error);

#endif
