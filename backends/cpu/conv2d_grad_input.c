/* The gradient of a convolution's input as convolutions of dy. With stride s the input pixels fall
 * into s*s classes by the remainders of their row and column; the pixels of a class are reached by
 * the same taps, those with r = (row + pad) mod s and likewise s, and from consecutive pixels of
 * dy. So each class is a product of stride 1 with the kernel of its taps, mirrored; classes that no
 * tap reaches are zero. */
#include <omp.h>
#include <string.h>

#include "backends/cpu/gemm.h"
#include "backends/cpu/im2col.h"
#include "core/base/memory.h"

struct input_class {
    struct im2col shape; /* gathers dy; taps in ascending order of dy's pixels */
    int64_t row, column; /* the remainders */
    int64_t last_row,
        last_column; /* the kernel row and column of the class's tap (0, 0); later taps are `stride` less */
};

/* One axis: taps of the class `remainder`, its largest kernel index, and the offset of dy's pixels
 * as in struct im2col. */
static void class_axis(int64_t remainder, int64_t stride, int64_t pad, int64_t kernel,
                       int64_t *taps, int64_t *last, int64_t *offset)
{
    int64_t first = (remainder + pad) % stride;
    *taps = first < kernel ? (kernel - first + stride - 1) / stride : 0;
    *last = first + (*taps - 1) * stride;
    *offset = (*last - remainder - pad) / stride;
}

static struct input_class class_at(const struct cpu_call *call, int64_t row, int64_t column)
{
    const struct value *dy = call->in[0], *w = call->in[1], *dx = call->out[0];
    int64_t stride = call->params->conv2d.stride, pad = call->params->conv2d.pad;
    struct input_class class = {.row = row, .column = column};
    class.shape = (struct im2col){.images = dx->dim[0],
                                  .height = dy->dim[1],
                                  .width = dy->dim[2],
                                  .channels = dy->dim[3],
                                  .rows = (dx->dim[1] - row + stride - 1) / stride,
                                  .columns = (dx->dim[2] - column + stride - 1) / stride,
                                  .stride = 1};
    class_axis(row, stride, pad, w->dim[1], &class.shape.kernel_height, &class.last_row,
               &class.shape.top);
    class_axis(column, stride, pad, w->dim[2], &class.shape.kernel_width, &class.last_column,
               &class.shape.left);
    return class;
}

static size_t real_bytes(int64_t count)
{
    return size_align((size_t)count * sizeof(real), MEMORY_ALIGNMENT);
}

/* Whether the class has pixels. */
static bool class_exists(const struct input_class *class)
{
    return class->shape.rows > 0 && class->shape.columns > 0;
}

/* Taps of this many channels of dy are products of their own, straight from w: packing w would cost
 * more than it saves. */
#define DIRECT_OUTPUTS 256

static bool is_direct(const struct value *w)
{
    return w->dim[0] >= DIRECT_OUTPUTS || w->dim[1] * w->dim[2] == 1;
}

static struct im2col_cut cut_class(const struct input_class *class, const struct value *w)
{
    struct im2col_cut cut = CPU_NAME(im2col_cut_product)(&class->shape, w->dim[3]);
    if (is_direct(w) && cut.taps > 1) {
        cut.taps = 1;
        cut.tile_bytes = CPU_NAME(im2col_tile_bytes)(&class->shape, cut.pixels, 1);
    }
    return cut;
}

/* The workspace: the packed kernel of the class at hand, then a slice for each thread with a
 * gathered tile of dy and, where pixels of a class are not neighbours, a tile of the result. Bytes,
 * multiples of a cache line. */
struct workspace {
    size_t packed, tile, result;
};

static struct workspace workspace_layout(const struct cpu_call *call)
{
    int64_t stride = call->params->conv2d.stride;
    int64_t outputs = call->in[1]->dim[0], channels = call->in[1]->dim[3];
    struct workspace layout = {0};
    for (int64_t i = 0; i < stride * stride; i++) {
        struct input_class class = class_at(call, i / stride, i % stride);
        if (!class_exists(&class)) continue;
        struct im2col_cut cut = cut_class(&class, call->in[1]);
        size_t packed =
            is_direct(call->in[1]) ? 0 : real_bytes(im2col_taps(&class.shape) * outputs * channels);
        size_t result = stride > 1 ? real_bytes(cut.pixels * cut.outputs) : 0;
        if (packed > layout.packed) layout.packed = packed;
        if (cut.tile_bytes > layout.tile) layout.tile = cut.tile_bytes;
        if (result > layout.result) layout.result = result;
    }
    return layout;
}

static size_t conv2d_grad_input_workspace(const struct cpu_call *call)
{
    struct workspace layout = workspace_layout(call);
    return layout.packed + (layout.tile + layout.result) * (size_t)call->threads;
}

