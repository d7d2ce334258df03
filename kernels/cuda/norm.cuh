/* Batch norm over the rows of a matrix (rows, C) and layer norm over the channels of each row. Variances are sums of
 * squared differences from a mean, never E[x^2] - m^2. Sums over rows go in two stages of fixed order (column_sums.cuh):
 * pieces of rows, then the pieces, whose moments are joined as by Chan, Golub and LeVeque, "Updating formulae and a
 * pairwise algorithm for computing sample variances", 1979. */
#ifndef KERNELS_CUDA_NORM_CUH
#define KERNELS_CUDA_NORM_CUH

#include "kernels/cuda/column_sums.cuh"

/* ---- batch norm; threads as in column_sums.cuh ---- */

/* partial (pieces, 2, C): sums of a piece, and squared differences from the piece's own mean. The piece is read twice,
 * the second time from the cache. */
template <class T, bool WHOLE>
__device__ __forceinline__ void batch_norm_moments(const T *x, float *partial, int rows, int channels, int piece)
{
    constexpr int WIDTH = WIDE<T>;
    float *const shared = reinterpret_cast<float *>(DYNAMIC_SHARED);
    const int c = own_channel<T>(), begin = static_cast<int>(blockIdx.y) * piece;
    const int first = begin + static_cast<int>(threadIdx.y), end = min(begin + piece, rows);
    const int step = static_cast<int>(blockDim.y);
    float sum[1][WIDTH] = {}, squares[1][WIDTH] = {}, mean[WIDTH];
    if (c < channels)
        sum_rows(sum, first, step, end, c, [&](int row, int at, float(&value)[1][WIDTH]) INLINED {
            load_channels<WHOLE>(x, row, at, channels, value[0]);
        });
    sum_over_block(sum, shared);
#pragma unroll
    for (int e = 0; e < WIDTH; e++) {
        sum[0][e] = shared[threadIdx.x * WIDTH + e];
        mean[e] = sum[0][e] / static_cast<float>(end - begin);
    }
    if (c < channels)
        sum_rows(squares, first, step, end, c, [&](int row, int at, float(&value)[1][WIDTH]) INLINED {
            load_channels<WHOLE>(x, row, at, channels, value[0]);
#pragma unroll
            for (int e = 0; e < WIDTH; e++) value[0][e] = (value[0][e] - mean[e]) * (value[0][e] - mean[e]);
        });
    sum_over_block(squares, shared);
    if (threadIdx.y || c >= channels) return;
#pragma unroll
    for (int e = 0; e < WIDTH; e++) {
        if (c + e >= channels) continue;
        float *const to = partial + static_cast<size_t>(blockIdx.y) * 2 * channels + c + e;
        to[0] = sum[0][e];
        to[channels] = shared[threadIdx.x * WIDTH + e];
    }
}

/* y = act((x - mean) * rstd * gamma + beta + residual). Blocks along y share the rows. */
template <class T, bool WHOLE>
__device__ __forceinline__ void batch_norm_normalise(const T *x, const float *gamma, const float *beta,
                                                     const float *mean, const float *spread, const T *residual, T *y,
                                                     int relu, float eps, int rows, int channels)
{
    constexpr int WIDTH = WIDE<T>;
    const int c = own_channel<T>();
    if (c >= channels) return;
    float m[WIDTH], scale[WIDTH], factor[WIDTH], shift[WIDTH];
    load_numbers<WHOLE>(mean, c, channels, m);
    load_numbers<WHOLE>(spread, c, channels, scale);
    load_numbers<WHOLE>(gamma, c, channels, factor);
    load_numbers<WHOLE>(beta, c, channels, shift);
#pragma unroll
    for (int e = 0; e < WIDTH; e++) scale[e] = factor[e] * (eps > 0 ? 1 / sqrtf(scale[e] + eps) : scale[e]);
    const int step = static_cast<int>(gridDim.y * blockDim.y);
    /* All loads stand before the first store: for all the compiler knows, y is x. */
    for (int row = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y); row < rows; row += ROWS_TOGETHER * step) {
        float value[ROWS_TOGETHER][WIDTH], added[ROWS_TOGETHER][WIDTH];
#pragma unroll
        for (int i = 0; i < ROWS_TOGETHER; i++)
            load_channels<WHOLE>(x, min(row + i * step, rows - 1), c, channels, value[i]);
        if (residual)
#pragma unroll
            for (int i = 0; i < ROWS_TOGETHER; i++)
                load_channels<WHOLE>(residual, min(row + i * step, rows - 1), c, channels, added[i]);
#pragma unroll
        for (int i = 0; i < ROWS_TOGETHER; i++) {
#pragma unroll
            for (int e = 0; e < WIDTH; e++) {
                float &v = value[i][e];
                v = fmaf(v - m[e], scale[e], shift[e]);
                if (residual) v += added[i][e];
                if (relu) v = rectify(v);
            }
            if (row + i * step < rows) store_channels<WHOLE>(y, row + i * step, c, channels, value[i]);
        }
    }
}

