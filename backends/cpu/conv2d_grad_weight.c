/* dw = dy^T * im2col(x), a sum over all pixels. It is cut three ways: pixels into groups, each with
 * its own partial sum of dw in the workspace; the taps of dw; and its outputs. Taps are cut first,
 * it costs least: no tap is gathered twice and no partial sum is needed. Groups come where there
 * are many pixels for each element of dw, outputs last. */
#include <omp.h>
#include <string.h>

#include "backends/cpu/conv2d.h"
#include "backends/cpu/gemm.h"
#include "core/base/memory.h"

#define MAX_COLUMNS 384 /* of dw in one piece, taps * channels */
#define MIN_OUTPUTS 64
#define MIN_GROUP_PIXELS 1024 /* adding up a partial sum is then little beside making it */
#define MIN_PIECES 16
#define PIECES 32                /* wanted: even work for the cores of a workstation */
#define PARTIAL_BYTES (32 << 20) /* at most, all partial sums together */
#define TILE_BYTES ((int64_t)512 << 10)
#define MAX_TILE_PIXELS 1024
#define MIN_TILE_PIXELS 64
#define REDUCE_ELEMENTS 4096 /* added up at a time, from the first level cache */

struct weight_cut {
    int64_t groups, group_pixels;
    int64_t splits, taps;           /* pieces along the taps, and taps of each */
    int64_t output_splits, outputs; /* pieces along the outputs, and outputs of each */
    int64_t tile_pixels;            /* gathered at a time */
    size_t tile_bytes;              /* of each thread */
    size_t partial_bytes,
        bias_bytes; /* of each group; no partial sums of dw where there is one group */
};

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static struct weight_cut cut_weight(const struct im2col *shape, int64_t outputs, bool want_w,
                                    bool want_bias)
{
    int64_t total = im2col_pixels(shape), taps = im2col_taps(shape),
            elements = outputs * taps * shape->channels;
    struct weight_cut cut = {0};
    if (want_w) {
        cut.splits = im2col_divide_up(taps, clamp(MAX_COLUMNS / shape->channels, 1, taps));
        cut.taps = im2col_divide_up(taps, cut.splits);
        cut.splits = im2col_divide_up(taps, cut.taps);
    } else {
        cut.splits = 1;
    }

    int64_t groups = im2col_min(im2col_divide_up(PIECES, cut.splits), total / MIN_GROUP_PIXELS);
    if (want_w) groups = im2col_min(groups, PARTIAL_BYTES / (elements * (int64_t)sizeof(real)));
    cut.groups = groups < 1 ? 1 : groups;
    cut.group_pixels = im2col_divide_up(total, cut.groups);
    cut.groups = im2col_divide_up(total, cut.group_pixels);

    cut.outputs = outputs;
    cut.output_splits = 1;
    while (cut.groups * cut.splits * cut.output_splits < MIN_PIECES &&
           cut.outputs >= 2 * MIN_OUTPUTS) {
        cut.outputs = im2col_divide_up(cut.outputs, 2);
        cut.output_splits = im2col_divide_up(outputs, cut.outputs);
    }

    int64_t row_bytes = (cut.taps * shape->channels + cut.outputs) * (int64_t)sizeof(real);
    cut.tile_pixels = im2col_min(clamp(TILE_BYTES / row_bytes, MIN_TILE_PIXELS, MAX_TILE_PIXELS),
                                 cut.group_pixels);
    if (want_w) {
        cut.tile_bytes = CPU_NAME(im2col_tile_bytes)(shape, cut.tile_pixels, cut.taps);
        if (cut.groups > 1)
            cut.partial_bytes = size_align((size_t)elements * sizeof(real), MEMORY_ALIGNMENT);
    }
    if (want_bias) cut.bias_bytes = size_align((size_t)outputs * sizeof(double), MEMORY_ALIGNMENT);
    return cut;
}

size_t CPU_NAME(conv2d_weight_gradient_workspace)(const struct im2col *shape, int64_t outputs,
                                                  bool want_w, bool want_bias, int threads)
{
    struct weight_cut cut = cut_weight(shape, outputs, want_w, want_bias);
    return cut.tile_bytes * (size_t)threads +
           (cut.partial_bytes + cut.bias_bytes) * (size_t)cut.groups;
}

/* sums (count) += the columns of dy (pixels, count), its rows `row` apart. */
static void add_columns(const real *dy, int64_t pixels, int64_t row, int64_t count, double *sums)
{
    int64_t p = 0;
    for (; p + 4 <= pixels; p += 4) {
        const real *a = dy + p * row, *b = a + row, *c = b + row, *d = c + row;
#pragma omp simd
        for (int64_t o = 0; o < count; o++)
            sums[o] += ((double)a[o] + b[o]) + ((double)c[o] + d[o]);
    }
    for (; p < pixels; p++) {
        for (int64_t o = 0; o < count; o++) sums[o] += dy[p * row + o];
    }
}

