/* Which kernels compute a convolution, and how they are launched. A plan depends on shapes and the number of
 * multiprocessors alone, so that results are the same from run to run.
 *
 * Kernels and their arguments, T being the storage:
 *     product  (const T *source, const T *weight, const float *bias, const T *residual, T *result, float *partial,
 *               struct conv_product, int piece)             partial is NULL where pieces is 1
 *     finish   (const float *partial, const float *bias, const T *residual, T *result, struct conv_product,
 *               int pieces)
 *     weight   (const T *x, const T *dy, float *dw, float *partial, struct conv_weight_gradient)
 *     add_pieces (const float *partial, float *total, unsigned long long count, int pieces)
 *     bias     (const T *dy, float *partial, int rows, int channels, int piece)
 * All pointers are aligned to 16 bytes; those of absent values are not read. */
#ifndef KERNELS_CUDA_CONV_PLAN_H
#define KERNELS_CUDA_CONV_PLAN_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kernels/conv.h"
#include "kernels/cuda/rows_plan.h"
#include "kernels/cuda/tile.h"

enum { CUDA_ADD_THREADS = 256 };

struct cuda_conv_plan {
    struct cuda_launch product, finish;
    int piece, pieces;
    size_t workspace; /* bytes of `partial` */
};

struct cuda_conv_weight_plan {
    struct cuda_launch weight, add; /* add: of dw, where there are pieces */
    int piece, pieces;              /* for the kernel's parameter */
    size_t workspace;
};

struct cuda_conv_bias_plan {
    struct cuda_launch bias, add;
    int piece, pieces;
    size_t workspace;
};

/* NULL, or why the kernels cannot compute it: they index with 32 bits. */
static inline const char *cuda_conv_refuses(const struct conv_product *p)
{
    const int64_t in = (int64_t)p->images * p->in_height * p->in_width * p->in_channels;
    const int64_t out = (int64_t)p->images * p->out_height * p->out_width;
    const int64_t weights = (int64_t)p->taps_h * p->taps_w * p->tap_step * p->tap_step * p->in_channels *
                            p->out_channels;
    return in > INT32_MAX || out * p->out_channels > INT32_MAX || weights > INT32_MAX
               ? "needs less than 2^31 elements of a value"
               : NULL;
}

/* How many pieces a sum of `terms` tiles is cut into so that `blocks` blocks a piece fill the device. */
static inline int64_t cuda_pieces(int64_t blocks, int64_t terms, int multiprocessors, int64_t least, int64_t most)
{
    const int64_t wanted = 2 * (int64_t)multiprocessors / (blocks ? blocks : 1);
    int64_t pieces = wanted < terms / least ? wanted : terms / least;
    if (pieces > most) pieces = most;
    return pieces < 1 ? 1 : pieces;
}

static inline void cuda_add_plan(struct cuda_launch *add, int64_t count)
{
    snprintf(add->kernel, sizeof add->kernel, "add_pieces");
    cuda_launch_1d(add, count, CUDA_ADD_THREADS);
}

static inline struct cuda_conv_plan cuda_plan_conv(const struct conv_product *p, enum cuda_math math,
                                                   int multiprocessors)
{
    enum { FINISH_THREADS = 256, LEAST_TILES = 8, MAX_PIECES = 16 };
    struct cuda_conv_plan plan;
    const int64_t bytes = cuda_element_bytes(math), wide = 16 / bytes;
    const int64_t pixels = (int64_t)p->images * p->grid_height * p->grid_width;
    const int64_t terms = cuda_divide_up((int64_t)p->taps_h * p->taps_w * p->in_channels,
                                         CUDA_TILE_DEPTH_BYTES / bytes);
    const int64_t columns = cuda_divide_up(p->out_channels, CUDA_TILE_COLUMNS);
    const bool aligned = p->in_channels % wide == 0 && p->out_channels % wide == 0;
    const bool lines = p->in_stride == 1;
    memset(&plan, 0, sizeof plan);
    int64_t rows = CUDA_TILE_ROWS_LARGE;
    /* Large tiles read less, small ones keep more multiprocessors busy. */
    if (!aligned || cuda_divide_up(pixels, rows) * columns < 2 * (int64_t)multiprocessors)
        rows = CUDA_TILE_ROWS_SMALL;
    const int64_t blocks = cuda_divide_up(pixels, rows) * columns;
    plan.piece = (int)cuda_divide_up(terms, cuda_pieces(blocks, terms, multiprocessors, LEAST_TILES, MAX_PIECES));
    if (!plan.piece) plan.piece = 1;
    plan.pieces = terms ? (int)cuda_divide_up(terms, plan.piece) : 1;
    snprintf(plan.product.kernel, sizeof plan.product.kernel, "conv_%s_%s_%s", cuda_math_name(math),
             !aligned ? "any" : rows == CUDA_TILE_ROWS_LARGE ? "128" : "64", lines ? "lines" : "terms");
    plan.product.grid[0] = (unsigned)blocks;
    plan.product.grid[1] = 1;
    plan.product.grid[2] = (unsigned)plan.pieces;
    plan.product.block[0] = CUDA_TILE_THREADS;
    plan.product.block[1] = plan.product.block[2] = 1;
    plan.product.shared_bytes = cuda_tile_shared_bytes((unsigned)bytes, (unsigned)rows, 1, lines);
    if (plan.pieces == 1) return plan;
    plan.workspace = (size_t)plan.pieces * (size_t)pixels * (size_t)p->out_channels * sizeof(float);
    snprintf(plan.finish.kernel, sizeof plan.finish.kernel, "conv_finish_%s", cuda_storage_name(math));
    cuda_launch_1d(&plan.finish, pixels * cuda_divide_up(p->out_channels, wide), FINISH_THREADS);
    return plan;
}

