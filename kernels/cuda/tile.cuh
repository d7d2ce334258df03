/* A product of tiles in shared memory, on tensor cores or, for Math::fp32, in registers: what convolutions and
 * their weight gradients have in common. ROWS x COLUMNS sums are computed by THREADS threads; DEPTH terms lie in
 * shared memory at a time, STAGES times, so that copies are under way while products are computed
 * (the scheme of CUTLASS's multistage kernels: Kerr et al., "CUTLASS: Fast Linear Algebra in CUDA C++", 2017).
 *
 * An operand is a matrix of lines (rows of the result for the left one, columns for the right one) by terms,
 * stored either by lines, the terms of a line beside each other, or by terms. Rows in memory are padded by 16 bytes
 * or by 8 elements, so that neither ldmatrix nor the loads of 32-bit elements meet a bank twice. */
#ifndef KERNELS_CUDA_TILE_CUH
#define KERNELS_CUDA_TILE_CUH

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/tile.h"

template <Math M, int ROWS_, int COLUMNS_, bool LEFT_BY_LINES_, bool RIGHT_BY_LINES_> struct Tile {
    typedef typename Stored<M>::type T;
    static constexpr Math MATH = M;
    static constexpr int ROWS = ROWS_, COLUMNS = COLUMNS_;
    static constexpr bool LEFT_BY_LINES = LEFT_BY_LINES_, RIGHT_BY_LINES = RIGHT_BY_LINES_;
    static constexpr int THREADS = CUDA_TILE_THREADS, STAGES = CUDA_TILE_STAGES;
    static constexpr int VECTOR = WIDE<T>, DEPTH = CUDA_TILE_DEPTH_BYTES / static_cast<int>(sizeof(T));
    /* Elements from a row in memory to the next. */
    static constexpr int LEFT_PITCH = LEFT_BY_LINES ? DEPTH + VECTOR : ROWS + 8;
    static constexpr int RIGHT_PITCH = RIGHT_BY_LINES ? DEPTH + VECTOR : COLUMNS + 8;
    static constexpr int LEFT_SIZE = LEFT_PITCH * (LEFT_BY_LINES ? ROWS : DEPTH);
    static constexpr int RIGHT_SIZE = RIGHT_PITCH * (RIGHT_BY_LINES ? COLUMNS : DEPTH);
    static constexpr int STAGE_SIZE = LEFT_SIZE + RIGHT_SIZE;
    /* Sums on their way out take the place of the stages. */
    static constexpr int SUM_PITCH = COLUMNS + 4;
    static_assert(STAGE_SIZE * STAGES * static_cast<int>(sizeof(T)) >= SUM_PITCH * ROWS * 4, "sums fit");

    /* Two by two warps. */
    static constexpr int WARP_ROWS = ROWS / 2, WARP_COLUMNS = COLUMNS / 2;
    static constexpr int ROW_BLOCKS = WARP_ROWS / 16, COLUMN_BLOCKS = WARP_COLUMNS / 8;
    /* Without tensor cores: 8 columns of threads, neighbours of a warp four rows by eight columns. */
    static constexpr int THREAD_COLUMNS = 8, THREAD_ROWS = THREADS / THREAD_COLUMNS;
    static constexpr int OWN_ROWS = ROWS / THREAD_ROWS, OWN_COLUMNS = COLUMNS / THREAD_COLUMNS;
    static constexpr bool TENSOR = M != Math::fp32;

    static constexpr int SUMS = ROWS * COLUMNS / THREADS;

    /* Adds the products of a stage to this thread's sums. */
    static __device__ __forceinline__ void multiply(float (&sum)[SUMS], const T *left, const T *right)
    {
        if constexpr (TENSOR)
            multiply_fragments(sum, left, right);
        else
            multiply_registers(sum, left, right);
    }

    /* Writes the sums to shared memory, row by row. */
    static __device__ __forceinline__ void store(float *to, const float (&sum)[SUMS])
    {
        if constexpr (TENSOR) {
            const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
            const int row = warp / 2 * WARP_ROWS + lane / 4;
            const int column = warp % 2 * WARP_COLUMNS + lane % 4 * 2;
#pragma unroll
            for (int i = 0; i < ROW_BLOCKS * COLUMN_BLOCKS * 2; i++) {
                const int block = i / 2, r = row + block / COLUMN_BLOCKS * 16 + i % 2 * 8;
                const int c = column + block % COLUMN_BLOCKS * 8;
                *reinterpret_cast<float2 *>(to + r * SUM_PITCH + c) = make_float2(sum[2 * i], sum[2 * i + 1]);
            }
        } else {
#pragma unroll
            for (int i = 0; i < OWN_ROWS; i++)
#pragma unroll
                for (int j = 0; j < OWN_COLUMNS; j++)
                    to[own_row(i) * SUM_PITCH + own_column(j)] = sum[i * OWN_COLUMNS + j];
        }
    }

  private:
    /* ---- tensor cores ---- */

    /* 16 rows by 32 bytes of terms of the left operand, from row `row` and term `term` on. */
    static __device__ __forceinline__ void load_left(uint32_t (&a)[4], const T *left, int row, int term)
    {
        const int lane = threadIdx.x % 32;
        if constexpr (LEFT_BY_LINES) {
            load_matrices<false>(a, left + (row + lane % 16) * LEFT_PITCH + term + lane / 16 * VECTOR);
        } else if constexpr (sizeof(T) == 2) {
            load_matrices<true>(a, left + (term + lane % 8 + lane / 16 * 8) * LEFT_PITCH + row +
                                       lane / 8 % 2 * 8);
        } else {
            const T *const at = left + (term + lane % 4) * LEFT_PITCH + row + lane / 4;
            a[0] = __float_as_uint(at[0]);
            a[1] = __float_as_uint(at[8]);
            a[2] = __float_as_uint(at[4 * LEFT_PITCH]);
            a[3] = __float_as_uint(at[4 * LEFT_PITCH + 8]);
        }
        round_to_math(a);
    }

    /* The same of 16 columns of the right operand: registers of the first 8, of the second 8. */
    static __device__ __forceinline__ void load_right(uint32_t (&b)[4], const T *right, int column, int term)
    {
        const int lane = threadIdx.x % 32;
        if constexpr (RIGHT_BY_LINES) {
            load_matrices<false>(b, right + (column + lane % 8 + lane / 16 * 8) * RIGHT_PITCH + term +
                                        lane / 8 % 2 * VECTOR);
        } else if constexpr (sizeof(T) == 2) {
            load_matrices<true>(b, right + (term + lane % 16) * RIGHT_PITCH + column + lane / 16 * 8);
        } else {
            const T *const at = right + (term + lane % 4) * RIGHT_PITCH + column + lane / 4;
            b[0] = __float_as_uint(at[0]);
            b[1] = __float_as_uint(at[4 * RIGHT_PITCH]);
            b[2] = __float_as_uint(at[8]);
            b[3] = __float_as_uint(at[4 * RIGHT_PITCH + 8]);
        }
        round_to_math(b);
    }

    static __device__ __forceinline__ void round_to_math(uint32_t (&x)[4])
    {
        if constexpr (M == Math::tf32)
#pragma unroll
            for (int i = 0; i < 4; i++) x[i] = round_to_tf32(x[i]);
    }

    static __device__ __forceinline__ void multiply_fragments(float (&sum)[SUMS], const T *left, const T *right)
    {
        const int warp = threadIdx.x / 32;
        constexpr int STEP = 2 * VECTOR;
#pragma unroll
        for (int term = 0; term < DEPTH; term += STEP) {
            uint32_t b[COLUMN_BLOCKS / 2][4];
#pragma unroll
            for (int j = 0; j < COLUMN_BLOCKS / 2; j++)
                load_right(b[j], right, warp % 2 * WARP_COLUMNS + j * 16, term);
#pragma unroll
            for (int i = 0; i < ROW_BLOCKS; i++) {
                uint32_t a[4];
                load_left(a, left, warp / 2 * WARP_ROWS + i * 16, term);
#pragma unroll
                for (int j = 0; j < COLUMN_BLOCKS; j++)
                    multiply_add<M>(sum + (i * COLUMN_BLOCKS + j) * 4, a, b[j / 2] + j % 2 * 2);
            }
        }
    }

    /* ---- registers ---- */

    /* Lines of this thread. Operands stored by terms are read four lines at a time. */
    static __device__ __forceinline__ int own_row(int i)
    {
        const int at = threadIdx.x / THREAD_COLUMNS;
        return LEFT_BY_LINES ? at + i * THREAD_ROWS : at * 4 + i / 4 * 4 * THREAD_ROWS + i % 4;
    }
    static __device__ __forceinline__ int own_column(int j)
    {
        const int at = threadIdx.x % THREAD_COLUMNS;
        return RIGHT_BY_LINES ? at + j * THREAD_COLUMNS : at * 4 + j / 4 * 4 * THREAD_COLUMNS + j % 4;
    }

    static __device__ __forceinline__ void multiply_registers(float (&sum)[SUMS], const T *left, const T *right)
    {
#pragma unroll
        for (int term = 0; term < DEPTH; term += 4) {
            /* [line][term] as it was stored, or [term][line / 4] */
            float a[OWN_ROWS][4];
#pragma unroll
            for (int i = 0; i < OWN_ROWS; i++) load_own<LEFT_BY_LINES, LEFT_PITCH>(a, i, left, own_row(i), term);
#pragma unroll
            for (int j = 0; j < OWN_COLUMNS; j += 4) {
                float b[4][4];
#pragma unroll
                for (int jj = 0; jj < 4; jj++)
                    load_own<RIGHT_BY_LINES, RIGHT_PITCH>(b, jj, right, own_column(j + jj), term);
#pragma unroll
                for (int t = 0; t < 4; t++)
#pragma unroll
                    for (int i = 0; i < OWN_ROWS; i++)
#pragma unroll
                        for (int jj = 0; jj < 4; jj++) {
                            float &s = sum[i * OWN_COLUMNS + j + jj];
                            s = fmaf(a[i][t], b[jj][t], s);
                        }
            }
        }
    }

    /* x[i][t] = term `term` + t of line `line`. */
    template <bool BY_LINES, int PITCH, int COUNT>
    static __device__ __forceinline__ void load_own(float (&x)[COUNT][4], int i, const float *from, int line,
                                                    int term)
    {
        if constexpr (BY_LINES) {
            const float4 v = *reinterpret_cast<const float4 *>(from + line * PITCH + term);
            x[i][0] = v.x;
            x[i][1] = v.y;
            x[i][2] = v.z;
            x[i][3] = v.w;
        } else if (i % 4 == 0) {
#pragma unroll
            for (int t = 0; t < 4; t++) {
                const float4 v = *reinterpret_cast<const float4 *>(from + (term + t) * PITCH + line);
                x[i][t] = v.x;
                x[i + 1][t] = v.y;
                x[i + 2][t] = v.z;
                x[i + 3][t] = v.w;
            }
        }
    }
};

