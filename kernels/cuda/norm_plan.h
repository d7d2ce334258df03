/* Batch norm and layer norm on CUDA: how their kernels are launched. gamma, beta and statistics are float.
 *
 * x is (rows, C), rows being images * height * width; T the storage:
 *     moments        (const T *x, float *partial, int rows, int channels, int piece)
 *     join_moments   (const float *partial, float *mean, *rstd, *running_mean, *running_var, int rows, int channels,
 *                     int piece, int pieces, float eps, float momentum)
 *     normalise      (const T *x, const float *gamma, *beta, *mean, *spread, const T *residual, T *y, int relu, float eps,
 *                     int rows, int channels)      with eps above 0 `spread` is a variance, else rstd; residual may be NULL
 *     grad_sums      (const T *dy, const T *x, const float *mean, *rstd, float *partial, int rows, int channels, int piece)
 *     join_gradients (const float *partial, float *total, *dgamma, *dbeta, int channels, int pieces)
 *                                                  total (2, C); each of the three results may be NULL
 *     grad           (const T *dy, const T *x, const float *gamma, *mean, *rstd, *total, T *dx, int rows, int channels)
 *     layer_norm     (const T *x, const float *gamma, *beta, T *y, float *mean, *rstd, int rows, int channels, int lanes,
 *                     float eps)                   each of mean and rstd may be NULL
 *     layer_norm_grad (const T *dy, const T *x, const float *gamma, *mean, *rstd, T *dx, int rows, int channels, int lanes)
 * layer_norm_sums takes what grad_sums takes, with statistics a row. y may be x, dx may be dy. */
#ifndef KERNELS_CUDA_NORM_PLAN_H
#define KERNELS_CUDA_NORM_PLAN_H

#include <stdio.h>
#include <string.h>

#include "kernels/cuda/rows_plan.h"

struct cuda_norm_plan {
    struct cuda_launch moments, join_moments, normalise, grad_sums, join_gradients, grad;
    struct cuda_launch layer_norm, layer_norm_sums, layer_norm_grad;
    int piece, pieces;
    int lanes;              /* of a row of layer norm */
    size_t workspace;       /* bytes of `partial`, for moments as for gradients */
    size_t total_workspace; /* bytes of `total` */
};

static inline void cuda_norm_launch(struct cuda_launch *launch, const char *name, const char *storage,
                                    const struct cuda_rows_plan *cut, unsigned shared_bytes)
{
    snprintf(launch->kernel, sizeof launch->kernel, storage ? "%s_%s" : "%s", name, storage);
    for (int i = 0; i < 3; i++) {
        launch->grid[i] = cut->grid[i];
        launch->block[i] = cut->block[i];
    }
    launch->shared_bytes = shared_bytes;
}

static inline struct cuda_norm_plan cuda_plan_norm(int64_t rows, int64_t channels, enum cuda_math math,
                                                   int multiprocessors)
{
    /* A block of the kernels that join has the channels of one memory access, and as many lanes as take the pieces in a
     * few rounds: their time is that of loads one after the other. */
    enum { JOIN_CHANNELS = 8, JOIN_LANES = 32, ROWS_A_THREAD = 4, MAX_GRID = 65535, ROW_THREADS = 256 };
    const char *const storage = cuda_storage_name(math);
    const struct cuda_rows_plan cut = cuda_plan_rows(rows, channels, math, 2, multiprocessors);
    struct cuda_rows_plan spread = cut, join = cut;
    struct cuda_norm_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.piece = cut.piece;
    plan.pieces = cut.pieces;
    plan.total_workspace = (size_t)(2 * channels) * sizeof(float);
    plan.workspace = (size_t)cut.pieces * plan.total_workspace;
    cuda_norm_launch(&plan.moments, "batch_norm_moments", storage, &cut, cut.shared_bytes);
    cuda_norm_launch(&plan.grad_sums, "batch_norm_grad_sums", storage, &cut, cut.shared_bytes);
    cuda_norm_launch(&plan.layer_norm_sums, "layer_norm_sums", storage, &cut, cut.shared_bytes);

    const int64_t row_blocks = cuda_divide_up(rows, (int64_t)cut.block[1] * ROWS_A_THREAD);
    spread.grid[1] = (unsigned)(row_blocks < MAX_GRID ? row_blocks : (int64_t)MAX_GRID);
    cuda_norm_launch(&plan.normalise, "batch_norm_normalise", storage, &spread, 0);
    cuda_norm_launch(&plan.grad, "batch_norm_grad", storage, &spread, 0);

    join.grid[0] = (unsigned)cuda_divide_up(channels, JOIN_CHANNELS);
    join.grid[1] = 1;
    join.block[0] = JOIN_CHANNELS;
    join.block[1] = JOIN_LANES;
    const unsigned join_bytes = JOIN_CHANNELS * JOIN_LANES * 2 * sizeof(float);
    cuda_norm_launch(&plan.join_moments, "batch_norm_join_moments", NULL, &join, join_bytes);
    cuda_norm_launch(&plan.join_gradients, "norm_join_gradients", NULL, &join, join_bytes);

    const int64_t chunks = cuda_divide_up(channels, 16 / cuda_element_bytes(math));
    plan.lanes = 1;
    while (plan.lanes < 32 && plan.lanes < chunks) plan.lanes *= 2;
    cuda_launch_1d(&plan.layer_norm, rows * plan.lanes, ROW_THREADS);
    plan.layer_norm_grad = plan.layer_norm;
    snprintf(plan.layer_norm.kernel, sizeof plan.layer_norm.kernel, "layer_norm_%s", storage);
    snprintf(plan.layer_norm_grad.kernel, sizeof plan.layer_norm_grad.kernel, "layer_norm_grad_%s", storage);
    return plan;
}

#endif
