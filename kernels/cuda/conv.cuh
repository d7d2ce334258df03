/* Convolutions as implicit matrix products (kernels/conv.h): the matrix of columns exists only as tiles in shared
 * memory. Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning", 2014, with the multistage tiles of
 * tile.cuh. Lines of the left operand are pixels of the grid, of the right one output channels; terms are taps times
 * input channels, a tap's channels beside each other.
 *
 * ALIGNED: input and output channels are multiples of 16 bytes, and 16 bytes are copied at a time; else elements
 * are fetched one by one.
 *
 * A product with few pixels is cut into pieces of its terms, whose sums conv_finish adds in their order. */
#ifndef KERNELS_CUDA_CONV_CUH
#define KERNELS_CUDA_CONV_CUH

#include "kernels/conv.h"
#include "kernels/cuda/tile.cuh"

/* A term of the sums: its tap and channel. */
struct ConvTerm {
    int index, tap_h, tap_w, c;

    __device__ __forceinline__ void begin(const conv_product &p, int term)
    {
        const int tap = term / p.in_channels;
        index = term;
        c = term % p.in_channels;
        tap_h = p.taps_w ? tap / p.taps_w : 0;
        tap_w = p.taps_w ? tap % p.taps_w : 0;
    }
    __device__ __forceinline__ void advance(const conv_product &p, int by)
    {
        index += by;
        c += by;
        while (c >= p.in_channels) {
            c -= p.in_channels;
            if (++tap_w == p.taps_w) {
                tap_w = 0;
                tap_h++;
            }
        }
    }
    __device__ __forceinline__ bool there(const conv_product &p) const
    {
        return index < p.taps_h * p.taps_w * p.in_channels;
    }
    /* Of the weight of output channel 0. */
    __device__ __forceinline__ int weight_at(const conv_product &p) const
    {
        return (tap_h * p.tap_step + p.tap_base_h) * p.tap_h_stride +
               (tap_w * p.tap_step + p.tap_base_w) * p.tap_w_stride + c * p.in_stride;
    }
};

