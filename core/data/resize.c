#include "core/data/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"

#define WEIGHT_BITS (32 - 8 - 2) /* 8 bits of the pixel, one of the sign, one to spare */

/* The weights of one side: output i is the sum of weights[i * taps + k] * input first[i] + k, k <
 * count[i]. */
struct filter {
    int32_t taps; /* most weights of an output */
    int32_t *first, *count;
    int32_t *weights; /* fixed point, 1 is 1 << WEIGHT_BITS */
};

static void filter_free(struct filter *filter)
{
    free(filter->first);
    free(filter->count);
    free(filter->weights);
    *filter = (struct filter){0};
}

static mvad_status filter_make(struct filter *filter, int32_t from, int32_t to, mvad_error *error)
{
    double scale = (double)from / to;
    double support = scale < 1 ? 1 : scale; /* half the width of the triangle, in input pixels */
    *filter = (struct filter){.taps = (int32_t)ceil(support) * 2 + 1};
    size_t outputs = (size_t)to, taps = (size_t)filter->taps;
    double *exact = malloc(taps * sizeof *exact);
    filter->first = malloc(outputs * sizeof *filter->first);
    filter->count = malloc(outputs * sizeof *filter->count);
    filter->weights = malloc(outputs * taps * sizeof *filter->weights);
    if (!exact || !filter->first || !filter->count || !filter->weights) {
        free(exact);
        filter_free(filter);
        return error_out_of_memory(error, "resize", outputs * taps * sizeof *filter->weights);
    }

    for (int32_t i = 0; i < to; i++) {
        double centre = (i + 0.5) * scale, sum = 0;
        int32_t first = (int32_t)(centre - support + 0.5), end = (int32_t)(centre + support + 0.5);
        if (first < 0) first = 0;
        if (end > from) end = from;
        for (int32_t k = 0; k < end - first; k++) {
            double distance = fabs((k + first - centre + 0.5) * (1 / support));
            exact[k] = distance < 1 ? 1 - distance : 0;
            sum += exact[k];
        }
        for (int32_t k = 0; k < end - first; k++)
            filter->weights[(size_t)i * taps + (size_t)k] =
                (int32_t)(0.5 + exact[k] / sum * (1 << WEIGHT_BITS));
        filter->first[i] = first;
        filter->count[i] = end - first;
    }
    free(exact);
    return MVAD_OK;
}

static uint8_t round_to_byte(int32_t sum)
{
    int32_t value = sum >> WEIGHT_BITS;
    return (uint8_t)(value > 255 ? 255 : value);
}

/* rows x (width * channels) -> rows x (outputs * channels) */
static void filter_rows(const struct filter *filter, const uint8_t *in, int32_t rows, int32_t width,
                        int32_t outputs, int32_t channels, uint8_t *out)
{
    for (int32_t y = 0; y < rows; y++, in += (size_t)width * (size_t)channels) {
        const int32_t *weights = filter->weights;
        for (int32_t i = 0; i < outputs; i++, weights += filter->taps) {
            const uint8_t *from = in + (size_t)filter->first[i] * (size_t)channels;
            int32_t count = filter->count[i], half = 1 << (WEIGHT_BITS - 1);
            if (channels == 3) {
                int32_t red = half, green = half, blue = half;
                for (int32_t k = 0; k < count; k++, from += 3) {
                    red += weights[k] * from[0];
                    green += weights[k] * from[1];
                    blue += weights[k] * from[2];
                }
                *out++ = round_to_byte(red);
                *out++ = round_to_byte(green);
                *out++ = round_to_byte(blue);
            } else {
                int32_t grey = half;
                for (int32_t k = 0; k < count; k++) grey += weights[k] * from[k];
                *out++ = round_to_byte(grey);
            }
        }
    }
}

/* rows of `length` bytes -> outputs x length; `sums` holds one row */
static void filter_columns(const struct filter *filter, const uint8_t *in, size_t length,
                           int32_t outputs, int32_t *sums, uint8_t *out)
{
    const int32_t *weights = filter->weights;
    for (int32_t i = 0; i < outputs; i++, weights += filter->taps, out += length) {
        const uint8_t *row = in + (size_t)filter->first[i] * length;
        for (size_t x = 0; x < length; x++) sums[x] = 1 << (WEIGHT_BITS - 1);
        for (int32_t k = 0; k < filter->count[i]; k++, row += length)
            for (size_t x = 0; x < length; x++) sums[x] += weights[k] * row[x];
        for (size_t x = 0; x < length; x++) out[x] = round_to_byte(sums[x]);
    }
}

mvad_status resize_image(const struct image *image, int32_t width, int32_t height, uint8_t *pixels,
                         mvad_error *error)
{
    size_t length = (size_t)width * (size_t)image->channels, rows = (size_t)image->height;
    struct filter across = {0}, down = {0};
    uint8_t *narrow = NULL;
    int32_t *sums = NULL;
    mvad_status status;

    /* A side that keeps its length has the one weight 1. */
    if (width == image->width && height == image->height) {
        memcpy(pixels, image->pixels, rows * length);
        return MVAD_OK;
    }
    if ((status = filter_make(&across, image->width, width, error))) goto cleanup;
    if ((status = filter_make(&down, image->height, height, error))) goto cleanup;
    narrow = malloc(rows * length);
    sums = malloc(length * sizeof *sums);
    if (!narrow || !sums) {
        status = error_out_of_memory(error, "resize", rows * length + length * sizeof *sums);
        goto cleanup;
    }
    filter_rows(&across, image->pixels, image->height, image->width, width, image->channels, narrow);
    filter_columns(&down, narrow, length, height, sums, pixels);

cleanup:
    free(sums);
    free(narrow);
    filter_free(&down);
    filter_free(&across);
    return status;
}

mvad_status resize_mask(const struct image *mask, int32_t width, int32_t height, uint8_t *marks,
                        mvad_error *error)
{
    mvad_status status = resize_image(mask, width, height, marks, error);
    if (status) return status;
    for (size_t i = 0; i < (size_t)width * (size_t)height; i++) marks[i] = marks[i] > 127;
    return MVAD_OK;
}