/* partial (pieces, 2, C): sums of dy and of dy * xhat. */
template <class T, bool WHOLE>
__device__ __forceinline__ void batch_norm_grad_sums(const T *dy, const T *x, const float *mean, const float *rstd,
                                                     float *partial, int rows, int channels, int piece)
{
    constexpr int WIDTH = WIDE<T>;
    float m[WIDTH], scale[WIDTH];
    load_numbers<WHOLE>(mean, own_channel<T>(), channels, m);
    load_numbers<WHOLE>(rstd, own_channel<T>(), channels, scale);
    column_sums<T, 2>(rows, channels, piece, partial, [&](int row, int c, float(&value)[2][WIDTH]) INLINED {
        load_channels<WHOLE>(dy, row, c, channels, value[0]);
        load_channels<WHOLE>(x, row, c, channels, value[1]);
#pragma unroll
        for (int e = 0; e < WIDTH; e++) value[1][e] = value[0][e] * ((value[1][e] - m[e]) * scale[e]);
    });
}

/* dx = gamma * rstd * (dy - mean(dy) - xhat * mean(dy * xhat)) */
template <class T, bool WHOLE>
__device__ __forceinline__ void batch_norm_grad(const T *dy, const T *x, const float *gamma, const float *mean,
                                                const float *rstd, const float *total, T *dx, int rows, int channels)
{
    constexpr int WIDTH = WIDE<T>;
    const int c = own_channel<T>();
    if (c >= channels) return;
    float m[WIDTH], scale[WIDTH], factor[WIDTH], shift[WIDTH], slope[WIDTH];
    load_numbers<WHOLE>(mean, c, channels, m);
    load_numbers<WHOLE>(rstd, c, channels, scale);
    load_numbers<WHOLE>(gamma, c, channels, factor);
    load_numbers<WHOLE>(total, c, channels, shift);
    load_numbers<WHOLE>(total + channels, c, channels, slope);
#pragma unroll
    for (int e = 0; e < WIDTH; e++) {
        factor[e] *= scale[e];
        shift[e] /= static_cast<float>(rows);
        slope[e] /= static_cast<float>(rows);
    }
    const int step = static_cast<int>(gridDim.y * blockDim.y);
    for (int row = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y); row < rows; row += ROWS_TOGETHER * step) {
        float gradient[ROWS_TOGETHER][WIDTH], value[ROWS_TOGETHER][WIDTH];
#pragma unroll
        for (int i = 0; i < ROWS_TOGETHER; i++) {
            load_channels<WHOLE>(dy, min(row + i * step, rows - 1), c, channels, gradient[i]);
            load_channels<WHOLE>(x, min(row + i * step, rows - 1), c, channels, value[i]);
        }
#pragma unroll
        for (int i = 0; i < ROWS_TOGETHER; i++) {
#pragma unroll
            for (int e = 0; e < WIDTH; e++)
                gradient[i][e] =
                    factor[e] * (gradient[i][e] - shift[e] - (value[i][e] - m[e]) * scale[e] * slope[e]);
            if (row + i * step < rows) store_channels<WHOLE>(dx, row + i * step, c, channels, gradient[i]);
        }
    }
}

/* ---- layer norm: `lanes` threads beside each other, a power of two up to 32, share a row ---- */

__device__ __forceinline__ float sum_over_lanes(float x, int lanes)
{
    for (int by = lanes / 2; by; by /= 2) x += __shfl_xor_sync(ALL_LANES, x, by);
    return x;
}

/* Row of this thread; threads beyond the last row repeat it, for the sums of their warp, and write nothing. */
struct LayerNormRow {
    int row, first, step;
    bool there;
    __device__ __forceinline__ LayerNormRow(int rows, int lanes, int width)
    {
        const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
        there = thread / lanes < rows;
        row = there ? static_cast<int>(thread / lanes) : rows - 1;
        first = static_cast<int>(threadIdx.x % static_cast<unsigned>(lanes)) * width;
        step = lanes * width;
    }
};

