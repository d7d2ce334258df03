/* Routed attention on CUDA: parameters that the host and the kernels share, and how the kernels are launched.
 *
 * A block has one window and walks over the pixels of the windows of the other side: keys of the selected windows for a
 * query window (attend, query_gradient), queries of the windows that selected it for a key window (key_gradient). It has
 * `block_heads` heads and `block_tiles` tiles of 16 pixels of its own window, a unit of threads for each pair of them.
 *
 * Kernels and their arguments, T being the storage; statistics are float:
 *     attend          (const T *q, *k, *v, const int *indices, T *o, float *lse, struct cuda_attention)  lse may be NULL
 *     delta           (const T *d_o, const T *o, float *delta, long long count, int head)   count: pixels * heads
 *     inverse         (const int *indices, int *counts, int *lists, int windows, int selected, int rows)
 *     query_gradient  (const T *d_o, *q, *k, *v, const int *indices, const float *lse, *delta, T *dq,
 *                      struct cuda_attention)
 *     key_gradient    (const T *d_o, *q, *k, *v, const int *counts, *lists, const float *lse, *delta, T *dk, T *dv,
 *                      struct cuda_attention)                             dk and dv may be NULL
 * The workspace of the gradients: delta (N, H, W, heads), counts (N * P), lists (N * P, V * P), at the offsets of the plan. */
#ifndef KERNELS_CUDA_ATTENTION_PLAN_H
#define KERNELS_CUDA_ATTENTION_PLAN_H

#include <stdio.h>
#include <string.h>

#include "kernels/cuda/launch.h"

enum { CUDA_ATTENTION_TILE = 16, CUDA_INVERSE_THREADS = 128, CUDA_DELTA_THREADS = 256 };

struct cuda_attention {
    int images, height, width, channels;
    int windows, views, heads, selected;
    int tall, wide; /* rows and columns of a window, padding included */
    int block_heads, block_tiles;
    float scale;
};

struct cuda_attention_plan {
    struct cuda_attention parameters;
    struct cuda_launch attend;
};

struct cuda_attention_gradient_plan {
    struct cuda_attention parameters;
    struct cuda_launch delta, inverse, query_gradient, key_gradient;
    size_t delta_at, counts_at, lists_at, workspace; /* bytes */
};

/* NULL, or why these kernels cannot compute it; the shared ones take any head. */
static inline const char *cuda_attention_refuses(int64_t images, int64_t height, int64_t width, int64_t channels,
                                                 int64_t heads)
{
    const int64_t head = heads > 0 && channels % heads == 0 ? channels / heads : 0;
    if (head != 8 && head != 16 && head != 32 && head != 64 && head != 128)
        return "needs heads of 8, 16, 32, 64 or 128 channels";
    return images * height * width > INT32_MAX / 8 ? "needs less than 2^28 pixels" : NULL;
}

/* Pixels of the other side in shared memory at a time: as many as let a block do with 48 KiB. */
static inline int cuda_attention_others(enum cuda_math math, int head)
{
    return cuda_element_bytes(math) == 2 ? 32 : math == CUDA_FP32 || head == 128 ? 8 : 16;
}

/* Threads of a unit: a warp, or a pixel's channels by 32 where products are exact. */
static inline int cuda_attention_unit(enum cuda_math math, int head)
{
    return math != CUDA_FP32 ? 32 : CUDA_ATTENTION_TILE * (head > 32 ? head / 32 : 1);
}

/* `operands`: tensors of its own side that a block holds. */
static inline unsigned cuda_attention_shared_bytes(const struct cuda_attention *a, enum cuda_math math, int operands)
{
    const int head = a->channels / a->heads, others = cuda_attention_others(math, head);
    const int pitch = a->block_heads * head * (int)cuda_element_bytes(math) + 16;
    return (unsigned)(pitch * (operands * a->block_tiles * CUDA_ATTENTION_TILE + 4 * others) + 2 * others * 4 +
                      4 * a->block_heads * others * 4);
}

