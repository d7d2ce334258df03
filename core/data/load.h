/* The network's input from image files. */
#ifndef DATA_LOAD_H
#define DATA_LOAD_H

#include "core/data/dataset.h"

/* An image file as 8-bit pixels of S x S, S = image_size from 1 to MVAD_MAX_IMAGE_SIZE: `pixels` takes
 * S * S * 3 bytes, channels innermost. Errors as image_load's. */
mvad_status load_image(const char *path, int32_t image_size, uint8_t *pixels, mvad_error *error);

/* A mask file likewise: `marks` takes S * S bytes, 1 where it says anomalous and 0 elsewhere. */
mvad_status load_mask(const char *path, int32_t image_size, uint8_t *marks, mvad_error *error);

/* One view by its index: its image, and its mask unless `marks` is NULL; all 0 without a mask. Read
 * from the data set's cache where that has this size, otherwise decoded: the same bytes and the same
 * errors, those of load_image. Several threads may load from one data set. */
mvad_status load_view(const struct dataset *dataset, size_t view, int32_t image_size,
                      uint8_t *pixels, uint8_t *marks, mvad_error *error);

/* Seconds that loading took, added up. What comes from a cache counts as decoding. */
struct load_times {
    double decode, resize, normalize;
};

/* (pixel / 255 - mean) / std with ImageNet's mean and std: S x S x 3 bytes to 3 x S x S floats. */
void load_normalize(const uint8_t *pixels, int32_t image_size, float *image);

/* A sample's views, one after the other: `images` takes view_count * 3 * S * S floats, normalised,
 * NCHW; `marks`, unless NULL, view_count * S * S bytes. */
mvad_status load_sample(const struct dataset *dataset, size_t sample, int32_t image_size,
                        float *images, uint8_t *marks, mvad_error *error);

/* The same with a clock around the stages; masks count as images do. */
mvad_status load_sample_timed(const struct dataset *dataset, size_t sample, int32_t image_size,
                              float *images, uint8_t *marks, struct load_times *times,
                              mvad_error *error);

#endif
