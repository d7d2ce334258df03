/* Sums over the rows of a matrix (rows, C) for each channel. A block has blockDim.x threads beside each other with
 * 16 bytes of channels each, and blockDim.y rows at a time; it sums a piece of the rows. What a later kernel makes of
 * the pieces, it adds in their order: the sums do not depend on the order in which blocks run.
 *
 * Blocks along x: groups of blockDim.x * WIDE channels, along y: pieces of `piece` rows. Dynamic shared memory:
 * COUNT * WIDE floats a thread. */
#ifndef KERNELS_CUDA_COLUMN_SUMS_CUH
#define KERNELS_CUDA_COLUMN_SUMS_CUH

#include "kernels/cuda/device.cuh"

/* WIDE channels of a row from `c` on, zeros beyond the last one. */
template <class T>
__device__ __forceinline__ void load_channels(const T *from, size_t row, int c, int channels, float (&to)[WIDE<T>])
{
    const T *const at = from + row * channels + c;
    if (channels % WIDE<T> == 0) {
        const Vector<T, WIDE<T>> elements = *reinterpret_cast<const Vector<T, WIDE<T>> *>(at);
#pragma unroll
        for (int e = 0; e < WIDE<T>; e++) to[e] = to_float(elements.element[e]);
    } else {
#pragma unroll
        for (int e = 0; e < WIDE<T>; e++) to[e] = c + e < channels ? to_float(at[e]) : 0.0f;
    }
}

template <class T>
__device__ __forceinline__ void store_channels(T *to, size_t row, int c, int channels, const float (&from)[WIDE<T>])
{
    T *const at = to + row * channels + c;
    if (channels % WIDE<T> == 0) {
        Vector<T, WIDE<T>> elements;
#pragma unroll
        for (int e = 0; e < WIDE<T>; e++) elements.element[e] = from_float<T>(from[e]);
        *reinterpret_cast<Vector<T, WIDE<T>> *>(at) = elements;
    } else {
#pragma unroll
        for (int e = 0; e < WIDE<T>; e++)
            if (c + e < channels) at[e] = from_float<T>(from[e]);
    }
}

/* WIDTH numbers a channel from `c` on, zeros beyond the last one. */
template <int WIDTH>
__device__ __forceinline__ void load_numbers(const float *from, int c, int channels, float (&to)[WIDTH])
{
#pragma unroll
    for (int e = 0; e < WIDTH; e++) to[e] = c + e < channels ? from[c + e] : 0.0f;
}

/* First channel of this thread. */
template <class T> __device__ __forceinline__ int own_channel()
{
    return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * WIDE<T>;
}

/* shared[(n * blockDim.x + threadIdx.x) * WIDTH + e] = sum of value[n][e] over threadIdx.y. */
template <int COUNT, int WIDTH>
__device__ __forceinline__ void sum_over_block(const float (&value)[COUNT][WIDTH], float *shared)
{
    const unsigned width = COUNT * WIDTH * blockDim.x;
    /* Someone may still read the former sums. */
    __syncthreads();
#pragma unroll
    for (int n = 0; n < COUNT; n++)
#pragma unroll
        for (int e = 0; e < WIDTH; e++)
            shared[threadIdx.y * width + (n * blockDim.x + threadIdx.x) * WIDTH + e] = value[n][e];
    __syncthreads();
    for (unsigned i = threadIdx.y * blockDim.x + threadIdx.x; i < width; i += blockDim.x * blockDim.y) {
        float sum = shared[i];
        for (unsigned y = 1; y < blockDim.y; y++) sum += shared[y * width + i];
        shared[i] = sum;
    }
    __syncthreads();
}

/* partial (pieces, COUNT, C) = sums over the rows of a piece. row_values(row, c, value) sets value[COUNT][WIDE] of a
 * row and the channels from c on. */
template <class T, int COUNT, class RowValues>
__device__ __forceinline__ void column_sums(int rows, int channels, int piece, float *partial, RowValues row_values)
{
    constexpr int WIDTH = WIDE<T>;
    float *const shared = reinterpret_cast<float *>(DYNAMIC_SHARED);
    const int c = own_channel<T>(), begin = static_cast<int>(blockIdx.y) * piece;
    const int end = min(begin + piece, rows);
    float sum[COUNT][WIDTH] = {};
    if (c < channels)
#pragma unroll 4
        for (int row = begin + static_cast<int>(threadIdx.y); row < end; row += static_cast<int>(blockDim.y)) {
            float value[COUNT][WIDTH];
            row_values(row, c, value);
#pragma unroll
            for (int n = 0; n < COUNT; n++)
#pragma unroll
                for (int e = 0; e < WIDTH; e++) sum[n][e] += value[n][e];
        }
    sum_over_block(sum, shared);
    if (threadIdx.y || c >= channels) return;
#pragma unroll
    for (int n = 0; n < COUNT; n++)
#pragma unroll
        for (int e = 0; e < WIDTH; e++)
            if (c + e < channels)
                partial[(static_cast<size_t>(blockIdx.y) * COUNT + n) * channels + c + e] =
                    shared[(n * blockDim.x + threadIdx.x) * WIDTH + e];
}

#endif