/* g->piece and g->pieces are to be set from the plan. */
static inline struct cuda_conv_weight_plan cuda_plan_conv_weight(const struct conv_weight_gradient *g,
                                                                 enum cuda_math math, int multiprocessors)
{
    enum { LEAST_TILES = 8, MAX_PIECES = 64, MAX_BYTES = 64 << 20 };
    struct cuda_conv_weight_plan plan;
    const int64_t bytes = cuda_element_bytes(math), wide = 16 / bytes, depth = CUDA_TILE_DEPTH_BYTES / bytes;
    const int64_t pixels = (int64_t)g->images * g->out_height * g->out_width;
    const int64_t columns = (int64_t)g->taps_h * g->taps_w * g->in_channels;
    const int64_t count = columns * g->out_channels, column_tiles = cuda_divide_up(columns, CUDA_TILE_COLUMNS);
    const bool aligned = g->in_channels % wide == 0 && g->out_channels % wide == 0;
    memset(&plan, 0, sizeof plan);
    int64_t rows = CUDA_TILE_ROWS_LARGE;
    if (!aligned || g->out_channels <= CUDA_TILE_ROWS_SMALL) rows = CUDA_TILE_ROWS_SMALL;
    const int64_t blocks = cuda_divide_up(g->out_channels, rows) * column_tiles;
    const int64_t terms = cuda_divide_up(pixels, depth);
    int64_t pieces = cuda_pieces(blocks, terms, multiprocessors, LEAST_TILES, MAX_PIECES);
    if (pieces * count * (int64_t)sizeof(float) > MAX_BYTES) pieces = MAX_BYTES / (int64_t)sizeof(float) / count;
    if (pieces < 1) pieces = 1;
    plan.piece = (int)(cuda_divide_up(terms, pieces) * depth);
    plan.pieces = (int)cuda_divide_up(pixels, plan.piece);
    snprintf(plan.weight.kernel, sizeof plan.weight.kernel, "conv_weight_%s_%s", cuda_math_name(math),
             !aligned ? "any" : rows == CUDA_TILE_ROWS_LARGE ? "128" : "64");
    plan.weight.grid[0] = (unsigned)blocks;
    plan.weight.grid[1] = 1;
    plan.weight.grid[2] = (unsigned)plan.pieces;
    plan.weight.block[0] = CUDA_TILE_THREADS;
    plan.weight.block[1] = plan.weight.block[2] = 1;
    plan.weight.shared_bytes = cuda_tile_shared_bytes((unsigned)bytes, (unsigned)rows, 0, 0);
    if (plan.pieces == 1) return plan;
    plan.workspace = (size_t)plan.pieces * (size_t)count * sizeof(float);
    cuda_add_plan(&plan.add, count);
    return plan;
}

/* dbias += column sums of dy (rows, channels). */
static inline struct cuda_conv_bias_plan cuda_plan_conv_bias(int64_t rows, int64_t channels, enum cuda_math math,
                                                             int multiprocessors)
{
    const struct cuda_rows_plan cut = cuda_plan_rows(rows, channels, math, 1, multiprocessors);
    struct cuda_conv_bias_plan plan;
    memset(&plan, 0, sizeof plan);
    snprintf(plan.bias.kernel, sizeof plan.bias.kernel, "bias_sums_%s", cuda_storage_name(math));
    for (int i = 0; i < 3; i++) {
        plan.bias.grid[i] = cut.grid[i];
        plan.bias.block[i] = cut.block[i];
    }
    plan.bias.shared_bytes = cut.shared_bytes;
    plan.piece = cut.piece;
    plan.pieces = cut.pieces;
    plan.workspace = (size_t)cut.pieces * (size_t)channels * sizeof(float);
    cuda_add_plan(&plan.add, channels);
    return plan;
}

#endif