template <class T, bool WHOLE>
__device__ __forceinline__ void layer_norm(const T *x, const float *gamma, const float *beta, T *y, float *mean,
                                           float *rstd, int rows, int channels, int lanes, float eps)
{
    constexpr int WIDTH = WIDE<T>;
    const LayerNormRow own(rows, lanes, WIDTH);
    float value[WIDTH], sum = 0, squares = 0;
    for (int c = own.first; c < channels; c += own.step) {
        load_channels<WHOLE>(x, own.row, c, channels, value);
#pragma unroll
        for (int e = 0; e < WIDTH; e++) sum += value[e];
    }
    const float m = sum_over_lanes(sum, lanes) / static_cast<float>(channels);
    for (int c = own.first; c < channels; c += own.step) {
        load_channels<WHOLE>(x, own.row, c, channels, value);
#pragma unroll
        for (int e = 0; e < WIDTH; e++) {
            const float d = c + e < channels ? value[e] - m : 0.0f;
            squares = fmaf(d, d, squares);
        }
    }
    const float scale = 1 / sqrtf(sum_over_lanes(squares, lanes) / static_cast<float>(channels) + eps);
    if (!own.there) return;
    for (int c = own.first; c < channels; c += own.step) {
        float factor[WIDTH], shift[WIDTH];
        load_channels<WHOLE>(x, own.row, c, channels, value);
        load_numbers<WHOLE>(gamma, c, channels, factor);
        load_numbers<WHOLE>(beta, c, channels, shift);
#pragma unroll
        for (int e = 0; e < WIDTH; e++) value[e] = fmaf((value[e] - m) * scale, factor[e], shift[e]);
        store_channels<WHOLE>(y, own.row, c, channels, value);
    }
    if (own.first) return;
    if (mean) mean[own.row] = m;
    if (rstd) rstd[own.row] = scale;
}

/* partial (pieces, 2, C): sums of dy and of dy * xhat, for dbeta and dgamma. */
template <class T, bool WHOLE>
__device__ __forceinline__ void layer_norm_sums(const T *dy, const T *x, const float *mean, const float *rstd,
                                                float *partial, int rows, int channels, int piece)
{
    constexpr int WIDTH = WIDE<T>;
    column_sums<T, 2>(rows, channels, piece, partial, [=](int row, int c, float(&value)[2][WIDTH]) INLINED {
        const float m = mean[row], scale = rstd[row];
        load_channels<WHOLE>(dy, row, c, channels, value[0]);
        load_channels<WHOLE>(x, row, c, channels, value[1]);
#pragma unroll
        for (int e = 0; e < WIDTH; e++) value[1][e] = value[0][e] * ((value[1][e] - m) * scale);
    });
}

/* With g = gamma * dy: dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), means over the channels. */
template <class T, bool WHOLE>
__device__ __forceinline__ void layer_norm_grad(const T *dy, const T *x, const float *gamma, const float *mean,
                                                const float *rstd, T *dx, int rows, int channels, int lanes)
{
    constexpr int WIDTH = WIDE<T>;
    const LayerNormRow own(rows, lanes, WIDTH);
    const float m = mean[own.row], scale = rstd[own.row];
    float gradient[WIDTH], value[WIDTH], factor[WIDTH], sum = 0, products = 0;
    for (int c = own.first; c < channels; c += own.step) {
        load_channels<WHOLE>(dy, own.row, c, channels, gradient);
        load_channels<WHOLE>(x, own.row, c, channels, value);
        load_numbers<WHOLE>(gamma, c, channels, factor);
#pragma unroll
        for (int e = 0; e < WIDTH; e++) {
            const float g = gradient[e] * factor[e];
            sum += g;
            products = fmaf(g, (value[e] - m) * scale, products);
        }
    }
    const float shift = sum_over_lanes(sum, lanes) / static_cast<float>(channels);
    const float slope = sum_over_lanes(products, lanes) / static_cast<float>(channels);
    if (!own.there) return;
    for (int c = own.first; c < channels; c += own.step) {
        load_channels<WHOLE>(dy, own.row, c, channels, gradient);
        load_channels<WHOLE>(x, own.row, c, channels, value);
        load_numbers<WHOLE>(gamma, c, channels, factor);
#pragma unroll
        for (int e = 0; e < WIDTH; e++)
            gradient[e] = scale * (gradient[e] * factor[e] - shift - (value[e] - m) * scale * slope);
        store_channels<WHOLE>(dx, own.row, c, channels, gradient);
    }
}

#endif
