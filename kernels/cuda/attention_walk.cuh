/* A block of the attention kernels: its own pixels, and the walk over the pixels of the other side, tile by tile through
 * shared memory. While products of a tile are computed, the next one is copied, and where the one after that lies is
 * looked up. Windows are padded below and right; a padded pixel of the other side is a row of zeros. */
#ifndef KERNELS_CUDA_ATTENTION_WALK_CUH
#define KERNELS_CUDA_ATTENTION_WALK_CUH

#include "kernels/cuda/attention_plan.h"
#include "kernels/cuda/attention_rows.cuh"

/* Pixel of the batch at a place of a window; -1 where it is padding. */
__device__ __forceinline__ int pixel_of_window(const cuda_attention &a, int image, int window, int place)
{
    const int y = window / a.windows * a.tall + place / a.wide, x = window % a.windows * a.wide + place % a.wide;
    return y < a.height && x < a.width ? (image * a.height + y) * a.width + x : -1;
}

/* What the other side's pixels are: windows of the sample that begins at image `sample`, by index view * P + window. */
struct OtherSide {
    const int *windows;
    int count, sample;
};

template <class Engine> struct AttentionBlock {
    typedef typename Engine::T T;
    static constexpr int HEAD = Engine::HEAD, TILE = CUDA_ATTENTION_TILE, OTHERS = Engine::OTHERS;

    const cuda_attention &a;
    int row;               /* of the windows of the batch */
    int image, window, sample;
    int first_head, first_place; /* of the block */
    int unit_head, unit_tile;    /* of this thread's unit, within the block */
    int pitch;                   /* elements of a pixel in shared memory */

    __device__ __forceinline__ explicit AttentionBlock(const cuda_attention &parameters) : a(parameters)
    {
        const int count = a.windows * a.windows, head_groups = a.heads / a.block_heads;
        const int span = TILE * a.block_tiles, spans = (a.tall * a.wide + span - 1) / span;
        int at = static_cast<int>(blockIdx.x);
        first_place = at % spans * span;
        at /= spans;
        first_head = at % head_groups * a.block_heads;
        row = at / head_groups;
        image = row / count;
        window = row % count;
        sample = image - image % a.views;
        const int unit = static_cast<int>(threadIdx.x) / Engine::THREADS;
        unit_head = unit % a.block_heads;
        unit_tile = unit / a.block_heads;
        pitch = a.block_heads * HEAD + Engine::VECTOR;
    }

    /* Pixel of this thread's row r; -1 where it has none. */
    __device__ __forceinline__ int own_pixel(int r) const
    {
        const int place = first_place + unit_tile * TILE + Engine::own_row(r);
        return place < a.tall * a.wide ? pixel_of_window(a, image, window, place) : -1;
    }

    /* ---- shared memory: own operands, then two stages of two tensors, where pixels lie, numbers of pixels ---- */

    __device__ __forceinline__ T *own(int operand) const
    {
        return reinterpret_cast<T *>(DYNAMIC_SHARED) + operand * a.block_tiles * TILE * pitch;
    }
    template <int OPERANDS> __device__ __forceinline__ T *other(int stage, int tensor) const
    {
        return own(OPERANDS) + (stage * 2 + tensor) * OTHERS * pitch;
    }
    template <int OPERANDS> __device__ __forceinline__ int *places(int stage) const
    {
        return reinterpret_cast<int *>(own(OPERANDS) + 4 * OTHERS * pitch) + stage * OTHERS;
    }
    template <int OPERANDS> __device__ __forceinline__ float *numbers(int stage, int which) const
    {
        return reinterpret_cast<float *>(places<OPERANDS>(2)) + (stage * 2 + which) * a.block_heads * OTHERS;
    }

    /* Begins to copy the block's own pixels; zeros for padding. */
    __device__ __forceinline__ void load_own(int operand, const T *from) const
    {
        const int chunks = a.block_heads * HEAD / Engine::VECTOR;
        T *const to = own(operand);
        for (int i = threadIdx.x; i < a.block_tiles * TILE * chunks; i += blockDim.x) {
            const int place = first_place + i / chunks;
            const int pixel = place < a.tall * a.wide ? pixel_of_window(a, image, window, place) : -1;
            copy_row(to + i / chunks * pitch, from, pixel, i % chunks);
        }
    }

    __device__ __forceinline__ void copy_row(T *to, const T *from, int pixel, int chunk) const
    {
        const int c = chunk * Engine::VECTOR;
        copy_wide(to + c,
                  from + (pixel < 0 ? 0 : static_cast<size_t>(pixel) * a.channels + first_head * HEAD + c),
                  pixel >= 0);
    }

    __device__ __forceinline__ int tiles(const OtherSide &side) const
    {
        return (side.count * a.tall * a.wide + OTHERS - 1) / OTHERS;
    }

    template <int OPERANDS> __device__ __forceinline__ void look_up(const OtherSide &side, int tile) const
    {
        const int area = a.tall * a.wide, count = a.windows * a.windows;
        for (int i = threadIdx.x; i < OTHERS; i += blockDim.x) {
            const int at = tile * OTHERS + i;
            int pixel = -1;
            if (at < side.count * area) {
                const int index = side.windows[at / area];
                pixel = pixel_of_window(a, side.sample + index / count, index % count, at % area);
            }
            places<OPERANDS>(tile % 2)[i] = pixel;
        }
    }

    template <int OPERANDS>
    __device__ __forceinline__ void load_others(int tile, const T *first, const T *second) const
    {
        const int chunks = a.block_heads * HEAD / Engine::VECTOR, stage = tile % 2;
        T *const to_first = other<OPERANDS>(stage, 0), *const to_second = other<OPERANDS>(stage, 1);
        const int *const pixels = places<OPERANDS>(stage);
        for (int i = threadIdx.x; i < OTHERS * chunks; i += blockDim.x) {
            const int at = i / chunks, chunk = i % chunks, pixel = pixels[at];
            copy_row(to_first + at * pitch, first, pixel, chunk);
            copy_row(to_second + at * pitch, second, pixel, chunk);
        }
    }

    /* A number a pixel and head, beside the tile that load_others copies; 0 for padding. */
    template <int OPERANDS>
    __device__ __forceinline__ void load_numbers(int tile, int which, const float *from) const
    {
        const int *const pixels = places<OPERANDS>(tile % 2);
        float *const to = numbers<OPERANDS>(tile % 2, which);
        for (int i = threadIdx.x; i < OTHERS * a.block_heads; i += blockDim.x) {
            const int pixel = pixels[i / a.block_heads], head = i % a.block_heads;
            to[head * OTHERS + i / a.block_heads] =
                pixel < 0 ? 0 : from[static_cast<size_t>(pixel) * a.heads + first_head + head];
        }
    }

    /* body(tile) for each tile of the other side, its tensors and numbers being in shared memory. begin_tile(tile) is to
     * call load_others and load_numbers. Own operands copied before are there for the first body. */
    template <int OPERANDS, class BeginTile, class Body>
    __device__ __forceinline__ void walk(const OtherSide &side, BeginTile begin_tile, Body body) const
    {
        const int count = tiles(side);
        look_up<OPERANDS>(side, 0);
        __syncthreads();
        if (count > 0) begin_tile(0);
        commit_copies();
        look_up<OPERANDS>(side, 1);
        for (int tile = 0; tile < count; tile++) {
            wait_for_copies<0>();
            __syncthreads();
            if (tile + 1 < count) begin_tile(tile + 1);
            commit_copies();
            look_up<OPERANDS>(side, tile + 2);
            body(tile);
        }
    }

    /* to[pixel, head, channels] = sum * factor for this thread's rows. */
    __device__ __forceinline__ void store(T *to, const float (&sum)[Engine::OWN_ROWS][Engine::OWN_CHANNELS],
                                          const float (&factor)[Engine::OWN_ROWS]) const
    {
#pragma unroll
        for (int r = 0; r < Engine::OWN_ROWS; r++) {
            const int pixel = own_pixel(r);
            if (pixel < 0) continue;
            T *const at = to + static_cast<size_t>(pixel) * a.channels + (first_head + unit_head) * HEAD;
#pragma unroll
            for (int c = 0; c < Engine::OWN_CHANNELS; c += 2) {
                const Vector<T, 2> pair = {
                    {from_float<T>(sum[r][c] * factor[r]), from_float<T>(sum[r][c + 1] * factor[r])}};
                *reinterpret_cast<Vector<T, 2> *>(at + Engine::own_channel(c)) = pair;
            }
        }
    }
};

#endif
