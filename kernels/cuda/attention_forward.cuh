/* Routed attention, forward: o = softmax(scale * q k^T) v over the pixels of the selected windows, in one pass with the
 * online softmax (Milakov and Gimelshein, 2018; Dao et al., "FlashAttention", 2022). Exponentials are to base 2.
 * Padded keys are rows of zeros and so take part as they should: score 0, value 0. */
#ifndef KERNELS_CUDA_ATTENTION_FORWARD_CUH
#define KERNELS_CUDA_ATTENTION_FORWARD_CUH

#include "kernels/cuda/attention_walk.cuh"

#define LOG2_E 1.44269504f
#define LN_2 0.693147181f

struct Maximum {
    __device__ __forceinline__ float operator()(float x, float y) const { return fmaxf(x, y); }
};
struct Addition {
    __device__ __forceinline__ float operator()(float x, float y) const { return x + y; }
};

template <class Engine>
__device__ __forceinline__ void attend(const typename Engine::T *q, const typename Engine::T *k,
                                       const typename Engine::T *v, const int *indices, typename Engine::T *o,
                                       float *lse, const cuda_attention &a)
{
    typedef typename Engine::T T;
    constexpr int ROWS = Engine::OWN_ROWS, OTHERS = Engine::OTHERS;
    const AttentionBlock<Engine> block(a);
    const OtherSide side = {indices + static_cast<size_t>(block.row) * a.selected, a.selected, block.sample};
    const int keys = a.selected * a.tall * a.wide, channel = block.unit_head * Engine::HEAD;
    const float scale = a.scale * LOG2_E;
    float sum[ROWS][Engine::OWN_CHANNELS] = {}, largest[ROWS], weight[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        largest[r] = -INFINITY;
        weight[r] = 0;
    }
    block.load_own(0, q);
    block.template walk<1>(
        side, [&](int tile) INLINED { block.template load_others<1>(tile, k, v); },
        [&](int tile) INLINED {
            const typename Engine::Rows rows(block.own(0) + block.unit_tile * CUDA_ATTENTION_TILE * block.pitch + channel,
                                             block.pitch);
            const T *const key = block.template other<1>(tile % 2, 0) + channel;
            const T *const value = block.template other<1>(tile % 2, 1) + channel;
            float score[ROWS][Engine::OWN_OTHERS];
            Engine::multiply(score, rows, key, block.pitch);
            const int left = keys - tile * OTHERS;
#pragma unroll
            for (int r = 0; r < ROWS; r++)
#pragma unroll
                for (int i = 0; i < Engine::OWN_OTHERS; i++) score[r][i] *= scale;
            if (left < OTHERS)
#pragma unroll
                for (int r = 0; r < ROWS; r++)
#pragma unroll
                    for (int i = 0; i < Engine::OWN_OTHERS; i++)
                        if (Engine::own_other(i) >= left) score[r][i] = -INFINITY;
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                float top = -INFINITY, added = 0;
#pragma unroll
                for (int i = 0; i < Engine::OWN_OTHERS; i++)
                    /* Passes over a NaN, which reaches the result by its exponential. */
                    top = fmaxf(top, score[r][i]);
                /* At least one score of a tile is a number. */
                top = Engine::join(fmaxf(top, largest[r]), Maximum());
                const float shrink = power_of_two(largest[r] - top);
#pragma unroll
                for (int i = 0; i < Engine::OWN_OTHERS; i++) {
                    score[r][i] = power_of_two(score[r][i] - top);
                    added += score[r][i];
                }
                weight[r] = weight[r] * shrink + added;
                largest[r] = top;
#pragma unroll
                for (int c = 0; c < Engine::OWN_CHANNELS; c++) sum[r][c] *= shrink;
            }
            Engine::accumulate(sum, score, value, block.pitch);
        });
    float factor[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const float total = Engine::join(weight[r], Addition());
        const int pixel = block.own_pixel(r);
        factor[r] = 1 / total;
        if (lse && pixel >= 0 && Engine::first_of_row())
            lse[static_cast<size_t>(pixel) * a.heads + block.first_head + block.unit_head] =
                (largest[r] + log2f(total)) * LN_2;
    }
    block.store(o, sum, factor);
}

#define ATTEND_KERNEL(math, head)                                                                              \
    extern "C" __global__ void __launch_bounds__(256, 1) attend_##math##_##head(                                  \
        const Stored<Math::math>::type *q, const Stored<Math::math>::type *k, const Stored<Math::math>::type *v, \
        const int *indices, Stored<Math::math>::type *o, float *lse, cuda_attention a)                         \
    {                                                                                                          \
        attend<RowsOf<Math::math, head>::type>(q, k, v, indices, o, lse, a);                                   \
    }                                                                                                          \
    REGISTER_KERNEL(attend_##math##_##head);

#endif
