/* Sums over the rows of a matrix (rows, C) for each channel. A block has blockDim.x threads beside each other with
 * 16 bytes of channels each, and blockDim.y rows at a time; it sums a piece of the rows. What a later kernel makes of
 * the pieces, it adds in their order: the sums do not depend on the order in which blocks run.
 *
 * Blocks along x: groups of blockDim.x * WIDE channels, along y: pieces of `piece` rows. Dynamic shared memory:
 * COUNT * WIDE floats a thread. */
#ifndef KERNELS_CUDA_COLUMN_SUMS_CUH
#define KERNELS_CUDA_COLUMN_SUMS_CUH

#include "kernels/cuda/device.cuh"

/* WHOLE: the channels are a multiple of WIDE, so that 16 bytes are read and written as one. Kernels branch once, at
 * their beginning: a branch between loads would keep them from being under way together. */
#define WHOLE_OR_NOT(function, T, ...)                                                                         \
    if (channels % WIDE<T> == 0)                                                                               \
        function<T, true>(__VA_ARGS__);                                                                        \
    else                                                                                                       \
        function<T, false>(__VA_ARGS__)

/* WIDE channels of a row from `c` on, zeros beyond the last one. */
template <bool WHOLE, class T>
__device__ __forceinline__ void load_channels(const T *from, size_t row, int c, int channels, float (&to)[WIDE<T>])
{
    const T *const at = from + row * channels + c;
    if constexpr (WHOLE) {
        const Vector<T, WIDE<T>> elements = *reinterpret_cast<const Vector<T, WIDE<T>> *>(at);
#pragma unroll
        for (int e = 0; e < WIDE<T>; e++) to[e] = to_float(elements.element[e]);
    } else {
#pragma unroll
        for (int e = 0; e < WIDE<T>; e++) to[e] = c + e < channels ? to_float(at[e]) : 0.0f;
    }
}

template <bool WHOLE, class T>
__device__ __forceinline__ void store_channels(T *to, size_t row, int c, int channels, const float (&from)[WIDE<T>])
{
    T *const at = to + row * channels + c;
    if constexpr (WHOLE) {
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
template <bool WHOLE, int WIDTH>
__device__ __forceinline__ void load_numbers(const float *from, int c, int channels, float (&to)[WIDTH])
{
#pragma unroll
    for (int e = 0; e < WIDTH; e += 4) {
        if constexpr (WHOLE) {
            const float4 four = c < channels ? *reinterpret_cast<const float4 *>(from + c + e) : make_float4(0, 0, 0, 0);
            to[e] = four.x;
            to[e + 1] = four.y;
            to[e + 2] = four.z;
            to[e + 3] = four.w;
        } else {
#pragma unroll
            for (int i = e; i < e + 4; i++) to[i] = c + i < channels ? from[c + i] : 0.0f;
        }
    }
}

/* Rows whose loads are under way together; there are no more registers for more. */
constexpr int ROWS_TOGETHER = 4;

/* sum[n][e] += what row_values(row, c, value) gives for the rows first, first + step, .. below end. Rows beyond it are
 * read as the last one and not counted. */
template <int COUNT, int WIDTH, class RowValues>
__device__ __forceinline__ void sum_rows(float (&sum)[COUNT][WIDTH], int first, int step, int end, int c,
                                         RowValues row_values)
{
    for (int row = first; row < end; row += ROWS_TOGETHER * step)
#pragma unroll
        for (int i = 0; i < ROWS_TOGETHER; i++) {
            const int at = row + i * step;
            float value[COUNT][WIDTH];
            row_values(min(at, end - 1), c, value);
#pragma unroll
            for (int n = 0; n < COUNT; n++)
#pragma unroll
                for (int e = 0; e < WIDTH; e++) sum[n][e] += at < end ? value[n][e] : 0.0f;
        }
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
        sum_rows(sum, begin + static_cast<int>(threadIdx.y), static_cast<int>(blockDim.y), end, c, row_values);
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