/* dw += the partial sums, which are destroyed. */
static void reduce_partials(const struct weight_cut *cut, char *partials, int64_t elements,
                            real *dw, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t start = 0; start < elements; start += REDUCE_ELEMENTS) {
        int64_t count = im2col_min(REDUCE_ELEMENTS, elements - start);
        real *sum = (real *)partials + start, *to = dw + start;
        for (int64_t g = 1; g < cut->groups; g++) {
            const real *part = (const real *)(partials + (size_t)g * cut->partial_bytes) + start;
            for (int64_t i = 0; i < count; i++) sum[i] += part[i];
        }
        for (int64_t i = 0; i < count; i++) to[i] += sum[i];
    }
}

void CPU_NAME(conv2d_weight_gradient)(const struct im2col *shape, int64_t outputs, const real *x,
                                      const real *dy, real *dw, real *dbias, void *workspace,
                                      int threads)
{
    struct weight_cut cut = cut_weight(shape, outputs, dw != NULL, dbias != NULL);
    int64_t total = im2col_pixels(shape), taps = im2col_taps(shape), channels = shape->channels,
            row = taps * channels;
    char *tiles = workspace, *partials = tiles + cut.tile_bytes * (size_t)threads;
    char *bias_sums = partials + cut.partial_bytes * (size_t)cut.groups;

#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t piece = 0; piece < cut.groups * cut.splits * cut.output_splits; piece++) {
        real *buffer = (real *)(tiles + (size_t)omp_get_thread_num() * cut.tile_bytes);
        int64_t group = piece / (cut.splits * cut.output_splits),
                split = piece / cut.output_splits % cut.splits;
        int64_t output = piece % cut.output_splits * cut.outputs,
                count = im2col_min(cut.outputs, outputs - output);
        int64_t first = group * cut.group_pixels,
                last = im2col_min(first + cut.group_pixels, total);
        int64_t tap = split * cut.taps, k = im2col_min(cut.taps, taps - tap) * channels;

        real *sum = cut.groups > 1 ? (real *)(partials + (size_t)group * cut.partial_bytes) : dw;
        /* The sums of dy's columns come along with the first taps, while dy is in the cache. */
        double *bias_sum = dbias && split == 0
                               ? (double *)(bias_sums + (size_t)group * cut.bias_bytes) + output
                               : NULL;
        if (bias_sum) memset(bias_sum, 0, (size_t)count * sizeof(double));

        for (int64_t pixel = first; pixel < last; pixel += cut.tile_pixels) {
            int64_t pixels = im2col_min(cut.tile_pixels, last - pixel);
            const real *dy_tile = dy + pixel * outputs + output;
            if (dw) {
                const real *a =
                    CPU_NAME(im2col_tile)(shape, x, pixel, pixels, tap, k / channels, buffer);
                gemm(CblasTrans, CblasNoTrans, count, k, pixels, 1, dy_tile, outputs, a, k,
                     cut.groups > 1 && pixel == first ? 0 : 1, sum + output * row + tap * channels,
                     row);
            }
            if (bias_sum) add_columns(dy_tile, pixels, outputs, count, bias_sum);
        }
    }

    if (dw && cut.groups > 1) reduce_partials(&cut, partials, outputs * row, dw, threads);
    if (dbias) {
        for (int64_t o = 0; o < outputs; o++) {
            double sum = 0;
            for (int64_t g = 0; g < cut.groups; g++)
                sum += ((const double *)(bias_sums + (size_t)g * cut.bias_bytes))[o];
            dbias[o] = (real)(dbias[o] + sum);
        }
    }
}

/* The kernel's size is that of dw; without dw it plays no part. */
static struct im2col call_shape(const struct cpu_call *call)
{
    const struct value *x = call->in[0], *dy = call->in[1], *dw = call->out[0];
    const struct conv2d_params *params = &call->params->conv2d;
    return (struct im2col){.images = x->dim[0],
                           .height = x->dim[1],
                           .width = x->dim[2],
                           .channels = x->dim[3],
                           .rows = dy->dim[1],
                           .columns = dy->dim[2],
                           .kernel_height = dw ? dw->dim[1] : 1,
                           .kernel_width = dw ? dw->dim[2] : 1,
                           .stride = params->stride,
                           .top = params->pad,
                           .left = params->pad};
}

static size_t conv2d_grad_weight_workspace(const struct cpu_call *call)
{
    struct im2col shape = call_shape(call);
    return CPU_NAME(conv2d_weight_gradient_workspace)(
        &shape, call->in[1]->dim[3], call->out[0] != NULL, call->out[1] != NULL, call->threads);
}

static void conv2d_grad_weight_run(const struct cpu_call *call)
{
    struct im2col shape = call_shape(call);
    CPU_NAME(conv2d_weight_gradient)
    (&shape, call->in[1]->dim[3], call->x[0], call->x[1], call->y[0], call->y[1], call->workspace,
     call->threads);
}

const struct cpu_op CPU_NAME(cpu_conv2d_grad_weight) = {.workspace = conv2d_grad_weight_workspace,
                                                        .run = conv2d_grad_weight_run};