template <class Tile, bool ALIGNED> class ConvLoader
{
    typedef typename Tile::T T;
    static constexpr int VECTOR = Tile::VECTOR;
    /* The left operand, and the right one by lines: chunks of 16 bytes of a line, lines a pass. */
    static constexpr int CHUNKS = Tile::DEPTH / VECTOR, LINES = Tile::THREADS / CHUNKS;
    static constexpr int LEFT_PASSES = Tile::ROWS / LINES;
    /* The right operand by terms. */
    static constexpr int RIGHT_CHUNKS = Tile::COLUMNS / VECTOR, TERMS = Tile::THREADS / RIGHT_CHUNKS;
    static constexpr int RIGHT_PASSES = Tile::RIGHT_BY_LINES ? Tile::COLUMNS / LINES : Tile::DEPTH / TERMS;

    const conv_product &p_;
    const T *source_, *weight_;
    int base_[LEFT_PASSES], row_[LEFT_PASSES], column_[LEFT_PASSES]; /* where tap 0 of a pixel reads */
    int channel_;
    ConvTerm term_, right_term_[Tile::RIGHT_BY_LINES ? 1 : RIGHT_PASSES];

  public:
    __device__ __forceinline__ ConvLoader(const conv_product &p, const T *source, const T *weight, int pixel,
                                          int channel, int term)
        : p_(p), source_(source), weight_(weight)
    {
        const int line = threadIdx.x / CHUNKS, chunk = threadIdx.x % CHUNKS;
        const int pixels = p.images * p.grid_height * p.grid_width;
#pragma unroll
        for (int i = 0; i < LEFT_PASSES; i++) {
            const int at = pixel + line + i * LINES, y = at / p.grid_width, image = y / p.grid_height;
            /* A row outside of every image where there is no pixel. */
            row_[i] = at < pixels ? y % p.grid_height * p.in_step + p.in_base_h : -(1 << 30);
            column_[i] = at % p.grid_width * p.in_step + p.in_base_w;
            base_[i] = at < pixels ? ((image * p.in_height + row_[i]) * p.in_width + column_[i]) * p.in_channels
                                   : 0;
        }
        term_.begin(p, term + chunk * VECTOR);
        if constexpr (Tile::RIGHT_BY_LINES) {
            channel_ = channel + line;
        } else {
            channel_ = channel + threadIdx.x % RIGHT_CHUNKS * VECTOR;
#pragma unroll
            for (int i = 0; i < RIGHT_PASSES; i++)
                right_term_[i].begin(p, term + threadIdx.x / RIGHT_CHUNKS + i * TERMS);
        }
    }

    __device__ __forceinline__ void load(T *left, T *right)
    {
        const int line = threadIdx.x / CHUNKS, chunk = threadIdx.x % CHUNKS;
#pragma unroll
        for (int i = 0; i < LEFT_PASSES; i++)
            load_pixel(left + (line + i * LINES) * Tile::LEFT_PITCH + chunk * VECTOR, i);
#pragma unroll
        for (int i = 0; i < RIGHT_PASSES; i++) {
            if constexpr (Tile::RIGHT_BY_LINES) {
                load_channel(right + (line + i * LINES) * Tile::RIGHT_PITCH + chunk * VECTOR, channel_ + i * LINES);
            } else {
                load_term(right + (threadIdx.x / RIGHT_CHUNKS + i * TERMS) * Tile::RIGHT_PITCH +
                              threadIdx.x % RIGHT_CHUNKS * VECTOR,
                          right_term_[i]);
                right_term_[i].advance(p_, Tile::DEPTH);
            }
        }
        term_.advance(p_, Tile::DEPTH);
    }

  private:
    __device__ __forceinline__ bool inside(const ConvTerm &term, int i) const
    {
        const int h = row_[i] + term.tap_h * p_.direction, w = column_[i] + term.tap_w * p_.direction;
        return term.there(p_) && h >= 0 && h < p_.in_height && w >= 0 && w < p_.in_width;
    }
    __device__ __forceinline__ const T *source_at(const ConvTerm &term, int i) const
    {
        return source_ + base_[i] + (term.tap_h * p_.in_width + term.tap_w) * p_.direction * p_.in_channels + term.c;
    }

    __device__ __forceinline__ void load_pixel(T *to, int i)
    {
        if constexpr (ALIGNED) {
            const bool there = inside(term_, i);
            const T *const from = source_at(term_, i);
            copy_wide(to, there ? from : source_, there);
        } else {
            Vector<T, VECTOR> elements;
            ConvTerm term = term_;
            for (int e = 0; e < VECTOR; e++, term.advance(p_, 1))
                elements.element[e] = inside(term, i) ? *source_at(term, i) : from_float<T>(0);
            *reinterpret_cast<Vector<T, VECTOR> *>(to) = elements;
        }
    }

    /* Terms of a channel, which lie beside each other. */
    __device__ __forceinline__ void load_channel(T *to, int channel)
    {
        if constexpr (ALIGNED) {
            const bool there = term_.there(p_) && channel < p_.out_channels;
            const int from = term_.weight_at(p_) + channel * p_.out_stride;
            copy_wide(to, weight_ + (there ? from : 0), there);
        } else {
            Vector<T, VECTOR> elements;
            ConvTerm term = term_;
            for (int e = 0; e < VECTOR; e++, term.advance(p_, 1))
                elements.element[e] = term.there(p_) && channel < p_.out_channels
                                          ? weight_[term.weight_at(p_) + channel * p_.out_stride]
                                          : from_float<T>(0);
            *reinterpret_cast<Vector<T, VECTOR> *>(to) = elements;
        }
    }

    /* Channels of a term, which lie beside each other. */
    __device__ __forceinline__ void load_term(T *to, const ConvTerm &term)
    {
        if constexpr (ALIGNED) {
            const bool there = term.there(p_) && channel_ < p_.out_channels;
            const int from = term.weight_at(p_) + channel_;
            copy_wide(to, weight_ + (there ? from : 0), there);
        } else {
            Vector<T, VECTOR> elements;
            for (int e = 0; e < VECTOR; e++)
                elements.element[e] = term.there(p_) && channel_ + e < p_.out_channels
                                          ? weight_[term.weight_at(p_) + channel_ + e]
                                          : from_float<T>(0);
            *reinterpret_cast<Vector<T, VECTOR> *>(to) = elements;
        }
    }
};

