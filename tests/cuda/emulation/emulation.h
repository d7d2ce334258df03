/* The part of CUDA C++ that kernels of this project use, for g++: included in place of nvcc's built-in
 * names when a kernel's source is compiled for the CPU. What a kernel may do beyond plain C++ is
 * listed here; anything else does not compile.
 *
 * Shared memory: static arrays by __shared__, dynamic memory by emulation::dynamic_shared(), which is filled
 * with NaN before each block. Both belong to the thread of the CPU that runs the block. */
#ifndef EMULATION_H
#define EMULATION_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "block.h"
#include "kernel.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static thread_local
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)

/* ---- where a thread is ---- */

#define threadIdx (emulation::block->current->index)
#define blockIdx (emulation::block->block_index)
#define blockDim (emulation::block->block_size)
#define gridDim (emulation::block->grid_size)
constexpr int warpSize = 32;

namespace emulation
{

inline void *dynamic_shared()
{
    return block->shared;
}

/* ---- of warp.cpp ---- */

/* Copies the exchange of lane `from(lane)` to each lane. */
enum class Shuffle { index, up, down, exclusive_or };
void shuffle(unsigned mask, Shuffle kind, int operand, int width, void *value, size_t bytes);
unsigned ballot(unsigned mask, bool predicate);
/* Four 8x8 matrices of 16-bit elements (PTX ISA, ldmatrix): lane 8 i + r gives the address of row r of matrix i. */
void load_matrices(uint32_t *to, int count, bool transposed, const void *row);
/* d += a * b in the fragment layouts of the PTX ISA's mma.m16n8k16 (16-bit), .m16n8k8 (16-bit and
 * tf32). Products are exact, sums are rounded once. */
enum class Element { f16, bf16, tf32 };
void multiply(float d[4], const uint32_t *a, const uint32_t *b, Element element, int depth);

/* ---- of copy.cpp: asynchronous copies to shared memory ---- */

/* What lies at `to` is NaN from now until wait_for_copies. */
void copy_async(void *to, const void *from, unsigned bytes, unsigned valid);
void commit_copies();
/* All but the latest `pending` groups have arrived. */
void wait_for_copies(unsigned pending);

} // namespace emulation

/* ---- barriers and operations of a warp ---- */

#define __syncthreads() emulation::block->wait_for_block(__FILE__, __LINE__)

inline void __syncwarp(unsigned mask = 0xffffffffu)
{
    emulation::block->wait_for_warp(mask, "__syncwarp", nullptr, nullptr);
}

inline void __threadfence()
{
}
inline void __threadfence_block()
{
}

template <class T> T __shfl_sync(unsigned mask, T value, int lane, int width = warpSize)
{
    emulation::shuffle(mask, emulation::Shuffle::index, lane, width, &value, sizeof value);
    return value;
}
template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = warpSize)
{
    emulation::shuffle(mask, emulation::Shuffle::up, static_cast<int>(by), width, &value,
                       sizeof value);
    return value;
}
template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = warpSize)
{
    emulation::shuffle(mask, emulation::Shuffle::down, static_cast<int>(by), width, &value,
                       sizeof value);
    return value;
}
template <class T> T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize)
{
    emulation::shuffle(mask, emulation::Shuffle::exclusive_or, lanes, width, &value, sizeof value);
    return value;
}
inline unsigned __ballot_sync(unsigned mask, int predicate)
{
    return emulation::ballot(mask, predicate != 0);
}
inline int __any_sync(unsigned mask, int predicate)
{
    return emulation::ballot(mask, predicate != 0) != 0;
}
inline int __all_sync(unsigned mask, int predicate)
{
    return emulation::ballot(mask, predicate == 0) == 0;
}

/* ---- types ---- */

#define EMULATION_VECTOR(type, name)                                                       \
    struct __attribute__((aligned(2 * sizeof(type)))) name##2                              \
    {                                                                                      \
        type x, y;                                                                         \
    };                                                                                     \
    struct name##3                                                                         \
    {                                                                                      \
        type x, y, z;                                                                      \
    };                                                                                     \
    struct __attribute__((aligned(4 * sizeof(type) > 16 ? 16 : 4 * sizeof(type)))) name##4 \
    {                                                                                      \
        type x, y, z, w;                                                                   \
    };                                                                                     \
    inline name##2 make_##name##2(type x, type y)                                          \
    {                                                                                      \
        return {x, y};                                                                     \
    }                                                                                      \
    inline name##4 make_##name##4(type x, type y, type z, type w)                          \
    {                                                                                      \
        return {x, y, z, w};                                                               \
    }
