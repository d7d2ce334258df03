/* Transposed convolution 2x2, stride 2. No two input pixels reach the same output pixel, so it is
 * one product (M, C) * (C, 4*O) whose columns are then dealt out to 2x2 pixels. Its gradients are
 * those of a 2x2 convolution of stride 2 from y's side to x's, whose kernel (C,2,2,O) has x's
 * channels for outputs. */
#include <omp.h>
#include <string.h>

#include "backends/cpu/conv2d.h"
#include "backends/cpu/gemm.h"
#include "core/base/memory.h"

#define TILE_BYTES ((int64_t)512 << 10)
#define MAX_PIXELS 256
#define MIN_PIXELS 64
#define MIN_TILES 16

struct forward_cut {
    int64_t pixels, pixel_tiles; /* input pixels of a tile */
    int64_t taps;                /* 4, 2 or 1 of the four output pixels of an input pixel */
    size_t tile_bytes;
};

static struct forward_cut cut_forward(int64_t total, int64_t outputs)
{
    struct forward_cut cut = {.pixels = MAX_PIXELS, .taps = 4};
    for (;;) {
        bool fits = cut.pixels * cut.taps * outputs * (int64_t)sizeof(real) <= TILE_BYTES;
        cut.pixel_tiles = im2col_divide_up(total, cut.pixels);
        if (fits && cut.pixel_tiles * (4 / cut.taps) >= MIN_TILES) break;
        if (cut.taps > 1 && (cut.taps * outputs > cut.pixels || cut.pixels < 2 * MIN_PIXELS)) {
            cut.taps /= 2;
        } else if (cut.pixels >= 2 * MIN_PIXELS) {
            cut.pixels /= 2;
        } else {
            break;
        }
    }
    cut.pixels = im2col_min(cut.pixels, total);
    cut.tile_bytes =
        size_align((size_t)(cut.pixels * cut.taps * outputs) * sizeof(real), MEMORY_ALIGNMENT);
    return cut;
}

static size_t forward_workspace(const struct cpu_call *call)
{
    const struct value *x = call->in[0];
    return cut_forward(x->dim[0] * x->dim[1] * x->dim[2], call->out[0]->dim[3]).tile_bytes *
           (size_t)call->threads;
}

/* to = act(from + bias + residual), each (count); `residual` may be `to`. */
static void finish_run(const real *from, const real *bias, const real *residual, bool rectify,
                       int64_t count, real *to)
{
    if (bias && residual) {
#pragma omp simd
        for (int64_t o = 0; o < count; o++) to[o] = from[o] + bias[o] + residual[o];
    } else if (bias) {
#pragma omp simd
        for (int64_t o = 0; o < count; o++) to[o] = from[o] + bias[o];
    } else if (residual) {
#pragma omp simd
        for (int64_t o = 0; o < count; o++) to[o] = from[o] + residual[o];
    } else {
        memcpy(to, from, (size_t)count * sizeof(real));
    }
    if (rectify) {
        for (int64_t o = 0; o < count; o++) to[o] = relu(to[o]);
    }
}

static void forward_run(const struct cpu_call *call)
{
    const struct value *x_value = call->in[0];
    int64_t rows = x_value->dim[1], columns = x_value->dim[2], channels = x_value->dim[3],
            outputs = call->out[0]->dim[3];
    int64_t total = x_value->dim[0] * rows * columns;
    struct forward_cut cut = cut_forward(total, outputs);
    int64_t splits = 4 / cut.taps, width = cut.taps * outputs;
    const real *x = call->x[0], *w = call->x[1], *bias = call->x[2], *residual = call->x[3];
    real *y = call->y[0];
    bool rectify = call->params->conv2d.relu;

#pragma omp parallel for num_threads(call->threads) schedule(dynamic, 1)
    for (int64_t tile = 0; tile < cut.pixel_tiles * splits; tile++) {
        real *product =
            (real *)((char *)call->workspace + (size_t)omp_get_thread_num() * cut.tile_bytes);
        int64_t pixel = tile / splits * cut.pixels, pixels = im2col_min(cut.pixels, total - pixel),
                tap = tile % splits * cut.taps;
        gemm(CblasNoTrans, CblasNoTrans, pixels, width, channels, 1, x + pixel * channels, channels,
             w + tap * outputs, 4 * outputs, 0, product, width);
        for (int64_t p = 0; p < pixels; p++) {
            /* Row h of image n is row n*H + h of all, and its output rows 2*(n*H + h) and the next.
             * */
            int64_t row = (pixel + p) / columns, column = (pixel + p) % columns;
            for (int64_t t = 0; t < cut.taps; t++) {
                int64_t r = (tap + t) / 2, s = (tap + t) % 2;
                int64_t at = ((2 * row + r) * 2 * columns + 2 * column + s) * outputs;
                finish_run(product + p * width + t * outputs, bias, residual ? residual + at : NULL,
                           rectify, outputs, y + at);
            }
        }
    }
}

const struct cpu_op CPU_NAME(cpu_convt2x2) = {.workspace = forward_workspace, .run = forward_run};

/* The 2x2 convolution of stride 2 from values like y to values like x. */
static struct im2col gradient_shape(const struct value *x, const struct value *y)
{
    return (struct im2col){.images = y->dim[0],
                           .height = y->dim[1],
                           .width = y->dim[2],
                           .channels = y->dim[3],
                           .rows = x->dim[1],
                           .columns = x->dim[2],
                           .kernel_height = 2,
                           .kernel_width = 2,
                           .stride = 2};
}

static size_t grad_input_workspace(const struct cpu_call *call)
{
    struct im2col shape = gradient_shape(call->out[0], call->in[0]);
    return CPU_NAME(conv2d_forward_workspace)(&shape, call->out[0]->dim[3], call->threads);
}

static void grad_input_run(const struct cpu_call *call)
{
    struct im2col shape = gradient_shape(call->out[0], call->in[0]);
    struct conv2d_epilogue nothing = {0};
    CPU_NAME(conv2d_forward)
    (&shape, call->out[0]->dim[3], call->x[0], call->x[1], &nothing, call->y[0], call->workspace,
     call->threads);
}

const struct cpu_op CPU_NAME(cpu_convt2x2_grad_input) = {.workspace = grad_input_workspace,
                                                         .run = grad_input_run};

static size_t grad_weight_workspace(const struct cpu_call *call)
{
    struct im2col shape = gradient_shape(call->in[0], call->in[1]);
    return CPU_NAME(conv2d_weight_gradient_workspace)(&shape, call->in[0]->dim[3], true, false,
                                                      call->threads);
}

static void grad_weight_run(const struct cpu_call *call)
{
    struct im2col shape = gradient_shape(call->in[0], call->in[1]);
    CPU_NAME(conv2d_weight_gradient)
    (&shape, call->in[0]->dim[3], call->x[1], call->x[0], call->y[0], NULL, call->workspace,
     call->threads);
}

const struct cpu_op CPU_NAME(cpu_convt2x2_grad_weight) = {.workspace = grad_weight_workspace,
                                                          .run = grad_weight_run};
