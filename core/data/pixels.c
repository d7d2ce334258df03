#include "core/data/pixels.h"

#include <stdlib.h>

#include "core/base/error.h"
#include "core/data/resize.h"

/* Where red, green and blue stand in a pixel. */
struct layout {
    int8_t bytes, red, green, blue;
};

static const struct layout layouts[MVAD_PIXELS_COUNT] = {
    [MVAD_PIXELS_RGB] = {3, 0, 1, 2},  [MVAD_PIXELS_BGR] = {3, 2, 1, 0},
    [MVAD_PIXELS_GREY] = {1, 0, 0, 0}, [MVAD_PIXELS_RGBA] = {4, 0, 1, 2},
    [MVAD_PIXELS_BGRA] = {4, 2, 1, 0},
};

mvad_status pixels_check(const mvad_image_view *view, size_t number, mvad_error *error)
{
    const mvad_status wrong = MVAD_ERROR_INVALID_ARGUMENT;
    if (!view->pixels) return error_set(error, wrong, "image %zu: pixels are NULL", number);
    if ((unsigned)view->format >= MVAD_PIXELS_COUNT)
        return error_set(error, wrong, "image %zu: its pixel format is out of range", number);
    if (view->width < 1 || view->width > IMAGE_MAX_SIDE || view->height < 1 ||
        view->height > IMAGE_MAX_SIDE || (int64_t)view->width * view->height > IMAGE_MAX_PIXELS)
        return error_set(error, wrong, "image %zu: %d x %d pixels; a side has 1 to %d, both %u",
                         number, view->width, view->height, IMAGE_MAX_SIDE, IMAGE_MAX_PIXELS);
    const ptrdiff_t row = (ptrdiff_t)view->width * layouts[view->format].bytes;
    if (view->stride && view->stride < row && view->stride > -row)
        return error_set(error, wrong, "image %zu: a stride of %td bytes for rows of %td", number,
                         view->stride, row);
    return MVAD_OK;
}

static void copy_rgb(const mvad_image_view *view, uint8_t *rgb)
{
    const struct layout *layout = &layouts[view->format];
    const ptrdiff_t row = (ptrdiff_t)view->width * layout->bytes;
    const ptrdiff_t stride = view->stride ? view->stride : row;
    for (int32_t y = 0; y < view->height; y++) {
        const uint8_t *from = view->pixels + y * stride;
        for (int32_t x = 0; x < view->width; x++, from += layout->bytes, rgb += 3) {
            rgb[0] = from[layout->red];
            rgb[1] = from[layout->green];
            rgb[2] = from[layout->blue];
        }
    }
}

mvad_status pixels_resize(const mvad_image_view *view, int32_t image_size, uint8_t *pixels,
                          mvad_error *error)
{
    const size_t bytes = (size_t)view->width * (size_t)view->height * 3;
    struct image image = {view->width, view->height, 3, malloc(bytes)};
    if (!image.pixels) return error_out_of_memory(error, "image", bytes);
    copy_rgb(view, image.pixels);
    mvad_status status = resize_image(&image, image_size, image_size, pixels, error);
    image_free(&image);
    return status;
}