EMULATION_VECTOR(float, float)
EMULATION_VECTOR(double, double)
EMULATION_VECTOR(int, int)
EMULATION_VECTOR(unsigned, uint)
#undef EMULATION_VECTOR

struct __half {
    uint16_t bits;
};
struct __nv_bfloat16 {
    uint16_t bits;
};

inline float __uint_as_float(unsigned bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
inline unsigned __float_as_uint(float value)
{
    unsigned bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
inline int __float_as_int(float value)
{
    return static_cast<int>(__float_as_uint(value));
}
inline float __int_as_float(int bits)
{
    return __uint_as_float(static_cast<unsigned>(bits));
}

/* Multiplied by 2^112 a half's exponent and mantissa, in the places of a float's, are its value, also below the
 * normal numbers; infinities and NaN keep the largest exponent. */
inline float __half2float(__half h)
{
    const unsigned magnitude = (h.bits & 0x7fffu) << 13;
    const float value = magnitude >= 0x0f800000u
                            ? __uint_as_float(magnitude | 0x7f800000u)
                            : __uint_as_float(magnitude) * 5.192296858534828e33f;
    return h.bits >> 15 ? -value : value;
}
/* To nearest, ties to even. */
inline __half __float2half_rn(float value)
{
    const unsigned bits = __float_as_uint(value), sign = bits >> 16 & 0x8000u;
    const unsigned magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return {static_cast<uint16_t>(sign | 0x7fffu)};
    if (magnitude >= 0x477ff000u) return {static_cast<uint16_t>(sign | 0x7c00u)};
    if (magnitude < 0x38800000u) {
        /* A subnormal number is a multiple of 2^-24: the addition rounds to those. */
        const float sum = __uint_as_float(magnitude) + 0.5f;
        return {static_cast<uint16_t>(sign | (__float_as_uint(sum) - 0x3f000000u))};
    }
    return {static_cast<uint16_t>(
        sign | ((magnitude + 0xfffu + (magnitude >> 13 & 1) - 0x38000000u) >> 13))};
}
inline __half __float2half(float value)
{
    return __float2half_rn(value);
}
inline float __bfloat162float(__nv_bfloat16 b)
{
    return __uint_as_float(static_cast<unsigned>(b.bits) << 16);
}
inline __nv_bfloat16 __float2bfloat16_rn(float value)
{
    const unsigned bits = __float_as_uint(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
    return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16)};
}
inline __nv_bfloat16 __float2bfloat16(float value)
{
    return __float2bfloat16_rn(value);
}

/* ---- arithmetic ---- */

template <class T> T __ldg(const T *pointer)
{
    return *pointer;
}
inline float __fdividef(float a, float b)
{
    return a / b;
}
inline float __expf(float x)
{
    return std::exp(x);
}
inline float __logf(float x)
{
    return std::log(x);
}
inline float rsqrtf(float x)
{
    return 1 / std::sqrt(x);
}
inline float __fmaf_rn(float a, float b, float c)
{
    return std::fma(a, b, c);
}
inline int min(int a, int b)
{
    return a < b ? a : b;
}
inline int max(int a, int b)
{
    return a > b ? a : b;
}
inline unsigned min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}
inline unsigned max(unsigned a, unsigned b)
{
    return a > b ? a : b;
}
inline long min(long a, long b)
{
    return a < b ? a : b;
}
inline long max(long a, long b)
{
    return a > b ? a : b;
}
inline float min(float a, float b)
{
    return std::fmin(a, b);
}
inline float max(float a, float b)
{
    return std::fmax(a, b);
}
inline double min(double a, double b)
{
    return std::fmin(a, b);
}
inline double max(double a, double b)
{
    return std::fmax(a, b);
}
inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}
inline int __ffs(int x)
{
    return __builtin_ffs(x);
}
using std::isinf;
using std::isnan;

#endif
