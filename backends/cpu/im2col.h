/* Convolutions as matrix products. The im2col matrix of an image batch has one row a pixel of the
 * result and one column a kernel tap and source channel, (N*rows*columns, R*S*C); it is never whole
 * in memory: tiles of it are gathered where they are needed, sized to stay in the second level
 * cache. */
#ifndef CPU_IM2COL_H
#define CPU_IM2COL_H

#include <stdbool.h>

#include "backends/cpu/ops.h"

/* Tap (r, s) of pixel (n, i, j) is source[n, i*stride + r - top, j*stride + s - left, :], zeros
 * outside of the source. `top` and `left` may be negative. */
struct im2col {
    int64_t images, height, width, channels; /* the source, NHWC */
    int64_t rows, columns;                   /* pixels of the result, of each image */
    int64_t kernel_height, kernel_width;     /* R, S */
    int64_t stride, top, left;
};

/* How a product (pixels x taps*channels) * (taps*channels x outputs) is cut. Depends on shapes
 * alone. */
struct im2col_cut {
    int64_t pixels, pixel_tiles;   /* pixels of a tile, and tiles; the last tile may be smaller */
    int64_t outputs, output_tiles; /* the same of output channels */
    int64_t taps;                  /* taps gathered at a time */
    size_t tile_bytes; /* room for a gathered tile, a multiple of a cache line; 0 where none is gathered */
};

static inline int64_t im2col_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t im2col_divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Pixels of the result, all images. */
static inline int64_t im2col_pixels(const struct im2col *shape)
{
    return shape->images * shape->rows * shape->columns;
}

static inline int64_t im2col_taps(const struct im2col *shape)
{
    return shape->kernel_height * shape->kernel_width;
}

/* Whether the matrix is the source as it lies in memory, so that nothing need be gathered. */
bool CPU_NAME(im2col_dense)(const struct im2col *shape);

/* Bytes of a buffer for `pixels` rows and `taps` taps, a multiple of a cache line; 0 where the
 * matrix is dense. */
size_t CPU_NAME(im2col_tile_bytes)(const struct im2col *shape, int64_t pixels, int64_t taps);

/* The cut of a product with `outputs` columns. */
struct im2col_cut CPU_NAME(im2col_cut_product)(const struct im2col *shape, int64_t outputs);

/* Rows pixel .. pixel+pixels-1 and taps tap .. tap+taps-1 (tap = r*S + s) of the matrix, as
 * (pixels, taps*C) without gaps. Gathered into `buffer` (im2col_tile_bytes), or a part of the
 * source where the matrix is dense. */
const real *CPU_NAME(im2col_tile)(const struct im2col *shape, const real *source, int64_t pixel,
                                  int64_t pixels, int64_t tap, int64_t taps, real *buffer);

#endif
