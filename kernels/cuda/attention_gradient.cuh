/* Routed attention, backward. Scores are computed again from q, k and the log of the sum of exponentials (Dao et al.,
 * "FlashAttention", 2022): p = exp(scale * q k^T - lse), ds = p * (do v^T - delta), delta = sum over the channels of a
 * head of do * o;
 *
 *     dq = scale * ds k,   dk = scale * ds^T q,   dv = p^T do.
 *
 * dq belongs to query windows and walks over their keys; dk and dv belong to key windows and walk over the queries of
 * the windows that selected them, which attention_inverse lists in ascending order. Every sum has one order. */
#ifndef KERNELS_CUDA_ATTENTION_GRADIENT_CUH
#define KERNELS_CUDA_ATTENTION_GRADIENT_CUH

#include "kernels/cuda/attention_forward.cuh"

template <class Engine>
__device__ __forceinline__ void
query_gradient(const typename Engine::T *d_o, const typename Engine::T *q, const typename Engine::T *k,
               const typename Engine::T *v, const int *indices, const float *lse, const float *delta,
               typename Engine::T *dq, const cuda_attention &a)
{
    typedef typename Engine::T T;
    constexpr int ROWS = Engine::OWN_ROWS;
    const AttentionBlock<Engine> block(a);
    const OtherSide side = {indices + static_cast<size_t>(block.row) * a.selected, a.selected, block.sample};
    const int channel = block.unit_head * Engine::HEAD;
    const int own = block.unit_tile * CUDA_ATTENTION_TILE * block.pitch + channel;
    const float scale = a.scale * LOG2_E;
    float sum[ROWS][Engine::OWN_CHANNELS] = {}, log_sum[ROWS], mean[ROWS], factor[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const int pixel = block.own_pixel(r);
        const size_t at = static_cast<size_t>(pixel < 0 ? 0 : pixel) * a.heads + block.first_head + block.unit_head;
        log_sum[r] = pixel < 0 ? 0 : lse[at] * LOG2_E;
        mean[r] = pixel < 0 ? 0 : delta[at];
        factor[r] = a.scale;
    }
    block.load_own(0, q);
    block.load_own(1, d_o);
    /* Keys beyond the last one are zeros: they have no part in dq. */
    block.template walk<2>(
        side, [&](int tile) INLINED { block.template load_others<2>(tile, k, v); },
        [&](int tile) INLINED {
            const typename Engine::Rows query(block.own(0) + own, block.pitch), gradient(block.own(1) + own, block.pitch);
            const T *const key = block.template other<2>(tile % 2, 0) + channel;
            const T *const value = block.template other<2>(tile % 2, 1) + channel;
            float score[ROWS][Engine::OWN_OTHERS], product[ROWS][Engine::OWN_OTHERS];
            Engine::multiply(score, query, key, block.pitch);
            Engine::multiply(product, gradient, value, block.pitch);
#pragma unroll
            for (int r = 0; r < ROWS; r++)
#pragma unroll
                for (int i = 0; i < Engine::OWN_OTHERS; i++)
                    score[r][i] = power_of_two(score[r][i] * scale - log_sum[r]) * (product[r][i] - mean[r]);
            Engine::accumulate(sum, score, key, block.pitch);
        });
    block.store(dq, sum, factor);
}

