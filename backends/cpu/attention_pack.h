/* Windows of images, and images rewritten window by window.
 *
 * Routed attention reads the pixels of a window once for every query window that selected it.
 * Packing an image once makes these reads contiguous: (N, P, heads, window pixels, padded depth),
 * where the pixels inside of the image come first, in row order, and the padded ones (zeros) after
 * them. Attention does not depend on the order of the pixels. */
#ifndef CPU_ATTENTION_PACK_H
#define CPU_ATTENTION_PACK_H

#include "backends/cpu/cpu.h"

/* Channels of a packed head are rounded up to a multiple of this, with zeros: the kernels keep so
 * many accumulators. */
#define ATTENTION_DEPTH_STEP 8

struct attention_shape {
    int64_t images, height, width, channels;
    int64_t views, heads, side;                         /* V; heads; A */
    int64_t image_windows;                              /* P */
    int64_t selected;                                   /* K */
    int64_t depth, padded_depth;                        /* channels of a head, and rounded up */
    int64_t window_height, window_width, window_pixels; /* of the padded image */
};

/* The part of a window that lies inside of the image; empty where height or width is 0. */
struct window {
    int64_t top, left, height, width;
};

/* From the shapes of q (inputs 0) and the indices, and the attention parameters. */
struct attention_shape CPU_NAME(attention_shape)(const struct value *q, const struct value *indices,
                                                 const struct attention_params *params);

/* Why routed attention cannot run with these shapes, or NULL. */
const char *CPU_NAME(attention_refusal)(const struct attention_shape *shape);

/* Elements of one packed operand. */
int64_t CPU_NAME(attention_packed_count)(const struct attention_shape *shape);

/* packed = factor * x, x (N,H,W,C). */
void CPU_NAME(attention_pack)(const struct attention_shape *shape, const real *x, real factor,
                              real *packed, int threads);

/* Window 0 <= index < P of an image cut into side x side windows of window_height x window_width.
 * */
static inline struct window window_at(int64_t height, int64_t width, int64_t side, int64_t index)
{
    int64_t window_height = (height + side - 1) / side, window_width = (width + side - 1) / side;
    struct window w = {index / side * window_height, index % side * window_width, window_height,
                       window_width};
    if (w.height > height - w.top) w.height = height > w.top ? height - w.top : 0;
    if (w.width > width - w.left) w.width = width > w.left ? width - w.left : 0;
    return w;
}

static inline struct window attention_window(const struct attention_shape *shape, int64_t index)
{
    return window_at(shape->height, shape->width, shape->side, index);
}

#endif
