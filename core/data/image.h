/* Photographs and masks: decoded from JPEG, PNG and BMP files.
 *
 *     struct image image;
 *     status = image_load("part/C1.jpg", &image, error);   // RGB, upright
 *     ... image.pixels[(y * image.width + x) * image.channels + c] ...
 *     image_free(&image);
 *
 * Errors name the file: MVAD_ERROR_IO where it cannot be read, MVAD_ERROR_FORMAT where it is no
 * image, broken, cut off or larger than the limits below, MVAD_ERROR_OUT_OF_MEMORY. On failure
 * *image is empty. */
#ifndef DATA_IMAGE_H
#define DATA_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

#define IMAGE_MAX_SIDE 16384        /* pixels */
#define IMAGE_MAX_PIXELS (1u << 28) /* of the whole image */
#define IMAGE_MAX_FILE_BYTES ((size_t)1 << 30)

/* Rows from the top, no padding, channels innermost. */
struct image {
    int32_t width, height;
    int32_t channels; /* 3: red, green, blue; 1: grey */
    uint8_t *pixels;  /* owned; width * height * channels bytes */
};

/* Decodes to RGB, whatever the file holds: grey is repeated, an alpha channel is dropped without
 * blending, of 16 bits a channel the upper 8 are taken. The EXIF orientation of a JPEG is applied,
 * so that the photograph stands as its camera was held. */
mvad_status image_load(const char *path, struct image *image, mvad_error *error);

/* Decodes a mask to one channel of 0 and 255: 255 where the grey value of the pixel, at the file's
 * own depth, is above 0. The grey value of a coloured mask is its luma (ITU-R BT.601), rounded. */
mvad_status image_load_mask(const char *path, struct image *mask, mvad_error *error);

/* The width and height that loading gives, from the file's header, without decoding; an image
 * beyond the limits is refused here as it is when loading. */
mvad_status image_measure(const char *path, int32_t *width, int32_t *height, mvad_error *error);

/* Accepts an empty image, and leaves one. */
void image_free(struct image *image);

#endif