template <class Engine>
__device__ __forceinline__ void
key_gradient(const typename Engine::T *d_o, const typename Engine::T *q, const typename Engine::T *k,
             const typename Engine::T *v, const int *counts, const int *lists, const float *lse, const float *delta,
             typename Engine::T *dk, typename Engine::T *dv, const cuda_attention &a)
{
    typedef typename Engine::T T;
    constexpr int ROWS = Engine::OWN_ROWS, OTHERS = Engine::OTHERS;
    const AttentionBlock<Engine> block(a);
    const OtherSide side = {lists + static_cast<size_t>(block.row) * a.views * a.windows * a.windows,
                            counts[block.row], block.sample};
    const int channel = block.unit_head * Engine::HEAD;
    const int own = block.unit_tile * CUDA_ATTENTION_TILE * block.pitch + channel;
    const float scale = a.scale * LOG2_E;
    float key_sum[ROWS][Engine::OWN_CHANNELS] = {}, value_sum[ROWS][Engine::OWN_CHANNELS] = {};
    block.load_own(0, k);
    block.load_own(1, v);
    block.template walk<2>(
        side,
        [&](int tile) INLINED {
            block.template load_others<2>(tile, q, d_o);
            /* Padded queries, rows of zeros as their gradients are, add nothing. */
            block.template load_numbers<2>(tile, 0, lse);
            block.template load_numbers<2>(tile, 1, delta);
        },
        [&](int tile) INLINED {
            const typename Engine::Rows key(block.own(0) + own, block.pitch), value(block.own(1) + own, block.pitch);
            const T *const query = block.template other<2>(tile % 2, 0) + channel;
            const T *const gradient = block.template other<2>(tile % 2, 1) + channel;
            const float *const log_sum = block.template numbers<2>(tile % 2, 0) + block.unit_head * OTHERS;
            const float *const mean = block.template numbers<2>(tile % 2, 1) + block.unit_head * OTHERS;
            float score[ROWS][Engine::OWN_OTHERS], product[ROWS][Engine::OWN_OTHERS];
            Engine::multiply(score, key, query, block.pitch);
            Engine::multiply(product, value, gradient, block.pitch);
#pragma unroll
            for (int i = 0; i < Engine::OWN_OTHERS; i++) {
                const float own_log_sum = log_sum[Engine::own_other(i)] * LOG2_E;
                const float own_mean = mean[Engine::own_other(i)];
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    score[r][i] = power_of_two(score[r][i] * scale - own_log_sum);
                    product[r][i] = score[r][i] * (product[r][i] - own_mean);
                }
            }
            if (dv) Engine::accumulate(value_sum, score, gradient, block.pitch);
            if (dk) Engine::accumulate(key_sum, product, query, block.pitch);
        });
    float one[ROWS], factor[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        one[r] = 1;
        factor[r] = a.scale;
    }
    if (dv) block.store(dv, value_sum, one);
    if (dk) block.store(dk, key_sum, factor);
}

#define ATTENTION_GRADIENT_KERNELS(math, head)                                                                 \
    extern "C" __global__ void __launch_bounds__(256, 1) query_gradient_##math##_##head(                          \
        const Stored<Math::math>::type *d_o, const Stored<Math::math>::type *q,                                \
        const Stored<Math::math>::type *k, const Stored<Math::math>::type *v, const int *indices,              \
        const float *lse, const float *delta, Stored<Math::math>::type *dq, cuda_attention a)                  \
    {                                                                                                          \
        query_gradient<RowsOf<Math::math, head>::type>(d_o, q, k, v, indices, lse, delta, dq, a);              \
    }                                                                                                          \
    REGISTER_KERNEL(query_gradient_##math##_##head);                                                           \
    extern "C" __global__ void __launch_bounds__(256, 1) key_gradient_##math##_##head(                            \
        const Stored<Math::math>::type *d_o, const Stored<Math::math>::type *q,                                \
        const Stored<Math::math>::type *k, const Stored<Math::math>::type *v, const int *counts,               \
        const int *lists, const float *lse, const float *delta, Stored<Math::math>::type *dk,                  \
        Stored<Math::math>::type *dv, cuda_attention a)                                                        \
    {                                                                                                          \
        key_gradient<RowsOf<Math::math, head>::type>(d_o, q, k, v, counts, lists, lse, delta, dk, dv, a);      \
    }                                                                                                          \
    REGISTER_KERNEL(key_gradient_##math##_##head);

#define ATTENTION_KERNELS(math, head) ATTEND_KERNEL(math, head) ATTENTION_GRADIENT_KERNELS(math, head)

#endif
