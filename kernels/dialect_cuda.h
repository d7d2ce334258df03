/* OpenCL C's words as CUDA's, so that nvcc compiles the files of kernels/ as they are: those without
 * vector types. Read before dialect.h.
 *
 * A launch's dimensions are those of OpenCL: group d of the launch is block d of the grid. CUDA allows
 * only 65535 blocks along dimensions 1 and 2; see LONG_ID in dialect.h. */
#ifndef KERNELS_DIALECT_CUDA_H
#define KERNELS_DIALECT_CUDA_H

#ifdef MVAD_EMULATED_CUDA
/* g++ with tests/cuda/emulation/emulation.h, which has what CUDA's own kernels use; the rest is here. */
#include <math.h>
#define __kernel static
typedef __half half;
static inline unsigned __umulhi(unsigned a, unsigned b)
{
    return (unsigned)((unsigned long long)a * b >> 32);
}
static inline long long __double_as_longlong(double value)
{
    long long bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline void __stwb(uint4 *to, uint4 value)
{
    *to = value;
}
static inline unsigned long min(unsigned long a, unsigned long b)
{
    return a < b ? a : b;
}
#else
#include <cuda_fp16.h>
/* Groups have at most 256 work items. */
#define __kernel extern "C" __global__ __launch_bounds__(256)
#endif
#define __global
#define __local __shared__
#define LOCAL_POINTER(type) type *

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;

#define CLK_LOCAL_MEM_FENCE
#define barrier(flags) __syncthreads()

/* One of x, y, z by its number; the number is a constant. */
#define OF_DIMENSION(index, d) ((d) == 0 ? (index).x : (d) == 1 ? (index).y : (index).z)
#define get_local_id(d) ((size_t)OF_DIMENSION(threadIdx, d))
#define get_group_id(d) ((size_t)OF_DIMENSION(blockIdx, d))
#define get_global_id(d) \
    ((size_t)OF_DIMENSION(blockIdx, d) * OF_DIMENSION(blockDim, d) + OF_DIMENSION(threadIdx, d))
#define get_num_groups(d) ((size_t)OF_DIMENSION(gridDim, d))
#define get_global_size(d) ((size_t)OF_DIMENSION(gridDim, d) * OF_DIMENSION(blockDim, d))

/* Every function of the files is one of the device. */
#define inline __inline__ __device__

#define FP_FAST_FMAF 1
#define vload_half(index, pointer) __half2float((pointer)[index])
#define vstore_half(number, index, pointer) (pointer)[index] = __float2half_rn(number)
#define as_float(x) __uint_as_float(x)
#define as_uint(x) __float_as_uint(x)
#define as_float(x) __uint_as_float(x)
#define as_ulong(x) ((ulong)__double_as_longlong(x))
#define mul_hi(a, b) __umulhi(a, b)

static inline int clamp(int x, int low, int high)
{
    return x < low ? low : x > high ? high : x;
}

#endif
