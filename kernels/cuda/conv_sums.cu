/* Sums of what convolutions leave in pieces. */
#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/column_sums.cuh"

CONV_FINISH_KERNEL(conv_finish_f32, float)
CONV_FINISH_KERNEL(conv_finish_f16, __half)
CONV_FINISH_KERNEL(conv_finish_bf16, __nv_bfloat16)

/* total += sum over the pieces, in their order. Threads along x: an element each. */
extern "C" __global__ void add_pieces(const float *partial, float *total, unsigned long long count, int pieces)
{
    const unsigned long long i = static_cast<unsigned long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float sum = 0;
    for (int p = 0; p < pieces; p++) sum += partial[static_cast<size_t>(p) * count + i];
    total[i] += sum;
}
REGISTER_KERNEL(add_pieces);

/* partial (pieces, C) = sums of the rows of x (rows, C), for gradients of biases. */
template <class T, bool WHOLE>
__device__ __forceinline__ void bias_sums(const T *x, float *partial, int rows, int channels, int piece)
{
    column_sums<T, 1>(rows, channels, piece, partial, [&](int row, int c, float(&value)[1][WIDE<T>]) INLINED {
        load_channels<WHOLE>(x, row, c, channels, value[0]);
    });
}

#define BIAS_KERNEL(name, T)                                                                                   \
    extern "C" __global__ void name(const T *x, float *partial, int rows, int channels, int piece)             \
    {                                                                                                          \
        WHOLE_OR_NOT(bias_sums, T, x, partial, rows, channels, piece);                                         \
    }                                                                                                          \
    REGISTER_KERNEL(name);
BIAS_KERNEL(bias_sums_f32, float)
BIAS_KERNEL(bias_sums_f16, __half)
BIAS_KERNEL(bias_sums_bf16, __nv_bfloat16)
