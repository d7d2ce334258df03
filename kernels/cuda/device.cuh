/* What CUDA's own kernels are written in: the instructions that C++ has no words for, once as inline PTX for
 * nvcc and once as calls of the emulation (tests/cuda/emulation) for a compiler of the CPU.
 *
 * Compute capability 8.0 and later have everything here. 7.5 copies to shared memory through registers, has
 * no asynchronous copies, and neither tf32 nor bfloat16 products: kernels with these trap there and the plans
 * (conv_plan.h, attention_plan.h) never choose them. */
#ifndef KERNELS_CUDA_DEVICE_CUH
#define KERNELS_CUDA_DEVICE_CUH

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>
/* Nothing to do: the driver finds kernels by their names. */
#define REGISTER_KERNEL(name)
extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
#define DYNAMIC_SHARED dynamic_shared_memory
#else
#include "emulation.h"
#define REGISTER_KERNEL(name) EMULATED_KERNEL(name)
#define DYNAMIC_SHARED (static_cast<unsigned char *>(emulation::dynamic_shared()))
#endif

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define HAVE_AMPERE 0
#else
#define HAVE_AMPERE 1
#endif

/* After a lambda's parameters: its body is part of the caller, whatever its size. */
#define INLINED __attribute__((always_inline))

#define ALL_LANES 0xffffffffu

/* ---- storage ---- */

/* The 16-bit element of a product, or float rounded to tf32, or float left as it is (no tensor cores). */
enum class Math { fp32, tf32, f16, bf16 };

template <Math M> struct Stored {
    typedef float type;
};
template <> struct Stored<Math::f16> {
    typedef __half type;
};
template <> struct Stored<Math::bf16> {
    typedef __nv_bfloat16 type;
};

__device__ __forceinline__ float to_float(float x)
{
    return x;
}
__device__ __forceinline__ float to_float(__half x)
{
    return __half2float(x);
}
__device__ __forceinline__ float to_float(__nv_bfloat16 x)
{
    return __bfloat162float(x);
}

template <class T> __device__ __forceinline__ T from_float(float x);
template <> __device__ __forceinline__ float from_float<float>(float x)
{
    return x;
}
template <> __device__ __forceinline__ __half from_float<__half>(float x)
{
    return __float2half_rn(x);
}
template <> __device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x)
{
    return __float2bfloat16_rn(x);
}

/* COUNT elements that are read and written as one. */
template <class T, int COUNT> struct alignas(sizeof(T) * COUNT) Vector {
    T element[COUNT];
};

/* Elements of 16 bytes. */
template <class T> constexpr int WIDE = 16 / static_cast<int>(sizeof(T));

/* Lets a NaN through. */
__device__ __forceinline__ float rectify(float x)
{
    return x < 0 ? 0.0f : x;
}

/* 2^x to 2 units in the last place; numbers below the normal ones become 0. */
__device__ __forceinline__ float power_of_two(float x)
{
#if defined(__CUDACC__)
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return exp2f(x);
#endif
}

/* ---- copies to shared memory ---- */

/* 16 bytes, or 16 bytes of zeros; not there before wait_for_copies and a barrier. */
__device__ __forceinline__ void copy_wide(void *shared, const void *global, bool there)
{
#if !defined(__CUDACC__)
    emulation::copy_async(shared, global, 16, there ? 16 : 0);
#elif HAVE_AMPERE
    const uint32_t to = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(there ? 16 : 0)
                 : "memory");
#else
    *static_cast<uint4 *>(shared) = there ? *static_cast<const uint4 *>(global) : make_uint4(0, 0, 0, 0);
#endif
}

__device__ __forceinline__ void commit_copies()
{
#if !defined(__CUDACC__)
    emulation::commit_copies();
#elif HAVE_AMPERE
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/* All groups but the latest PENDING have arrived for this thread. */
template <int PENDING> __device__ __forceinline__ void wait_for_copies()
{
#if !defined(__CUDACC__)
    emulation::wait_for_copies(PENDING);
#elif HAVE_AMPERE
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#endif
}

/* ---- matrices ---- */

/* ldmatrix: four 8x8 matrices of 16-bit elements (or 8x4 of 32-bit ones), lane 8 i + r giving the address of
 * row r of matrix i. A lane gets elements (lane / 4, 2 (lane % 4)) and the next; with TRANSPOSED, which only
 * suits 16-bit elements, (2 (lane % 4), lane / 4) and the one below. */
template <bool TRANSPOSED> __device__ __forceinline__ void load_matrices(uint32_t to[4], const void *row)
{
#if !defined(__CUDACC__)
    emulation::load_matrices(to, 4, TRANSPOSED, row);
#else
    const uint32_t at = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    if (TRANSPOSED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(at)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(at)
                     : "memory");
#endif
}

/* To 10 bits of mantissa, ties away from zero. */
__device__ __forceinline__ uint32_t round_to_tf32(uint32_t bits)
{
#if !defined(__CUDACC__)
    return (bits & 0x7fffffffu) > 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
#elif HAVE_AMPERE
    uint32_t rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(bits)));
    return rounded;
#else
    return bits;
#endif
}

/* d (16x8) += a (16x16) * b (16x8) of 16-bit elements, or 16x8 times 8x8 of tf32: 32 bytes of a row of a
 * each. PTX ISA, mma.m16n8k16 and mma.m16n8k8. */
template <Math M>
__device__ __forceinline__ void multiply_add(float d[4], const uint32_t a[4], const uint32_t b[2])
{
#if !defined(__CUDACC__)
    constexpr emulation::Element element = M == Math::f16    ? emulation::Element::f16
                                           : M == Math::bf16 ? emulation::Element::bf16
                                                             : emulation::Element::tf32;
    emulation::multiply(d, a, b, element, M == Math::tf32 ? 8 : 16);
#elif HAVE_AMPERE
    if constexpr (M == Math::f16)
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
                     "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    else if constexpr (M == Math::bf16)
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
                     "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    else
        asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, "
                     "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    if constexpr (M == Math::f16)
        for (int half = 0; half < 2; half++)
            asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
                         "{%4, %5}, {%6}, {%0, %1, %2, %3};"
                         : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                         : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
    else
        __trap();
#endif
}

/* Two numbers as the 16-bit elements of a register, the first one in the lower half. */
template <Math M> __device__ __forceinline__ uint32_t pack(float low, float high)
{
    typedef typename Stored<M>::type T;
    static_assert(sizeof(T) == 2, "a register holds two elements");
    const Vector<T, 2> both = {{from_float<T>(low), from_float<T>(high)}};
    uint32_t bits;
    memcpy(&bits, &both, sizeof bits);
    return bits;
}

#endif
