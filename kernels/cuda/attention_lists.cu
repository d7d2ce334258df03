/* What the gradients of routed attention begin with. */
#include "kernels/cuda/attention_plan.h"
#include "kernels/cuda/device.cuh"

/* delta (N, H, W, heads) = sum over the channels of a head of do * o; `head` is a multiple of 8. Threads along x: a
 * pixel and head each. */
template <class T>
__device__ __forceinline__ void output_products(const T *d_o, const T *o, float *delta, long long count, int head)
{
    typedef Vector<T, WIDE<T>> Elements;
    const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float sum = 0;
    for (int c = 0; c < head; c += WIDE<T>) {
        const Elements x = *reinterpret_cast<const Elements *>(d_o + i * head + c);
        const Elements y = *reinterpret_cast<const Elements *>(o + i * head + c);
#pragma unroll
        for (int e = 0; e < WIDE<T>; e++) sum = fmaf(to_float(x.element[e]), to_float(y.element[e]), sum);
    }
    delta[i] = sum;
}

#define DELTA_KERNEL(name, T)                                                                                  \
    extern "C" __global__ void name(const T *d_o, const T *o, float *delta, long long count, int head)         \
    {                                                                                                          \
        output_products<T>(d_o, o, delta, count, head);                                                        \
    }                                                                                                          \
    REGISTER_KERNEL(name);
DELTA_KERNEL(attention_delta_f32, float)
DELTA_KERNEL(attention_delta_f16, __half)
DELTA_KERNEL(attention_delta_bf16, __nv_bfloat16)

/* For each of `rows` key windows (N, P), its sample having `windows` windows (V * P): which of them selected it, by
 * ascending index. indices (rows, selected); counts (rows), lists (rows, windows). A warp a key window. */
extern "C" __global__ void attention_inverse(const int *indices, int *counts, int *lists, int windows, int selected,
                                             int rows)
{
    const int row = static_cast<int>((blockIdx.x * blockDim.x + threadIdx.x) / 32), lane = threadIdx.x % 32;
    if (row >= rows) return;
    const int first = row / windows * windows, wanted = row % windows;
    int count = 0;
    for (int base = 0; base < windows; base += 32) {
        const int *const list = indices + static_cast<size_t>(first + base + lane) * selected;
        bool found = false;
        if (base + lane < windows)
            for (int i = 0; i < selected; i++) found |= list[i] == wanted;
        const unsigned all = __ballot_sync(ALL_LANES, found);
        if (found)
            lists[static_cast<size_t>(row) * windows + count + __popc(all & ((1u << lane) - 1))] = base + lane;
        count += __popc(all);
    }
    if (!lane) counts[row] = count;
}
REGISTER_KERNEL(attention_inverse);
