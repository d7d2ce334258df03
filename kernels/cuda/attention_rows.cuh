/* Products of 16 pixels of one side of the attention (rows) with OTHERS pixels of the other side, of one head of
 * HEAD channels, by the threads of a unit. Two engines with the same interface:
 *
 *     Rows             16 pixels by HEAD channels as a left operand
 *     multiply         score[row][other] = sum over channels
 *     accumulate       sum[row][channel] += sum over others of score * other
 *     own_row(r), own_other(i), own_channel(c): what this thread's elements are. Channels come in pairs.
 *     join             a reduction over the threads that share a row
 *
 * TensorRows has a warp and fragments of mma.sync: the scores of one product are, as they lie in registers, the left
 * operand of the next (Dao, "FlashAttention-2", 2023). For tf32 that takes the others in another order, column t of the
 * fragment being other 2 t and column t + 4 other 2 t + 1; a sum does not mind. ExactRows has a thread for 32 channels
 * of a pixel. */
#ifndef KERNELS_CUDA_ATTENTION_ROWS_CUH
#define KERNELS_CUDA_ATTENTION_ROWS_CUH

#include "kernels/cuda/device.cuh"

template <Math M, int HEAD_> struct TensorRows {
    typedef typename Stored<M>::type T;
    static constexpr int HEAD = HEAD_, VECTOR = WIDE<T>, THREADS = 32;
    static constexpr int OTHERS = sizeof(T) == 2 ? 32 : HEAD == 128 ? 8 : 16;
    static constexpr int OWN_ROWS = 2, OWN_OTHERS = OTHERS / 4, OWN_CHANNELS = HEAD / 4;
    /* Channels of a product's step; a head of 8 fills half of one. */
    static constexpr int STEP = 2 * VECTOR, STEPS = (HEAD + STEP - 1) / STEP;
    static constexpr bool HALF_STEP = HEAD < STEP;
    /* Left operands of large heads do not fit into registers and are read again. */
    static constexpr bool KEEP = STEPS <= 4;

    static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
    static __device__ __forceinline__ int own_row(int r) { return lane() / 4 + r * 8; }
    static __device__ __forceinline__ int own_other(int i) { return i / 2 * 8 + lane() % 4 * 2 + i % 2; }
    static __device__ __forceinline__ int own_channel(int c) { return c / 2 * 8 + lane() % 4 * 2 + c % 2; }
    static __device__ __forceinline__ bool first_of_row() { return lane() % 4 == 0; }

    template <class Operation> static __device__ __forceinline__ float join(float x, Operation operation)
    {
        x = operation(x, __shfl_xor_sync(ALL_LANES, x, 1));
        return operation(x, __shfl_xor_sync(ALL_LANES, x, 2));
    }

    class Rows
    {
        uint32_t kept_[KEEP ? STEPS : 1][4];
        const T *from_;
        int pitch_;

        __device__ __forceinline__ void read(uint32_t (&a)[4], int step) const
        {
            load_matrices<false>(a, from_ + (lane() % 16) * pitch_ + step * STEP + lane() / 16 * VECTOR);
            if (HALF_STEP) a[2] = a[3] = 0;
            round_all(a);
        }

      public:
        __device__ __forceinline__ Rows(const T *from, int pitch) : from_(from), pitch_(pitch)
        {
            if (KEEP)
#pragma unroll
                for (int i = 0; i < STEPS; i++) read(kept_[i], i);
        }
        __device__ __forceinline__ void get(uint32_t (&a)[4], int step) const
        {
            if constexpr (KEEP) {
#pragma unroll
                for (int i = 0; i < 4; i++) a[i] = kept_[step][i];
            } else {
                read(a, step);
            }
        }
    };

    static __device__ __forceinline__ void multiply(float (&score)[OWN_ROWS][OWN_OTHERS], const Rows &rows,
                                                    const T *others, int pitch)
    {
#pragma unroll
        for (int r = 0; r < OWN_ROWS; r++)
#pragma unroll
            for (int i = 0; i < OWN_OTHERS; i++) score[r][i] = 0;
        if constexpr (OTHERS == 8) {
            /* Four matrices are two steps of eight others. */
#pragma unroll
            for (int step = 0; step < STEPS; step += 2) {
                uint32_t a[4], b[4];
                load_matrices<false>(b, others + lane() % 8 * pitch + step * STEP + lane() / 8 * VECTOR);
                round_all(b);
                rows.get(a, step);
                add_block(score, 0, a, b);
                rows.get(a, step + 1);
                add_block(score, 0, a, b + 2);
            }
        } else {
#pragma unroll
            for (int step = 0; step < STEPS; step++) {
                uint32_t a[4];
                rows.get(a, step);
#pragma unroll
                for (int j = 0; j < OTHERS; j += 16) {
                    uint32_t b[4];
                    load_matrices<false>(b, others + (j + lane() % 8 + lane() / 16 * 8) * pitch + step * STEP +
                                                lane() / 8 % 2 * VECTOR);
                    if (HALF_STEP) b[1] = b[3] = 0;
                    round_all(b);
                    add_block(score, j / 8, a, b);
                    add_block(score, j / 8 + 1, a, b + 2);
                }
            }
        }
    }

    static __device__ __forceinline__ void accumulate(float (&sum)[OWN_ROWS][OWN_CHANNELS],
                                                      const float (&score)[OWN_ROWS][OWN_OTHERS], const T *others,
                                                      int pitch)
    {
        if constexpr (sizeof(T) == 2) {
#pragma unroll
            for (int j = 0; j < OTHERS; j += 16) {
                uint32_t a[4];
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int at = j / 4 + i / 2 * 2;
                    a[i] = pack<M>(score[i % 2][at], score[i % 2][at + 1]);
                }
#pragma unroll
                for (int d = 0; d < HEAD; d += 16) {
                    uint32_t b[4];
                    load_matrices<true>(b, others + (j + lane() % 16) * pitch + d + lane() / 16 * 8);
                    add_block(sum, d / 8, a, b);
                    if (d + 8 < HEAD) add_block(sum, d / 8 + 1, a, b + 2);
                }
            }
        } else {
#pragma unroll
            for (int j = 0; j < OTHERS; j += 8) {
                uint32_t a[4];
#pragma unroll
                for (int i = 0; i < 4; i++)
                    a[i] = round_to_tf32(__float_as_uint(score[i % 2][j / 4 + i / 2]));
#pragma unroll
                for (int d = 0; d < HEAD; d += 8) {
                    const T *const at = others + (j + lane() % 4 * 2) * pitch + d + lane() / 4;
                    const uint32_t b[2] = {round_to_tf32(__float_as_uint(at[0])),
                                           round_to_tf32(__float_as_uint(at[pitch]))};
                    add_block(sum, d / 8, a, b);
                }
            }
        }
    }

  private:
    static __device__ __forceinline__ void round_all(uint32_t (&x)[4])
    {
        if constexpr (M == Math::tf32)
#pragma unroll
            for (int i = 0; i < 4; i++) x[i] = round_to_tf32(x[i]);
    }

    /* Columns 8 block .. 8 block + 7 of a result. */
    template <int COUNT>
    static __device__ __forceinline__ void add_block(float (&to)[OWN_ROWS][COUNT], int block, const uint32_t (&a)[4],
                                                     const uint32_t *b)
    {
        float d[4] = {to[0][2 * block], to[0][2 * block + 1], to[1][2 * block], to[1][2 * block + 1]};
        multiply_add<M>(d, a, b);
        to[0][2 * block] = d[0];
        to[0][2 * block + 1] = d[1];
        to[1][2 * block] = d[2];
        to[1][2 * block + 1] = d[3];
    }
};

