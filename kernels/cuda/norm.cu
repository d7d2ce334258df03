/* Batch norm and layer norm in each storage, and what joins their sums. */
#include "kernels/cuda/norm.cuh"

#define NORM_KERNELS(storage, T)                                                                               \
    extern "C" __global__ void batch_norm_moments_##storage(const T *x, float *partial, int rows, int channels, \
                                                            int piece)                                         \
    {                                                                                                          \
        WHOLE_OR_NOT(batch_norm_moments, T, x, partial, rows, channels, piece);                                              \
    }                                                                                                          \
    REGISTER_KERNEL(batch_norm_moments_##storage);                                                             \
    extern "C" __global__ void batch_norm_normalise_##storage(                                                 \
        const T *x, const float *gamma, const float *beta, const float *mean, const float *spread,             \
        const T *residual, T *y, int relu, float eps, int rows, int channels)                                  \
    {                                                                                                          \
        WHOLE_OR_NOT(batch_norm_normalise, T, x, gamma, beta, mean, spread, residual, y, relu, eps, rows, channels);         \
    }                                                                                                          \
    REGISTER_KERNEL(batch_norm_normalise_##storage);                                                           \
    extern "C" __global__ void batch_norm_grad_sums_##storage(const T *dy, const T *x, const float *mean,      \
                                                              const float *rstd, float *partial, int rows,     \
                                                              int channels, int piece)                         \
    {                                                                                                          \
        WHOLE_OR_NOT(batch_norm_grad_sums, T, dy, x, mean, rstd, partial, rows, channels, piece);                            \
    }                                                                                                          \
    REGISTER_KERNEL(batch_norm_grad_sums_##storage);                                                           \
    extern "C" __global__ void batch_norm_grad_##storage(const T *dy, const T *x, const float *gamma,          \
                                                         const float *mean, const float *rstd,                 \
                                                         const float *total, T *dx, int rows, int channels)    \
    {                                                                                                          \
        WHOLE_OR_NOT(batch_norm_grad, T, dy, x, gamma, mean, rstd, total, dx, rows, channels);                               \
    }                                                                                                          \
    REGISTER_KERNEL(batch_norm_grad_##storage);                                                                \
    extern "C" __global__ void layer_norm_##storage(const T *x, const float *gamma, const float *beta, T *y,   \
                                                    float *mean, float *rstd, int rows, int channels,          \
                                                    int lanes, float eps)                                      \
    {                                                                                                          \
        WHOLE_OR_NOT(layer_norm, T, x, gamma, beta, y, mean, rstd, rows, channels, lanes, eps);                              \
    }                                                                                                          \
    REGISTER_KERNEL(layer_norm_##storage);                                                                     \
    extern "C" __global__ void layer_norm_sums_##storage(const T *dy, const T *x, const float *mean,           \
                                                         const float *rstd, float *partial, int rows,          \
                                                         int channels, int piece)                              \
    {                                                                                                          \
        WHOLE_OR_NOT(layer_norm_sums, T, dy, x, mean, rstd, partial, rows, channels, piece);                                 \
    }                                                                                                          \
    REGISTER_KERNEL(layer_norm_sums_##storage);                                                                \
    extern "C" __global__ void layer_norm_grad_##storage(const T *dy, const T *x, const float *gamma,          \
                                                         const float *mean, const float *rstd, T *dx,          \
                                                         int rows, int channels, int lanes)                    \
    {                                                                                                          \
        WHOLE_OR_NOT(layer_norm_grad, T, dy, x, gamma, mean, rstd, dx, rows, channels, lanes);                               \
    }                                                                                                          \
    REGISTER_KERNEL(layer_norm_grad_##storage);

NORM_KERNELS(f32, float)
NORM_KERNELS(f16, __half)
NORM_KERNELS(bf16, __nv_bfloat16)

/* Both: blockDim.x channels a block, blockDim.y threads share the pieces of each. */

/* Joins the pieces' moments and updates the running statistics. */
extern "C" __global__ void batch_norm_join_moments(const float *partial, float *mean, float *rstd, float *running_mean,
                                                   float *running_var, int rows, int channels, int piece, int pieces,
                                                   float eps, float momentum)
{
    float *const shared = reinterpret_cast<float *>(DYNAMIC_SHARED);
    const int c = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), lanes = static_cast<int>(blockDim.y);
    const bool there = c < channels;
    float sum[1][1] = {}, squares[1][1] = {};
#pragma unroll 4
    for (int p = static_cast<int>(threadIdx.y); there && p < pieces; p += lanes)
        sum[0][0] += partial[static_cast<size_t>(2 * p) * channels + c];
    sum_over_block(sum, shared);
    const float m = shared[threadIdx.x] / static_cast<float>(rows);
#pragma unroll 4
    for (int p = static_cast<int>(threadIdx.y); there && p < pieces; p += lanes) {
        const float size = static_cast<float>(min(piece, rows - p * piece));
        const float d = partial[static_cast<size_t>(2 * p) * channels + c] / size - m;
        squares[0][0] += partial[static_cast<size_t>(2 * p + 1) * channels + c] + size * d * d;
    }
    sum_over_block(squares, shared);
    if (threadIdx.y || !there) return;
    const float total = shared[threadIdx.x];
    mean[c] = m;
    rstd[c] = 1 / sqrtf(total / static_cast<float>(rows) + eps);
    running_mean[c] += momentum * (m - running_mean[c]);
    running_var[c] += momentum * (total / static_cast<float>(max(rows - 1, 1)) - running_var[c]);
}
REGISTER_KERNEL(batch_norm_join_moments);

/* total (2, C) = sums of the pieces; dbeta += total[0], dgamma += total[1]; each of the three may be NULL. */
extern "C" __global__ void norm_join_gradients(const float *partial, float *total, float *dgamma, float *dbeta,
                                               int channels, int pieces)
{
    float *const shared = reinterpret_cast<float *>(DYNAMIC_SHARED);
    const int c = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), lanes = static_cast<int>(blockDim.y);
    float sum[2][1] = {};
#pragma unroll 4
    for (int p = static_cast<int>(threadIdx.y); c < channels && p < pieces; p += lanes) {
        sum[0][0] += partial[static_cast<size_t>(2 * p) * channels + c];
        sum[1][0] += partial[static_cast<size_t>(2 * p + 1) * channels + c];
    }
    sum_over_block(sum, shared);
    if (threadIdx.y || c >= channels) return;
    const float shift = shared[threadIdx.x], slope = shared[blockDim.x + threadIdx.x];
    if (total) {
        total[c] = shift;
        total[channels + c] = slope;
    }
    if (dbeta) dbeta[c] += shift;
    if (dgamma) dgamma[c] += slope;
}
REGISTER_KERNEL(norm_join_gradients);
