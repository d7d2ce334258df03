#include "backends/cpu/conv2d.h"

#include <omp.h>
#include <string.h>

#include "backends/cpu/gemm.h"

/* y[pixel.., output..] = bias + residual, the tile a product is then added to. */
static void fill_tile(const struct conv2d_epilogue *epilogue, real *y, int64_t pixels, int64_t row,
                      int64_t output, int64_t outputs, int64_t pixel)
{
    const real *bias = epilogue->bias ? epilogue->bias + output : NULL;
    for (int64_t p = 0; p < pixels; p++) {
        int64_t at = (pixel + p) * row + output;
        real *to = y + at;
        const real *residual = epilogue->residual ? epilogue->residual + at : NULL;
        if (residual && bias) {
#pragma omp simd
            for (int64_t o = 0; o < outputs; o++) to[o] = residual[o] + bias[o];
        } else if (bias) {
            memcpy(to, bias, (size_t)outputs * sizeof(real));
        } else if (!residual) {
            memset(to, 0, (size_t)outputs * sizeof(real));
        } else if (residual != to) {
            memcpy(to, residual, (size_t)outputs * sizeof(real));
        }
    }
}

static void relu_tile(real *y, int64_t pixels, int64_t row, int64_t outputs)
{
    for (int64_t p = 0; p < pixels; p++) {
        real *line = y + p * row;
        for (int64_t o = 0; o < outputs; o++) line[o] = relu(line[o]);
    }
}

size_t CPU_NAME(conv2d_forward_workspace)(const struct im2col *shape, int64_t outputs, int threads)
{
    return CPU_NAME(im2col_cut_product)(shape, outputs).tile_bytes * (size_t)threads;
}

void CPU_NAME(conv2d_forward)(const struct im2col *shape, int64_t outputs, const real *x,
                              const real *w, const struct conv2d_epilogue *epilogue, real *y,
                              void *workspace, int threads)
{
    struct im2col_cut cut = CPU_NAME(im2col_cut_product)(shape, outputs);
    int64_t total = im2col_pixels(shape), taps = im2col_taps(shape), channels = shape->channels;

#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t tile = 0; tile < cut.pixel_tiles * cut.output_tiles; tile++) {
        real *buffer = (real *)((char *)workspace + (size_t)omp_get_thread_num() * cut.tile_bytes);
        int64_t pixel = tile / cut.output_tiles * cut.pixels,
                pixels = im2col_min(cut.pixels, total - pixel);
        int64_t output = tile % cut.output_tiles * cut.outputs,
                count = im2col_min(cut.outputs, outputs - output);
        real *y_tile = y + pixel * outputs + output;

        /* Starting from bias and residual rather than adding them after makes a residual that is y
         * no special case. */
        fill_tile(epilogue, y, pixels, outputs, output, count, pixel);
        for (int64_t tap = 0; tap < taps; tap += cut.taps) {
            int64_t k = im2col_min(cut.taps, taps - tap) * channels;
            const real *a =
                CPU_NAME(im2col_tile)(shape, x, pixel, pixels, tap, k / channels, buffer);
            gemm(CblasNoTrans, CblasTrans, pixels, count, k, 1, a, k,
                 w + (output * taps + tap) * channels, taps * channels, 1, y_tile, outputs);
        }
        if (epilogue->relu) relu_tile(y_tile, pixels, outputs, count);
    }
}

/* x, w and y of a forward call as a product's shape. */
static struct im2col call_shape(const struct cpu_call *call)
{
    const struct value *x = call->in[0], *w = call->in[1], *y = call->out[0];
    const struct conv2d_params *params = &call->params->conv2d;
    return (struct im2col){.images = x->dim[0],
                           .height = x->dim[1],
                           .width = x->dim[2],
                           .channels = x->dim[3],
                           .rows = y->dim[1],
                           .columns = y->dim[2],
                           .kernel_height = w->dim[1],
                           .kernel_width = w->dim[2],
                           .stride = params->stride,
                           .top = params->pad,
                           .left = params->pad};
}

static size_t conv2d_workspace(const struct cpu_call *call)
{
    struct im2col shape = call_shape(call);
    return CPU_NAME(conv2d_forward_workspace)(&shape, call->out[0]->dim[3], call->threads);
}

static void conv2d_run(const struct cpu_call *call)
{
    struct im2col shape = call_shape(call);
    struct conv2d_epilogue epilogue = {
        .bias = call->x[2], .residual = call->x[3], .relu = call->params->conv2d.relu};
    CPU_NAME(conv2d_forward)
    (&shape, call->out[0]->dim[3], call->x[0], call->x[1], &epilogue, call->y[0], call->workspace,
     call->threads);
}

const struct cpu_op CPU_NAME(cpu_conv2d) = {.workspace = conv2d_workspace, .run = conv2d_run};