/* result = act(sums + bias + residual) for the channels from `o` on of a pixel of the grid. */
template <class T, bool ALIGNED>
__device__ __forceinline__ void conv_epilogue(const float (&sum)[WIDE<T>], const float *bias, const T *residual,
                                              T *result, const conv_product &p, int pixel, int o)
{
    constexpr int VECTOR = WIDE<T>;
    typedef Vector<T, VECTOR> Elements;
    int to = pixel;
    if (p.out_step != 1) {
        const int y = pixel / p.grid_width, image = y / p.grid_height;
        to = (image * p.out_height + y % p.grid_height * p.out_step + p.out_base_h) * p.out_width +
             pixel % p.grid_width * p.out_step + p.out_base_w;
    }
    const size_t at = static_cast<size_t>(to) * p.out_channels + o;
    const bool whole = ALIGNED || p.out_channels % VECTOR == 0;
    Elements elements;
    if (p.has_residual && whole) elements = *reinterpret_cast<const Elements *>(residual + at);
#pragma unroll
    for (int e = 0; e < VECTOR; e++) {
        if (!whole && o + e >= p.out_channels) continue;
        float value = sum[e];
        if (p.has_bias) value += bias[o + e];
        if (p.has_residual) value += to_float(whole ? elements.element[e] : residual[at + e]);
        elements.element[e] = from_float<T>(p.relu ? rectify(value) : value);
        if (!whole) result[at + e] = elements.element[e];
    }
    if (whole) *reinterpret_cast<Elements *>(result + at) = elements;
}

/* Blocks along x: tiles of channels, then tiles of pixels; along z: pieces of `piece` tiles of terms, whose sums go
 * to partial (pieces, pixels of the grid, O). partial is NULL where there is one piece. */
template <class Tile, bool ALIGNED>
__device__ __forceinline__ void convolve(const typename Tile::T *source, const typename Tile::T *weight,
                                         const float *bias, const typename Tile::T *residual,
                                         typename Tile::T *result, float *partial, const conv_product &p, int piece)
{
    typedef typename Tile::T T;
    constexpr int VECTOR = Tile::VECTOR, CHUNKS = Tile::COLUMNS / VECTOR;
    const int pixels = p.images * p.grid_height * p.grid_width;
    const int channel_tiles = (p.out_channels + Tile::COLUMNS - 1) / Tile::COLUMNS;
    const int first_pixel = static_cast<int>(blockIdx.x) / channel_tiles * Tile::ROWS;
    const int first_channel = static_cast<int>(blockIdx.x) % channel_tiles * Tile::COLUMNS;
    const int tiles = (p.taps_h * p.taps_w * p.in_channels + Tile::DEPTH - 1) / Tile::DEPTH;
    const int begin = static_cast<int>(blockIdx.z) * piece;
    float sum[Tile::SUMS];
    {
        ConvLoader<Tile, ALIGNED> loader(p, source, weight, first_pixel, first_channel, begin * Tile::DEPTH);
        accumulate<Tile>(sum, loader, reinterpret_cast<T *>(DYNAMIC_SHARED), min(piece, tiles - begin));
    }
    float *const sums = reinterpret_cast<float *>(DYNAMIC_SHARED);
    Tile::store(sums, sum);
    __syncthreads();
    for (int i = threadIdx.x; i < Tile::ROWS * CHUNKS; i += Tile::THREADS) {
        const int row = i / CHUNKS, column = i % CHUNKS * VECTOR;
        const int pixel = first_pixel + row, o = first_channel + column;
        if (pixel >= pixels || o >= p.out_channels) continue;
        float value[VECTOR];
#pragma unroll
        for (int e = 0; e < VECTOR; e++) value[e] = sums[row * Tile::SUM_PITCH + column + e];
        if (partial) {
            float *const to = partial + (static_cast<size_t>(blockIdx.z) * pixels + pixel) * p.out_channels + o;
#pragma unroll
            for (int e = 0; e < VECTOR; e++)
                if (ALIGNED || o + e < p.out_channels) to[e] = value[e];
        } else {
            conv_epilogue<T, ALIGNED>(value, bias, residual, result, p, pixel, o);
        }
    }
}

