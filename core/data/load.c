#include "core/data/load.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/data/cache.h"
#include "core/data/image.h"
#include "core/data/resize.h"

/* Adds what has passed since *begin, which becomes now. */
static void add_time(double *seconds, double *begin)
{
    const double now = clock_seconds();
    *seconds += now - *begin;
    *begin = now;
}

static mvad_status load_image_timed(const char *path, int32_t image_size, uint8_t *pixels,
                                    struct load_times *times, mvad_error *error)
{
    struct image image;
    double begin = clock_seconds();
    mvad_status status = image_load(path, &image, error);
    add_time(&times->decode, &begin);
    if (!status) status = resize_image(&image, image_size, image_size, pixels, error);
    add_time(&times->resize, &begin);
    image_free(&image);
    return status;
}

static mvad_status load_mask_timed(const char *path, int32_t image_size, uint8_t *marks,
                                   struct load_times *times, mvad_error *error)
{
    struct image mask;
    double begin = clock_seconds();
    mvad_status status = image_load_mask(path, &mask, error);
    add_time(&times->decode, &begin);
    if (!status) status = resize_mask(&mask, image_size, image_size, marks, error);
    add_time(&times->resize, &begin);
    image_free(&mask);
    return status;
}

mvad_status load_image(const char *path, int32_t image_size, uint8_t *pixels, mvad_error *error)
{
    struct load_times times = {0};
    return load_image_timed(path, image_size, pixels, &times, error);
}

mvad_status load_mask(const char *path, int32_t image_size, uint8_t *marks, mvad_error *error)
{
    struct load_times times = {0};
    return load_mask_timed(path, image_size, marks, &times, error);
}

static bool read_cached(struct image_cache *cache, size_t place, uint8_t *pixels, double *seconds)
{
    double begin = clock_seconds();
    const bool read = image_cache_read_pixels(cache, place, pixels);
    add_time(seconds, &begin);
    return read;
}

static mvad_status load_view_timed(const struct dataset *dataset, size_t view, int32_t image_size,
                                   uint8_t *pixels, uint8_t *marks, struct load_times *times,
                                   mvad_error *error)
{
    const struct dataset_view *source = &dataset->views[view];
    mvad_status status = MVAD_OK;
    const bool cached = image_cache_has_size(dataset->cache, image_size);
    if (!cached || !read_cached(dataset->cache, source->cached, pixels, &times->decode))
        status = load_image_timed(source->image, image_size, pixels, times, error);
    if (status || !marks) return status;

    if (!source->mask) {
        memset(marks, 0, (size_t)image_size * (size_t)image_size);
        return MVAD_OK;
    }
    if (cached && image_cache_read_marks(dataset->cache, source->cached, marks)) return MVAD_OK;
    return load_mask_timed(source->mask, image_size, marks, times, error);
}

mvad_status load_view(const struct dataset *dataset, size_t view, int32_t image_size,
                      uint8_t *pixels, uint8_t *marks, mvad_error *error)
{
    struct load_times times = {0};
    return load_view_timed(dataset, view, image_size, pixels, marks, &times, error);
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
    struct load_times times = {0};
    return load_sample_timed(dataset, sample, image_size, images, marks, &times, error);
}

mvad_status load_sample_timed(const struct dataset *dataset, size_t sample, int32_t image_size,
                              float *images, uint8_t *marks, struct load_times *times,
                              mvad_error *error)
{
    const struct dataset_sample *part = &dataset->samples[sample];
    size_t count = (size_t)image_size * (size_t)image_size;
    mvad_status status = MVAD_OK;
    uint8_t *pixels = malloc(3 * count);
    if (!pixels) return error_out_of_memory(error, "load", 3 * count);
    for (size_t v = 0; v < part->view_count && !status; v++) {
        status = load_view_timed(dataset, part->first_view + v, image_size, pixels,
                                 marks ? marks + v * count : NULL, times, error);
        double begin = clock_seconds();
        if (!status) load_normalize(pixels, image_size, images + v * 3 * count);
        add_time(&times->normalize, &begin);
    }
    free(pixels);
    return status;
}