template <int HEAD_> struct ExactRows {
    typedef float T;
    static constexpr int HEAD = HEAD_, VECTOR = WIDE<T>, PARTS = HEAD > 32 ? HEAD / 32 : 1, THREADS = 16 * PARTS;
    static constexpr int OTHERS = 8;
    static constexpr int OWN_ROWS = 1, OWN_OTHERS = OTHERS, OWN_CHANNELS = HEAD / PARTS;

    static __device__ __forceinline__ int own_row(int) { return threadIdx.x / PARTS % 16; }
    static __device__ __forceinline__ int own_other(int i) { return i; }
    /* Four at a time, so that the threads of a row read different banks. */
    static __device__ __forceinline__ int own_channel(int c)
    {
        return (c / 4 * PARTS + threadIdx.x % PARTS) * 4 + c % 4;
    }
    static __device__ __forceinline__ bool first_of_row() { return threadIdx.x % PARTS == 0; }

    /* Each thread of a row has all of its scores. */
    template <class Operation> static __device__ __forceinline__ float join(float x, Operation) { return x; }

    struct Rows {
        float element[OWN_CHANNELS];
        __device__ __forceinline__ Rows(const T *from, int pitch)
        {
#pragma unroll
            for (int c = 0; c < OWN_CHANNELS; c++) element[c] = from[own_row(0) * pitch + own_channel(c)];
        }
    };

    static __device__ __forceinline__ void multiply(float (&score)[OWN_ROWS][OWN_OTHERS], const Rows &rows,
                                                    const T *others, int pitch)
    {
#pragma unroll
        for (int i = 0; i < OTHERS; i++) {
            float sum = 0;
#pragma unroll
            for (int c = 0; c < OWN_CHANNELS; c += 4) {
                const float4 x = *reinterpret_cast<const float4 *>(others + i * pitch + own_channel(c));
                sum = fmaf(rows.element[c], x.x, sum);
                sum = fmaf(rows.element[c + 1], x.y, sum);
                sum = fmaf(rows.element[c + 2], x.z, sum);
                sum = fmaf(rows.element[c + 3], x.w, sum);
            }
#pragma unroll
            for (int by = 1; by < PARTS; by *= 2) sum += __shfl_xor_sync(ALL_LANES, sum, by);
            score[0][i] = sum;
        }
    }

    static __device__ __forceinline__ void accumulate(float (&sum)[OWN_ROWS][OWN_CHANNELS],
                                                      const float (&score)[OWN_ROWS][OWN_OTHERS], const T *others,
                                                      int pitch)
    {
        /* What was read for the scores is read again: there are not registers enough to keep it. */
        __syncwarp();
#pragma unroll
        for (int i = 0; i < OTHERS; i++)
#pragma unroll
            for (int c = 0; c < OWN_CHANNELS; c += 4) {
                const float4 x = *reinterpret_cast<const float4 *>(others + i * pitch + own_channel(c));
                sum[0][c] = fmaf(score[0][i], x.x, sum[0][c]);
                sum[0][c + 1] = fmaf(score[0][i], x.y, sum[0][c + 1]);
                sum[0][c + 2] = fmaf(score[0][i], x.z, sum[0][c + 2]);
                sum[0][c + 3] = fmaf(score[0][i], x.w, sum[0][c + 3]);
            }
    }
};

template <Math M, int HEAD> struct RowsOf {
    typedef TensorRows<M, HEAD> type;
};
template <int HEAD> struct RowsOf<Math::fp32, HEAD> {
    typedef ExactRows<HEAD> type;
};

#endif
