/* Gradients of convolutions' weights as implicit matrix products: lines of the left operand are output channels, of
 * the right one taps times input channels, terms are pixels of dy. Both operands are stored by terms. The sum over
 * pixels is cut into pieces where that gives the device enough blocks; add_pieces adds them in their order, so the
 * result does not depend on the order in which blocks run.
 *
 * ALIGNED: as in conv.cuh. */
#ifndef KERNELS_CUDA_CONV_WEIGHT_CUH
#define KERNELS_CUDA_CONV_WEIGHT_CUH

#include "kernels/conv.h"
#include "kernels/cuda/tile.cuh"

/* A column of dw: its tap and input channel. */
struct WeightColumn {
    int index, r, s, c;

    __device__ __forceinline__ void begin(const conv_weight_gradient &g, int column)
    {
        const int tap = column / g.in_channels;
        index = column;
        c = column % g.in_channels;
        r = tap / g.taps_w;
        s = tap % g.taps_w;
    }
    __device__ __forceinline__ void next(const conv_weight_gradient &g)
    {
        index++;
        if (++c < g.in_channels) return;
        c = 0;
        if (++s < g.taps_w) return;
        s = 0;
        r++;
    }
    __device__ __forceinline__ bool there(const conv_weight_gradient &g) const
    {
        return index < g.taps_h * g.taps_w * g.in_channels;
    }
};

template <class Tile, bool ALIGNED> class WeightLoader
{
    typedef typename Tile::T T;
    static constexpr int VECTOR = Tile::VECTOR;
    static constexpr int LEFT_CHUNKS = Tile::ROWS / VECTOR, LEFT_TERMS = Tile::THREADS / LEFT_CHUNKS;
    static constexpr int RIGHT_CHUNKS = Tile::COLUMNS / VECTOR, RIGHT_TERMS = Tile::THREADS / RIGHT_CHUNKS;
    static constexpr int LEFT_PASSES = Tile::DEPTH / LEFT_TERMS, RIGHT_PASSES = Tile::DEPTH / RIGHT_TERMS;

    const conv_weight_gradient &g_;
    const T *x_, *dy_;
    int end_, pixel_; /* of the piece; the first of this tile */
    int channel_;
    WeightColumn column_;
    int image_[RIGHT_PASSES], row_[RIGHT_PASSES], at_[RIGHT_PASSES]; /* of dy: image, row, column */

  public:
    __device__ __forceinline__ WeightLoader(const conv_weight_gradient &g, const T *x, const T *dy, int channel,
                                            int column, int begin, int end)
        : g_(g), x_(x), dy_(dy), end_(end), pixel_(begin)
    {
        channel_ = channel + threadIdx.x % LEFT_CHUNKS * VECTOR;
        column_.begin(g, column + threadIdx.x % RIGHT_CHUNKS * VECTOR);
#pragma unroll
        for (int i = 0; i < RIGHT_PASSES; i++) {
            const int pixel = begin + threadIdx.x / RIGHT_CHUNKS + i * RIGHT_TERMS, y = pixel / g.out_width;
            image_[i] = y / g.out_height;
            row_[i] = y % g.out_height;
            at_[i] = pixel % g.out_width;
        }
    }

    __device__ __forceinline__ void load(T *left, T *right)
    {
#pragma unroll
        for (int i = 0; i < LEFT_PASSES; i++) {
            const int term = threadIdx.x / LEFT_CHUNKS + i * LEFT_TERMS;
            load_gradient(left + term * Tile::LEFT_PITCH + threadIdx.x % LEFT_CHUNKS * VECTOR, pixel_ + term);
        }
#pragma unroll
        for (int i = 0; i < RIGHT_PASSES; i++) {
            const int term = threadIdx.x / RIGHT_CHUNKS + i * RIGHT_TERMS;
            load_input(right + term * Tile::RIGHT_PITCH + threadIdx.x % RIGHT_CHUNKS * VECTOR, i, pixel_ + term);
            at_[i] += Tile::DEPTH;
            while (at_[i] >= g_.out_width) {
                at_[i] -= g_.out_width;
                if (++row_[i] == g_.out_height) {
                    row_[i] = 0;
                    image_[i]++;
                }
            }
        }
        pixel_ += Tile::DEPTH;
    }

  private:
    __device__ __forceinline__ void load_gradient(T *to, int pixel)
    {
        const T *const from = dy_ + static_cast<size_t>(pixel) * g_.out_channels + channel_;
        if constexpr (ALIGNED) {
            const bool there = pixel < end_ && channel_ < g_.out_channels;
            copy_wide(to, there ? from : dy_, there);
        } else {
            Vector<T, VECTOR> elements;
            for (int e = 0; e < VECTOR; e++)
                elements.element[e] =
                    pixel < end_ && channel_ + e < g_.out_channels ? from[e] : from_float<T>(0);
            *reinterpret_cast<Vector<T, VECTOR> *>(to) = elements;
        }
    }

    /* Where the pixel of pass i reads x for a column; NULL outside of the image. */
    __device__ __forceinline__ const T *input_at(const WeightColumn &column, int i, int pixel) const
    {
        const int h = row_[i] * g_.stride + column.r - g_.pad, w = at_[i] * g_.stride + column.s - g_.pad;
        if (pixel >= end_ || !column.there(g_) || h < 0 || h >= g_.in_height || w < 0 || w >= g_.in_width)
            return nullptr;
        return x_ + (static_cast<size_t>(image_[i] * g_.in_height + h) * g_.in_width + w) * g_.in_channels +
               column.c;
    }

    __device__ __forceinline__ void load_input(T *to, int i, int pixel)
    {
        if constexpr (ALIGNED) {
            const T *const from = input_at(column_, i, pixel);
            copy_wide(to, from ? from : x_, from != nullptr);
        } else {
            Vector<T, VECTOR> elements;
            WeightColumn column = column_;
            for (int e = 0; e < VECTOR; e++, column.next(g_)) {
                const T *const from = input_at(column, i, pixel);
                elements.element[e] = from ? *from : from_float<T>(0);
            }
            *reinterpret_cast<Vector<T, VECTOR> *>(to) = elements;
        }
    }
};

