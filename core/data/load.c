#include "core/data/load.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/data/cache.h"
#include "core/data/image.h"
#include "core/data/resize.h"

mvad_status load_image(const char *path, int32_t image_size, uint8_t *pixels, mvad_error *error)
{
    struct image image;
    mvad_status status = image_load(path, &image, error);
    if (!status) status = resize_image(&image, image_size, image_size, pixels, error);
    image_free(&image);
    return status;
}

mvad_status load_mask(const char *path, int32_t image_size, uint8_t *marks, mvad_error *error)
{
    struct image mask;
    mvad_status status = image_load_mask(path, &mask, error);
    if (!status) status = resize_mask(&mask, image_size, image_size, marks, error);
    image_free(&mask);
    return status;
}

mvad_status load_view(const struct dataset *dataset, size_t view, int32_t image_size,
                      uint8_t *pixels, uint8_t *marks, mvad_error *error)
{
    const struct dataset_view *source = &dataset->views[view];
    mvad_status status = MVAD_OK;
    const bool cached = image_cache_has_size(dataset->cache, image_size);
    if (!cached || !image_cache_read_pixels(dataset->cache, source->cached, pixels))
        status = load_image(source->image, image_size, pixels, error);
    if (status || !marks) return status;

    if (!source->mask) {
        memset(marks, 0, (size_t)image_size * (size_t)image_size);
        return MVAD_OK;
    }
    if (cached && image_cache_read_marks(dataset->cache, source->cached, marks)) return MVAD_OK;
    return load_mask(source->mask, image_size, marks, error);
}

void load_normalize(const uint8_t *pixels, int32_t image_size, float *image)
{
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, std[3] = {0.229f, 0.224f, 0.225f};
    size_t count = (size_t)image_size * (size_t)image_size;
    for (size_t c = 0; c < 3; c++) {
        float values[256];
        for (int i = 0; i < 256; i++) values[i] = ((float)i / 255.0f - mean[c]) / std[c];
        for (size_t i = 0; i < count; i++) image[c * count + i] = values[pixels[3 * i + c]];
    }
}

mvad_status load_sample(const struct dataset *dataset, size_t sample, int32_t image_size,
                        float *images, uint8_t *marks, mvad_error *error)
{
    const struct dataset_sample *part = &dataset->samples[sample];
    size_t count = (size_t)image_size * (size_t)image_size;
    mvad_status status = MVAD_OK;
    uint8_t *pixels = malloc(3 * count);
    if (!pixels) return error_out_of_memory(error, "load", 3 * count);
    for (size_t v = 0; v < part->view_count && !status; v++) {
        status = load_view(dataset, part->first_view + v, image_size, pixels,
                           marks ? marks + v * count : NULL, error);
        if (!status) load_normalize(pixels, image_size, images + v * 3 * count);
    }
    free(pixels);
    return status;
}
