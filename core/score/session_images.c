/* Runs a session on photographs in the caller's memory. */
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/options.h"
#include "core/data/load.h"
#include "core/data/pixels.h"

static const struct options_shape view_shape = OPTIONS_SHAPE(mvad_image_view);

/* The caller's views are as far apart as the first one is long. */
static const mvad_image_view *view_at(const mvad_image_view *images, size_t index)
{
    return (const mvad_image_view *)(const void *)((const char *)images + index * images->size);
}

/* Resized and normalised one after the other into `input`; `pixels` holds one. */
static mvad_status prepare(const mvad_image_view *images, size_t count, int32_t image_size,
                           uint8_t *pixels, float *input, mvad_error *error)
{
    const size_t floats = (size_t)image_size * (size_t)image_size * 3;
    for (size_t i = 0; i < count; i++) {
        mvad_image_view view = {0};
        mvad_status status = options_read(&view_shape, view_at(images, i), &view, error);
        if (!status) status = pixels_resize(&view, image_size, pixels, error);
        if (status) return status;
        load_normalize(pixels, image_size, input + i * floats);
    }
    return MVAD_OK;
}

static mvad_status check(const mvad_session *session, const mvad_image_view *images, size_t count,
                         int32_t *image_size, mvad_error *error)
{
    int64_t shape[4];
    *image_size = 0;
    if (!session || !images)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "session or images are NULL");
    mvad_session_shape(session, MVAD_OUTPUT_MAP, shape);
    *image_size = (int32_t)shape[1];
    if (count != (size_t)shape[0])
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "%zu images; the session's samples and views make %lld", count,
                         (long long)shape[0]);
    for (size_t i = 0; i < count; i++) {
        mvad_image_view view = {0};
        mvad_status status = options_read(&view_shape, view_at(images, i), &view, NULL);
        if (status || view_at(images, i)->size != images->size)
            return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                             "image %zu: not initialised, or of another version", i);
        status = pixels_check(&view, i, error);
        if (status) return status;
    }
    return MVAD_OK;
}

mvad_status mvad_session_run_images(mvad_session *session, const mvad_image_view *images,
                                    size_t count, mvad_error *error)
{
    int32_t image_size;
    mvad_status status = check(session, images, count, &image_size, error);
    if (status) return status;
    const size_t bytes = (size_t)image_size * (size_t)image_size * 3;
    uint8_t *pixels = malloc(bytes);
    float *input = memory_allocate(count * bytes * sizeof *input);
    status = pixels && input ? prepare(images, count, image_size, pixels, input, error)
                             : error_out_of_memory(error, "images", count * bytes * sizeof *input);
    if (!status) status = mvad_session_run(session, input, error);
    free(input);
    free(pixels);
    return status;
}