/* The (O,C) part of w (O,R,S,C) for a tap of the class; its rows are R*S*C apart. */
static const real *tap_weights(const struct cpu_call *call, const struct input_class *class,
                               int64_t tap)
{
    int64_t stride = call->params->conv2d.stride;
    int64_t r = class->last_row - tap / class->shape.kernel_width * stride;
    int64_t s = class->last_column - tap % class->shape.kernel_width * stride;
    return (const real *)call->x[1] + (r * call->in[1]->dim[2] + s) * call->in[1]->dim[3];
}

/* w (O,R,S,C) to (taps of the class, O, C). */
static void pack_class(const struct cpu_call *call, const struct input_class *class, real *packed)
{
    const struct value *w = call->in[1];
    int64_t outputs = w->dim[0], channels = w->dim[3], row = w->dim[1] * w->dim[2] * channels,
            taps = im2col_taps(&class->shape);

#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t i = 0; i < taps * outputs; i++) {
        memcpy(packed + i * channels, tap_weights(call, class, i / outputs) + i % outputs * row,
               (size_t)channels * sizeof(real));
    }
}

/* result (pixels, count), without gaps, to channels channel .. of the class's pixels of dx. */
static void scatter_tile(const struct cpu_call *call, const struct input_class *class, int64_t pixel,
                         int64_t pixels, int64_t channel, int64_t count, const real *result)
{
    const struct value *value = call->out[0];
    int64_t stride = call->params->conv2d.stride, rows = class->shape.rows,
            columns = class->shape.columns;
    real *dx = call->y[0];
    for (int64_t p = pixel; p < pixel + pixels; p++) {
        int64_t n = p / columns / rows, h = p / columns % rows * stride + class->row,
                w = p % columns * stride + class->column;
        memcpy(dx + ((n * value->dim[1] + h) * value->dim[2] + w) * value->dim[3] + channel,
               result + (p - pixel) * count, (size_t)count * sizeof(real));
    }
}

static void run_class(const struct cpu_call *call, const struct input_class *class,
                      const struct workspace *layout)
{
    int64_t channels = call->out[0]->dim[3], outputs = class->shape.channels,
            stride = call->params->conv2d.stride;
    int64_t total = im2col_pixels(&class->shape), taps = im2col_taps(&class->shape);
    struct im2col_cut cut = cut_class(class, call->in[1]);
    bool direct = is_direct(call->in[1]);
    int64_t weight_row = direct ? call->in[1]->dim[1] * call->in[1]->dim[2] * channels : channels;
    const real *packed = call->workspace;
    char *slices = (char *)call->workspace + layout->packed;

#pragma omp parallel for num_threads(call->threads) schedule(dynamic, 1)
    for (int64_t tile = 0; tile < cut.pixel_tiles * cut.output_tiles; tile++) {
        char *mine = slices + (size_t)omp_get_thread_num() * (layout->tile + layout->result);
        int64_t pixel = tile / cut.output_tiles * cut.pixels,
                pixels = im2col_min(cut.pixels, total - pixel);
        int64_t channel = tile % cut.output_tiles * cut.outputs,
                count = im2col_min(cut.outputs, channels - channel);
        real *result = stride > 1 ? (real *)(mine + layout->tile)
                                  : (real *)call->y[0] + pixel * channels + channel;
        int64_t result_row = stride > 1 ? count : channels;

        if (taps == 0) {
            for (int64_t p = 0; p < pixels; p++)
                memset(result + p * result_row, 0, (size_t)count * sizeof(real));
        }
        for (int64_t tap = 0; tap < taps; tap += cut.taps) {
            int64_t k = im2col_min(cut.taps, taps - tap) * outputs;
            const real *a = CPU_NAME(im2col_tile)(&class->shape, call->x[0], pixel, pixels, tap,
                                                  k / outputs, (real *)mine);
            const real *b =
                direct ? tap_weights(call, class, tap) : packed + tap * outputs * channels;
            gemm(CblasNoTrans, CblasNoTrans, pixels, count, k, 1, a, k, b + channel, weight_row,
                 tap > 0 ? 1 : 0, result, result_row);
        }
        if (stride > 1) scatter_tile(call, class, pixel, pixels, channel, count, result);
    }
}

static void conv2d_grad_input_run(const struct cpu_call *call)
{
    int64_t stride = call->params->conv2d.stride;
    struct workspace layout = workspace_layout(call);
    for (int64_t i = 0; i < stride * stride; i++) {
        struct input_class class = class_at(call, i / stride, i % stride);
        if (!class_exists(&class)) continue;
        if (layout.packed > 0) pack_class(call, &class, call->workspace);
        run_class(call, &class, &layout);
    }
}

const struct cpu_op CPU_NAME(cpu_conv2d_grad_input) = {.workspace = conv2d_grad_input_workspace,
                                                       .run = conv2d_grad_input_run};