/* The sums of `count` tiles of terms. loader.load(left, right) begins the copies of the next tile. */
template <class Tile, class Loader>
__device__ __forceinline__ void accumulate(float (&sum)[Tile::SUMS], Loader &loader, typename Tile::T *stages,
                                           int count)
{
    constexpr int STAGES = Tile::STAGES;
#pragma unroll
    for (int i = 0; i < Tile::SUMS; i++) sum[i] = 0;
#pragma unroll
    for (int i = 0; i < STAGES - 1; i++) {
        typename Tile::T *const stage = stages + i * Tile::STAGE_SIZE;
        if (i < count) loader.load(stage, stage + Tile::LEFT_SIZE);
        commit_copies();
    }
    for (int i = 0; i < count; i++) {
        wait_for_copies<STAGES - 2>();
        __syncthreads();
        /* All have done with the stage that is overwritten now. */
        if (i + STAGES - 1 < count) {
            typename Tile::T *const stage = stages + (i + STAGES - 1) % STAGES * Tile::STAGE_SIZE;
            loader.load(stage, stage + Tile::LEFT_SIZE);
        }
        commit_copies();
        const typename Tile::T *const stage = stages + i % STAGES * Tile::STAGE_SIZE;
        Tile::multiply(sum, stage, stage + Tile::LEFT_SIZE);
    }
    __syncthreads();
}

#endif
