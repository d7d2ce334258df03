/* Resizing as Pillow's BILINEAR filter does it: to the bit as its versions up to 12 do. Version 13
 * takes the columns first for some shapes, for one 400 x 640 to 256 x 256, which makes a difference
 * of 1 here and there.
 *
 * A triangle filter whose support grows with the reduction: output i along a side of n pixels made
 * from m has its centre at c = (i + 1/2) s, s = m / n, and input j the weight
 * max(0, 1 - |j + 1/2 - c| / max(s, 1)), the weights of an output divided by their sum. Along the
 * rows first, then along the columns, weights in fixed point, rounded to 8 bits after each. */
#ifndef DATA_RESIZE_H
#define DATA_RESIZE_H

#include "core/data/image.h"

/* Resizes `image` to width x height pixels of as many channels, written to `pixels`. Both sides of
 * both images are from 1 to IMAGE_MAX_SIDE. MVAD_ERROR_OUT_OF_MEMORY. */
mvad_status resize_image(const struct image *image, int32_t width, int32_t height, uint8_t *pixels,
                         mvad_error *error);

/* Resizes a mask of 0 and 255 in the same way; `marks` is then 1 where the result is above 127 and
 * 0 elsewhere. */
mvad_status resize_mask(const struct image *mask, int32_t width, int32_t height, uint8_t *marks,
                        mvad_error *error);

#endif