/* Blocks along x: tiles of columns, then tiles of output channels; along z: pieces of g.piece pixels, a multiple of
 * the tile's terms. With one piece dw += sums, else partial (pieces, O, R, S, C) = sums. */
template <class Tile, bool ALIGNED>
__device__ __forceinline__ void weight_gradient(const typename Tile::T *x, const typename Tile::T *dy, float *dw,
                                                float *partial, const conv_weight_gradient &g)
{
    typedef typename Tile::T T;
    const int columns = g.taps_h * g.taps_w * g.in_channels;
    const int column_tiles = (columns + Tile::COLUMNS - 1) / Tile::COLUMNS;
    const int first_row = static_cast<int>(blockIdx.x) / column_tiles * Tile::ROWS;
    const int first_column = static_cast<int>(blockIdx.x) % column_tiles * Tile::COLUMNS;
    const int begin = static_cast<int>(blockIdx.z) * g.piece;
    const int end = min(begin + g.piece, g.images * g.out_height * g.out_width);
    float sum[Tile::SUMS];
    {
        WeightLoader<Tile, ALIGNED> loader(g, x, dy, first_row, first_column, begin, end);
        accumulate<Tile>(sum, loader, reinterpret_cast<T *>(DYNAMIC_SHARED),
                         (end - begin + Tile::DEPTH - 1) / Tile::DEPTH);
    }
    float *const sums = reinterpret_cast<float *>(DYNAMIC_SHARED);
    Tile::store(sums, sum);
    __syncthreads();
    float *const to = g.pieces == 1 ? dw : partial + static_cast<size_t>(blockIdx.z) * g.out_channels * columns;
    for (int i = threadIdx.x; i < Tile::ROWS * Tile::COLUMNS; i += Tile::THREADS) {
        const int row = i / Tile::COLUMNS, column = i % Tile::COLUMNS;
        if (first_row + row >= g.out_channels || first_column + column >= columns) continue;
        float *const at = to + static_cast<size_t>(first_row + row) * columns + first_column + column;
        const float value = sums[row * Tile::SUM_PITCH + column];
        *at = g.pieces == 1 ? *at + value : value;
    }
}

#define CONV_WEIGHT_KERNEL(name, math, rows, aligned)                                                          \
    extern "C" __global__ void __launch_bounds__(CUDA_TILE_THREADS) name(                                      \
        const Stored<math>::type *x, const Stored<math>::type *dy, float *dw, float *partial,                  \
        conv_weight_gradient g)                                                                                \
    {                                                                                                          \
        weight_gradient<Tile<math, rows, CUDA_TILE_COLUMNS, false, false>, aligned>(x, dy, dw, partial, g);    \
    }                                                                                                          \
    REGISTER_KERNEL(name);

#define CONV_WEIGHT_KERNELS(name, math)                                                                        \
    CONV_WEIGHT_KERNEL(conv_weight_##name##_128, math, CUDA_TILE_ROWS_LARGE, true)                             \
    CONV_WEIGHT_KERNEL(conv_weight_##name##_64, math, CUDA_TILE_ROWS_SMALL, true)                              \
    CONV_WEIGHT_KERNEL(conv_weight_##name##_any, math, CUDA_TILE_ROWS_SMALL, false)

#endif