/* The sums of the pieces in their order, then what a product's epilogue does. Threads along x: WIDE channels of a
 * pixel each. */
template <class T>
__device__ __forceinline__ void finish_convolution(const float *partial, const float *bias, const T *residual,
                                                   T *result, const conv_product &p, int pieces)
{
    constexpr int VECTOR = WIDE<T>;
    const int chunks = (p.out_channels + VECTOR - 1) / VECTOR;
    const int pixels = p.images * p.grid_height * p.grid_width;
    const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= static_cast<long long>(pixels) * chunks) return;
    const int pixel = static_cast<int>(i / chunks), o = static_cast<int>(i % chunks) * VECTOR;
    float sum[VECTOR] = {};
    for (int n = 0; n < pieces; n++) {
        const float *const from = partial + (static_cast<size_t>(n) * pixels + pixel) * p.out_channels + o;
#pragma unroll
        for (int e = 0; e < VECTOR; e++)
            if (o + e < p.out_channels) sum[e] += from[e];
    }
    conv_epilogue<T, false>(sum, bias, residual, result, p, pixel, o);
}

#define CONV_KERNEL(name, math, rows, by_lines, aligned)                                                        \
    extern "C" __global__ void __launch_bounds__(CUDA_TILE_THREADS) name(                                      \
        const Stored<math>::type *source, const Stored<math>::type *weight, const float *bias,                 \
        const Stored<math>::type *residual, Stored<math>::type *result, float *partial, conv_product p,        \
        int piece)                                                                                             \
    {                                                                                                          \
        convolve<Tile<math, rows, CUDA_TILE_COLUMNS, true, by_lines>, aligned>(source, weight, bias, residual, \
                                                                               result, partial, p, piece);     \
    }                                                                                                          \
    REGISTER_KERNEL(name);

#define CONV_FINISH_KERNEL(name, T)                                                                            \
    extern "C" __global__ void name(const float *partial, const float *bias, const T *residual, T *result,     \
                                    conv_product p, int pieces)                                                \
    {                                                                                                          \
        finish_convolution<T>(partial, bias, residual, result, p, pieces);                                     \
    }                                                                                                          \
    REGISTER_KERNEL(name);

/* `lines`: weights whose input channels lie beside each other (in_stride 1), `terms`: output channels. */
#define CONV_KERNELS(name, math)                                                                               \
    CONV_KERNEL(conv_##name##_128_lines, math, CUDA_TILE_ROWS_LARGE, true, true)                               \
    CONV_KERNEL(conv_##name##_128_terms, math, CUDA_TILE_ROWS_LARGE, false, true)                              \
    CONV_KERNEL(conv_##name##_64_lines, math, CUDA_TILE_ROWS_SMALL, true, true)                                \
    CONV_KERNEL(conv_##name##_64_terms, math, CUDA_TILE_ROWS_SMALL, false, true)                               \
    CONV_KERNEL(conv_##name##_any_lines, math, CUDA_TILE_ROWS_SMALL, true, false)                              \
    CONV_KERNEL(conv_##name##_any_terms, math, CUDA_TILE_ROWS_SMALL, false, false)

#endif