/* Chooses heads and tiles of a block. Parameters but those are set. */
static inline void cuda_attention_shape(struct cuda_attention *a, enum cuda_math math)
{
    enum { UNITS = 8, MAX_TILES = 4, ROW_BYTES = 256, SHARED_BYTES = 48 << 10 };
    const int bytes = (a->channels / a->heads) * (int)cuda_element_bytes(math);
    const int tiles = (int)cuda_divide_up((int64_t)a->tall * a->wide, CUDA_ATTENTION_TILE);
    a->block_tiles = tiles >= MAX_TILES ? MAX_TILES : tiles >= 2 ? 2 : 1;
    a->block_heads = 1;
    while (2 * a->block_heads * a->block_tiles <= UNITS && 2 * a->block_heads * bytes <= ROW_BYTES &&
           a->heads % (2 * a->block_heads) == 0)
        a->block_heads *= 2;
    while (a->block_tiles > 1 && cuda_attention_shared_bytes(a, math, 2) > SHARED_BYTES) a->block_tiles /= 2;
}

static inline void cuda_attention_launch(struct cuda_launch *launch, const char *name, const struct cuda_attention *a,
                                         enum cuda_math math, int operands)
{
    const int64_t pixels = (int64_t)a->tall * a->wide;
    const int head = a->channels / a->heads;
    snprintf(launch->kernel, sizeof launch->kernel, "%s_%s_%d", name, cuda_math_name(math), head);
    cuda_launch_1d(launch, 1, (unsigned)(a->block_heads * a->block_tiles * cuda_attention_unit(math, head)));
    launch->grid[0] = (unsigned)((int64_t)a->images * a->windows * a->windows * (a->heads / a->block_heads) *
                                 cuda_divide_up(pixels, CUDA_ATTENTION_TILE * a->block_tiles));
    launch->shared_bytes = cuda_attention_shared_bytes(a, math, operands);
}

static inline struct cuda_attention cuda_attention_of(int64_t images, int64_t height, int64_t width, int64_t channels,
                                                      int windows, int views, int heads, int selected, double scale,
                                                      enum cuda_math math)
{
    struct cuda_attention a;
    memset(&a, 0, sizeof a);
    a.images = (int)images;
    a.height = (int)height;
    a.width = (int)width;
    a.channels = (int)channels;
    a.windows = windows;
    a.views = views;
    a.heads = heads;
    a.selected = selected;
    a.tall = (int)cuda_divide_up(height, windows);
    a.wide = (int)cuda_divide_up(width, windows);
    a.scale = (float)scale;
    cuda_attention_shape(&a, math);
    return a;
}

/* q is (images, height, width, channels); the other arguments as in OP_ROUTED_ATTENTION. */
static inline struct cuda_attention_plan cuda_plan_attention(int64_t images, int64_t height, int64_t width,
                                                             int64_t channels, int windows, int views, int heads,
                                                             int selected, double scale, enum cuda_math math)
{
    struct cuda_attention_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.parameters =
        cuda_attention_of(images, height, width, channels, windows, views, heads, selected, scale, math);
    cuda_attention_launch(&plan.attend, "attend", &plan.parameters, math, 1);
    return plan;
}

static inline struct cuda_attention_gradient_plan
cuda_plan_attention_gradient(int64_t images, int64_t height, int64_t width, int64_t channels, int windows, int views,
                             int heads, int selected, double scale, enum cuda_math math)
{
    enum { ALIGNMENT = 256 };
    struct cuda_attention_gradient_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.parameters =
        cuda_attention_of(images, height, width, channels, windows, views, heads, selected, scale, math);
    const struct cuda_attention *a = &plan.parameters;
    const int64_t rows = images * windows * windows, count = images * height * width * heads;
    cuda_attention_launch(&plan.query_gradient, "query_gradient", a, math, 2);
    cuda_attention_launch(&plan.key_gradient, "key_gradient", a, math, 2);
    snprintf(plan.delta.kernel, sizeof plan.delta.kernel, "attention_delta_%s", cuda_storage_name(math));
    cuda_launch_1d(&plan.delta, count, CUDA_DELTA_THREADS);
    snprintf(plan.inverse.kernel, sizeof plan.inverse.kernel, "attention_inverse");
    cuda_launch_1d(&plan.inverse, rows * 32, CUDA_INVERSE_THREADS);
    plan.counts_at = (size_t)cuda_divide_up(count * 4, ALIGNMENT) * ALIGNMENT;
    plan.lists_at = plan.counts_at + (size_t)cuda_divide_up(rows * 4, ALIGNMENT) * ALIGNMENT;
    plan.workspace = plan.lists_at + (size_t)(rows * views * windows * windows * 4);
    return plan;
}

#endif
