#include "backends/cpu/attention_pack.h"

struct attention_shape CPU_NAME(attention_shape)(const struct value *q, const struct value *indices,
                                                 const struct attention_params *params)
{
    struct attention_shape s = {
        .images = q->dim[0],
        .height = q->dim[1],
        .width = q->dim[2],
        .channels = q->dim[3],
        .views = params->views,
        .heads = params->heads,
        .side = params->windows,
        .image_windows = indices->dim[1],
        .selected = indices->dim[2],
    };
    s.depth = s.channels / s.heads;
    s.padded_depth =
        (s.depth + ATTENTION_DEPTH_STEP - 1) / ATTENTION_DEPTH_STEP * ATTENTION_DEPTH_STEP;
    s.window_height = (s.height + s.side - 1) / s.side;
    s.window_width = (s.width + s.side - 1) / s.side;
    s.window_pixels = s.window_height * s.window_width;
    return s;
}

const char *CPU_NAME(attention_refusal)(const struct attention_shape *shape)
{
    if (shape->depth * shape->heads != shape->channels)
        return "needs heads that divide the channels";
    if (shape->images % shape->views != 0) return "needs whole samples";
    if (shape->image_windows != shape->side * shape->side) return "needs indices of every window";
    if (shape->views * shape->image_windows > INT32_MAX)
        return "has more windows in a sample than an index can count";
    return NULL;
}

int64_t CPU_NAME(attention_packed_count)(const struct attention_shape *shape)
{
    return shape->images * shape->image_windows * shape->heads * shape->window_pixels *
           shape->padded_depth;
}

/* One window, x at the image's first pixel: pixels x (heads, depth) -> heads x (pixels, padded
 * depth). */
static void pack_window(const struct attention_shape *shape, const struct window *w, const real *x,
                        real factor, real *packed)
{
    const int64_t depth = shape->depth, padded = shape->padded_depth;
    const int64_t head_stride = shape->window_pixels * padded;
    real *to = packed;
    for (int64_t r = 0; r < w->height; r++) {
        const real *from = x + ((w->top + r) * shape->width + w->left) * shape->channels;
        for (int64_t s = 0; s < w->width; s++, to += padded) {
            for (int64_t head = 0; head < shape->heads; head++, from += depth) {
                real *row = to + head * head_stride;
                for (int64_t c = 0; c < depth; c++) row[c] = factor * from[c];
                for (int64_t c = depth; c < padded; c++) row[c] = 0;
            }
        }
    }
    int64_t rest = (shape->window_pixels - w->height * w->width) * padded;
    for (int64_t head = 0; head < shape->heads; head++)
        for (int64_t i = 0; i < rest; i++) to[head * head_stride + i] = 0;
}

void CPU_NAME(attention_pack)(const struct attention_shape *shape, const real *x, real factor,
                              real *packed, int threads)
{
    const int64_t image = shape->height * shape->width * shape->channels;
    const int64_t window = shape->heads * shape->window_pixels * shape->padded_depth;
    const int64_t count = shape->images * shape->image_windows;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) {
        struct window w = attention_window(shape, i % shape->image_windows);
        pack_window(shape, &w, x + i / shape->image_windows * image, factor, packed + i * window);
    }
}
