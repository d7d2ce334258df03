#include "core/data/image.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/data/image_frame.h"

/* The most one allocation of the decoder may take, in bytes, while a file is decoded. The decoder
 * unpacks whatever a PNG's compressed data yields, a thousand times its length at worst, and its
 * allocation functions take no context; a limit of the thread is the only way in. */
static _Thread_local size_t decoder_limit;

/* A request beyond the limit is the last one: the limit is 0 from then on, which tells it from want
 * of memory. */
static void *decoder_realloc(void *memory, size_t bytes)
{
    if (bytes > decoder_limit) decoder_limit = 0;
    return decoder_limit ? realloc(memory, bytes) : NULL;
}

/* Zeroed: a JPEG that uses a table which it never defined then finds an empty one. */
static void *decoder_malloc(size_t bytes)
{
    if (bytes > decoder_limit) decoder_limit = 0;
    return decoder_limit ? calloc(1, bytes) : NULL;
}

#define STBI_ASSERT(condition) ((void)0) /* a library does not end the program over a file */
#define STBI_MALLOC(bytes) decoder_malloc(bytes)
#define STBI_REALLOC(memory, bytes) decoder_realloc(memory, bytes)
#define STBI_FREE(memory) free(memory)
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC /* a program that uses the library may have its own copy */
#define STB_IMAGE_IMPLEMENTATION
/* The switches above leave some functions declared and not defined, which is seen at the end of the
 * file. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>

/* A file on its way to pixels. */
struct source {
    const char *path;
    struct file_mapping file;
    enum image_kind kind;
    int32_t width, height; /* as stored, before orientation */
    int orientation;
};

static mvad_status bad_image(const struct source *source, const char *what, mvad_error *error)
{
    return error_set(error, MVAD_ERROR_FORMAT, "%s: cannot decode: %s", file_label(source->path),
                     what);
}

/* After a failure of the decoder. */
static mvad_status decoder_failed(const struct source *source, mvad_error *error)
{
    const char *reason = stbi_failure_reason();
    if (decoder_limit == 0) return bad_image(source, "unpacks to more than its pixels need", error);
    if (reason && strcmp(reason, "outofmem") == 0)
        return error_set(error, MVAD_ERROR_OUT_OF_MEMORY,
                         "%s: cannot decode: out of memory for %d x %d pixels",
                         file_label(source->path), source->width, source->height);
    return bad_image(source, reason ? reason : "broken", error);
}

static void source_close(struct source *source)
{
    file_unmap(&source->file);
}

/* Maps the file, checks its frame and its dimensions. To be closed in any case. */
static mvad_status source_open(struct source *source, const char *path, mvad_error *error)
{
    int width, height, channels;
    *source = (struct source){.path = path, .orientation = 1};
    mvad_status status = file_map(path, IMAGE_MAX_FILE_BYTES, &source->file, error);
    if (status) return status;

    const uint8_t *data = source->file.data;
    size_t size = source->file.size;
    const char *wrong = image_frame_check(data, size, &source->kind);
    if (wrong) return bad_image(source, wrong, error);
    if (source->kind == IMAGE_KIND_JPEG) source->orientation = image_frame_orientation(data, size);

    decoder_limit = 1 << 20; /* tables of the header */
    if (!stbi_info_from_memory(data, (int)size, &width, &height, &channels))
        return decoder_failed(source, error);
    if (height < 0 && height > INT_MIN) height = -height; /* a BMP from the top */
    if (width < 1 || height < 1) return bad_image(source, "no pixels", error);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE ||
        (uint64_t)width * (uint64_t)height > IMAGE_MAX_PIXELS)
        return error_set(error, MVAD_ERROR_FORMAT,
                         "%s: cannot decode: %d x %d pixels, more than %d a side or %u in all",
                         file_label(path), width, height, IMAGE_MAX_SIDE, IMAGE_MAX_PIXELS);
    source->width = width;
    source->height = height;

    /* The largest thing held is the unpacked pixels: at most 8 bytes each in a PNG, twice that when
     * the decoder's buffer has grown by doubling; a JPEG's components are padded to blocks. */
    size_t pixels = (size_t)width * (size_t)height;
    decoder_limit = (1 << 20) + 2 * size + 16 * pixels + 256 * ((size_t)width + (size_t)height);
    return MVAD_OK;
}

/* Turns an image of `channels` as its orientation says. `turned` has the same number of bytes; its
 * sides are exchanged for orientations 5 to 8. */
