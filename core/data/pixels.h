/* Images in the caller's memory. */
#ifndef DATA_PIXELS_H
#define DATA_PIXELS_H

#include "core/data/image.h"

/* MVAD_OK, or MVAD_ERROR_INVALID_ARGUMENT with what of the image is out of range; `number` is its
 * name in the message. */
mvad_status pixels_check(const mvad_image_view *view, size_t number, mvad_error *error);

/* Resizes an image that has been checked: `pixels` takes image_size^2 * 3 bytes, RGB, those that
 * load_image gives for a file of these pixels. MVAD_ERROR_OUT_OF_MEMORY. */
mvad_status pixels_resize(const mvad_image_view *view, int32_t image_size, uint8_t *pixels,
                          mvad_error *error);

#endif
