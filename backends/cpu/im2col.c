#include "backends/cpu/im2col.h"

#include <string.h>

#include "core/base/memory.h"

/* A gathered tile and what the matrix product makes of it share the second level cache (1 MiB on
 * current server cores). */
#define TILE_BYTES ((int64_t)640 * 1024)
#define TILE_PIXELS 256
/* Below these a product spends its time on packing its operands. */
#define MIN_PIXELS 64
#define MIN_OUTPUTS 64
/* Enough pieces to keep the cores of a workstation busy. */
#define MIN_TILES 12

bool CPU_NAME(im2col_dense)(const struct im2col *shape)
{
    return shape->kernel_height == 1 && shape->kernel_width == 1 && shape->stride == 1 &&
           shape->top == 0 && shape->left == 0 && shape->rows == shape->height &&
           shape->columns == shape->width;
}

size_t CPU_NAME(im2col_tile_bytes)(const struct im2col *shape, int64_t pixels, int64_t taps)
{
    if (CPU_NAME(im2col_dense)(shape)) return 0;
    return size_align((size_t)(pixels * taps * shape->channels) * sizeof(real), MEMORY_ALIGNMENT);
}

struct im2col_cut CPU_NAME(im2col_cut_product)(const struct im2col *shape, int64_t outputs)
{
    int64_t total = im2col_pixels(shape), taps = im2col_taps(shape);
    struct im2col_cut cut = {.pixels = TILE_PIXELS, .outputs = outputs};
    for (;;) {
        cut.pixel_tiles = im2col_divide_up(total, cut.pixels);
        cut.output_tiles = im2col_divide_up(outputs, cut.outputs);
        if (cut.pixel_tiles * cut.output_tiles >= MIN_TILES) break;
        /* Fewer outputs repeat the gathering, fewer pixels the packing of the weights: about square
         * costs least. */
        bool can_cut_pixels = cut.pixels >= 2 * MIN_PIXELS,
             can_cut_outputs = cut.outputs >= 2 * MIN_OUTPUTS;
        if (can_cut_outputs && (cut.outputs > cut.pixels || !can_cut_pixels)) {
            cut.outputs = im2col_divide_up(cut.outputs, 2);
        } else if (can_cut_pixels) {
            cut.pixels /= 2;
        } else {
            break;
        }
    }
    /* Tiles of about the same size, in whole vectors. */
    cut.pixels = (int64_t)size_align((size_t)im2col_divide_up(total, cut.pixel_tiles), 16);
    cut.pixel_tiles = im2col_divide_up(total, cut.pixels);
    int64_t most_taps = TILE_BYTES / ((int64_t)sizeof(real) * cut.pixels * shape->channels);
    if (most_taps < 1) most_taps = 1;
    cut.taps = taps > 0 ? im2col_divide_up(taps, im2col_divide_up(taps, most_taps)) : 0;
    cut.tile_bytes = CPU_NAME(im2col_tile_bytes)(shape, cut.pixels, cut.taps);
    return cut;
}

/* Short runs, of images with few channels, are too many for a function call each: two blocks that
 * overlap make them. */
static inline void copy_run(real *to, const real *from, int64_t count)
{
    enum { BLOCK = 64 / sizeof(real) };
    if (count >= BLOCK && count <= 2 * BLOCK) {
        memcpy(to, from, 64);
        memcpy(to + count - BLOCK, from + count - BLOCK, 64);
    } else {
        memcpy(to, from, (size_t)count * sizeof(real));
    }
}

/* Zeros for the columns from .. until-1 that lie outside of `line` (width, channels), and copies of
 * the others. */
static void gather_edge(const real *line, int64_t width, int64_t channels, int64_t from,
                        int64_t until, real *to)
{
    int64_t first = from < 0 ? 0 : from, last = im2col_min(until, width);
    memset(to, 0, (size_t)((until - from) * channels) * sizeof(real));
    if (first < last)
        copy_run(to + (first - from) * channels, line + first * channels, (last - first) * channels);
}

const real *CPU_NAME(im2col_tile)(const struct im2col *shape, const real *source, int64_t pixel,
                                  int64_t pixels, int64_t tap, int64_t taps, real *buffer)
{
    if (CPU_NAME(im2col_dense)(shape)) return source + pixel * shape->channels;

    int64_t kernel_width = shape->kernel_width, line_elements = shape->width * shape->channels;
    int64_t first_row = tap / kernel_width, last_row = (tap + taps - 1) / kernel_width;
    int64_t j = pixel % shape->columns, i = pixel / shape->columns % shape->rows,
            n = pixel / shape->columns / shape->rows;
    real *to = buffer;
    for (int64_t p = 0; p < pixels; p++) {
        const real *image = source + n * shape->height * line_elements;
        int64_t left = j * shape->stride - shape->left;
        for (int64_t r = first_row; r <= last_row; r++) {
            int64_t first = r == first_row ? tap - r * kernel_width : 0;
            int64_t last = r == last_row ? tap + taps - r * kernel_width : kernel_width;
            int64_t h = i * shape->stride + r - shape->top, from = left + first,
                    count = (last - first) * shape->channels;
            if (h < 0 || h >= shape->height) {
                memset(to, 0, (size_t)count * sizeof(real));
            } else if (from >= 0 && left + last <= shape->width) {
                copy_run(to, image + h * line_elements + from * shape->channels, count);
            } else {
                gather_edge(image + h * line_elements, shape->width, shape->channels, from,
                            left + last, to);
            }
            to += count;
        }
        if (++j == shape->columns) {
            j = 0;
            if (++i == shape->rows) {
                i = 0;
                n++;
            }
        }
    }
    return buffer;
}