static void turn(const uint8_t *pixels, int32_t width, int32_t height, int32_t channels,
                 int orientation, uint8_t *turned)
{
    bool exchanged = orientation >= 5;
    bool right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    int32_t columns = exchanged ? height : width, rows = exchanged ? width : height;

    for (int32_t y = 0; y < rows; y++) {
        for (int32_t x = 0; x < columns; x++) {
            int32_t from_x = exchanged ? y : x, from_y = exchanged ? x : y;
            if (right) from_x = width - 1 - from_x; /* counted from the right, from the bottom */
            if (bottom) from_y = height - 1 - from_y;
            memcpy(turned + ((size_t)y * (size_t)columns + (size_t)x) * (size_t)channels,
                   pixels + ((size_t)from_y * (size_t)width + (size_t)from_x) * (size_t)channels,
                   (size_t)channels);
        }
    }
}

/* Gives the pixels (taken over) their upright place in *image. */
static mvad_status finish(const struct source *source, uint8_t *pixels, int32_t channels,
                          struct image *image, mvad_error *error)
{
    size_t bytes = (size_t)source->width * (size_t)source->height * (size_t)channels;
    *image = (struct image){source->width, source->height, channels, pixels};
    if (source->orientation == 1) return MVAD_OK;

    uint8_t *turned = malloc(bytes);
    if (!turned) {
        image_free(image);
        return error_out_of_memory(error, file_label(source->path), bytes);
    }
    turn(pixels, source->width, source->height, channels, source->orientation, turned);
    free(pixels);
    image->pixels = turned;
    if (source->orientation >= 5) {
        image->width = source->height;
        image->height = source->width;
    }
    return MVAD_OK;
}

mvad_status image_load(const char *path, struct image *image, mvad_error *error)
{
    struct source source;
    *image = (struct image){0};
    mvad_status status = source_open(&source, path, error);
    if (status) goto cleanup;

    int width, height, channels;
    uint8_t *pixels = stbi_load_from_memory(source.file.data, (int)source.file.size, &width,
                                            &height, &channels, 3);
    status = pixels ? finish(&source, pixels, 3, image, error) : decoder_failed(&source, error);

cleanup:
    source_close(&source);
    return status;
}

/* Whether a pixel's grey value, rounded, is above 0; channels as they lie in the file: grey, grey
 * and alpha, RGB, or RGBA. 16-bit luma below 0.5 is still black. */
static bool is_marked(const uint16_t *pixel, int channels)
{
    if (channels < 3) return pixel[0] > 0;
    uint32_t luma = 19595u * pixel[0] + 38470u * pixel[1] + 7471u * pixel[2]; /* sum 2^16 */
    return luma >= 0x8000;
}

mvad_status image_load_mask(const char *path, struct image *mask, mvad_error *error)
{
    struct source source;
    uint8_t *pixels = NULL, *marks = NULL;
    uint16_t *deep = NULL;
    *mask = (struct image){0};
    mvad_status status = source_open(&source, path, error);
    if (status) goto cleanup;

    /* At its own depth: 1 of 65535 is a mark too, and gone in the upper 8 bits. */
    int width, height, channels, size = (int)source.file.size;
    bool is_deep = stbi_is_16_bit_from_memory(source.file.data, size);
    if (is_deep)
        deep = stbi_load_16_from_memory(source.file.data, size, &width, &height, &channels, 0);
    else
        pixels = stbi_load_from_memory(source.file.data, size, &width, &height, &channels, 0);
    if (!deep && !pixels) {
        status = decoder_failed(&source, error);
        goto cleanup;
    }

    size_t count = (size_t)source.width * (size_t)source.height;
    if (!(marks = malloc(count))) {
        status = error_out_of_memory(error, file_label(path), count);
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t pixel[4];
        for (int c = 0; c < channels; c++) {
            size_t k = i * (size_t)channels + (size_t)c;
            pixel[c] = is_deep ? deep[k] : pixels[k];
        }
        marks[i] = is_marked(pixel, channels) ? 255 : 0;
    }
    status = finish(&source, marks, 1, mask, error);

cleanup:
    free(deep);
    free(pixels);
    source_close(&source);
    return status;
}

mvad_status image_measure(const char *path, int32_t *width, int32_t *height, mvad_error *error)
{
    struct source source;
    mvad_status status = source_open(&source, path, error);
    bool exchanged = source.orientation >= 5;
    *width = exchanged ? source.height : source.width;
    *height = exchanged ? source.width : source.height;
    source_close(&source);
    return status;
}

void image_free(struct image *image)
{
    free(image->pixels);
    *image = (struct image){0};
}
