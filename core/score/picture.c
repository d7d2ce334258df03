/* Pictures of a result: photograph, heat map, mask. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/options.h"
#include "core/data/encode.h"
#include "core/data/resize.h"
#include "core/score/heatmap.h"

/* The least at which stb_image_write keeps the colours at full resolution. */
#define JPEG_QUALITY 91

static const struct options_shape options_shape = OPTIONS_SHAPE(mvad_picture_options);

void mvad_picture_options_init(mvad_picture_options *options, size_t size)
{
    options_init(&options_shape, &(mvad_picture_options){0}, options, size, 0);
}

static mvad_status check(const mvad_view_result *view, const mvad_picture_options *options,
                         mvad_error *error)
{
    if (!view) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "view is NULL");
    if (options->max_side < 0)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "max_side is %d; 0 or more",
                         options->max_side);
    const mvad_score_scale *scale = &options->scale;
    switch (options->kind) {
    case MVAD_PICTURE_PHOTOGRAPH:
    case MVAD_PICTURE_MASK: return MVAD_OK;
    case MVAD_PICTURE_HEATMAP:
        if (isfinite(scale->low) && isfinite(scale->high) && scale->low < scale->high)
            return MVAD_OK;
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "a heat map needs a scale whose low end is below its high end");
    }
    return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "picture kind is out of range");
}

/* Sides of the picture of something of width x height pixels, 1 at least. */
static void fit(int32_t width, int32_t height, int32_t max_side, struct image *picture)
{
    const int32_t longer = width > height ? width : height;
    picture->width = width;
    picture->height = height;
    if (!max_side || longer <= max_side) return;
    const double share = (double)max_side / longer;
    picture->width = (int32_t)fmax(1, round(width * share));
    picture->height = (int32_t)fmax(1, round(height * share));
}

/* Makes room for the pixels of a picture whose sides and channels are set. */
static mvad_status allocate(struct image *picture, const char *path, mvad_error *error)
{
    size_t bytes = 0;
    if (!size_multiply((size_t)picture->width * 3, (size_t)picture->height, &bytes) ||
        bytes > ENCODE_MAX_BYTES)
        return error_set(error, MVAD_ERROR_UNSUPPORTED,
                         "%s: a picture of %d x %d pixels is too large to be written; max_side "
                         "reduces it",
                         file_label(path), picture->width, picture->height);
    picture->pixels = malloc(bytes);
    return picture->pixels ? MVAD_OK : error_out_of_memory(error, file_label(path), bytes);
}

static mvad_status draw_photograph(const mvad_view_result *view, const mvad_picture_options *options,
                                   struct image *picture, mvad_error *error)
{
    struct image photograph;
    mvad_status status = image_load(view->image, &photograph, error);
    if (status) return status;
    picture->channels = 3;
    fit(photograph.width, photograph.height, options->max_side, picture);
    status = allocate(picture, view->image, error);
    if (!status)
        status = resize_image(&photograph, picture->width, picture->height, picture->pixels, error);
    image_free(&photograph);
    if (status || options->kind != MVAD_PICTURE_HEATMAP) return status;
    heatmap_blend(picture, view, &options->scale);
    heatmap_outline(picture, view);
    return MVAD_OK;
}

static mvad_status draw_mask(const mvad_view_result *view, const mvad_picture_options *options,
                             struct image *picture, mvad_error *error)
{
    struct image mask;
    picture->channels = 1;
    fit(view->width, view->height, options->max_side, picture);
    mvad_status status = allocate(picture, view->image, error);
    if (status) return status;
    const size_t pixels = (size_t)picture->width * (size_t)picture->height;
    memset(picture->pixels, 0, pixels);
    if (!view->mask) return MVAD_OK;
    status = image_load_mask(view->mask, &mask, error);
    if (!status)
        status = resize_mask(&mask, picture->width, picture->height, picture->pixels, error);
    image_free(&mask);
    for (size_t i = 0; i < pixels && !status; i++)
        picture->pixels[i] = picture->pixels[i] ? 255 : 0;
    return status;
}

static mvad_status encode(const mvad_view_result *view, const mvad_picture_options *given,
                          struct byte_buffer *file, mvad_error *error)
{
    struct image picture = {0};
    mvad_picture_options own = mvad_picture_options_default();
    const mvad_picture_options *options = &own;
    mvad_status status = options_read(&options_shape, given, &own, error);
    if (!status) status = check(view, options, error);
    if (status) return status;
    status = options->kind == MVAD_PICTURE_MASK ? draw_mask(view, options, &picture, error)
                                                : draw_photograph(view, options, &picture, error);
    if (!status) {
        const bool encoded =
            options->jpeg
                ? encode_jpeg(picture.pixels, picture.width, picture.height, picture.channels,
                              JPEG_QUALITY, file)
                : encode_png(picture.pixels, picture.width, picture.height, picture.channels, file);
        if (!encoded) status = error_out_of_memory(error, file_label(view->image), file->size);
    }
    image_free(&picture);
    if (status) {
        free(file->data);
        *file = (struct byte_buffer){0};
    }
    return status;
}

mvad_status mvad_picture_encode(const mvad_view_result *view, const mvad_picture_options *options,
                                unsigned char **bytes, size_t *count, mvad_error *error)
{
    struct byte_buffer file = {0};
    if (!bytes || !count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "bytes or count is NULL");
    mvad_status status = encode(view, options, &file, error);
    *bytes = file.data;
    *count = file.size;
    return status ? status : error_clear(error);
}

void mvad_bytes_free(unsigned char *bytes)
{
    free(bytes);
}

mvad_status mvad_picture_save(const mvad_view_result *view, const mvad_picture_options *options,
                              const char *path, mvad_error *error)
{
    struct byte_buffer file = {0};
    if (!path) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "path is NULL");
    mvad_status status = encode(view, options, &file, error);
    if (!status) status = file_replace(path, &(struct file_piece){file.data, file.size}, 1, error);
    free(file.data);
    return status ? status : error_clear(error);
}
