/* What every kernel file begins with. Kernels are OpenCL C 1.2; those without vector types are also
 * compiled by nvcc, see dialect_cuda.h.
 *
 * Options of a build:
 *   MVAD_DOUBLE        real is double (needs cl_khr_fp64)
 *   MVAD_HALF_STORAGE  activations, their gradients and weights lie in memory as 16-bit floats; arithmetic stays in
 *                      float
 *   MVAD_BF16_STORAGE  the same with the upper 16 bits of a float (bfloat16)
 *
 * An argument that is a value of the graph is a buffer and where in it the value begins, in
 * elements: a pointer into the middle of a buffer would have to obey the device's alignment.
 *
 *     __kernel void relu(INPUT(x), OUTPUT(y), ulong count)
 *     {
 *         BEGIN(x);
 *         BEGIN(y);
 *         ..
 *     }
 */
#ifndef KERNELS_DIALECT_H
#define KERNELS_DIALECT_H

#ifdef MVAD_DOUBLE
#ifdef __OPENCL_VERSION__
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
typedef double real;
typedef ulong real_bits;
#define as_real_bits as_ulong
#else
typedef float real;
typedef uint real_bits;
#define as_real_bits as_uint
#endif

#ifdef MVAD_HALF_STORAGE
typedef half stored;
#define LOAD(pointer, index) vload_half((size_t)(index), pointer)
#define STORE(pointer, index, number) vstore_half(number, (size_t)(index), pointer)
#elif defined MVAD_BF16_STORAGE
typedef ushort stored;
#define LOAD(pointer, index) as_float((uint)(pointer)[index] << 16)
#define STORE(pointer, index, number) (pointer)[index] = bfloat16_of(number)

/* The nearest one, ties to even; a NaN stays one. */
static inline ushort bfloat16_of(float number)
{
    const uint bits = as_uint(number);
    return isnan(number) ? 0x7FC0 : (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
#else
typedef real stored;
#define LOAD(pointer, index) ((pointer)[index])
#define STORE(pointer, index, number) (pointer)[index] = (number)
#endif

#define INPUT(name) __global const stored *name, ulong name##_begin
#define OUTPUT(name) __global stored *name, ulong name##_begin
/* The same of another type: of real what the contract in core/graph/op.h calls wide, and what kernels leave for each
 * other; indices. */
#define INPUT_OF(type, name) __global const type *name, ulong name##_begin
#define OUTPUT_OF(type, name) __global type *name, ulong name##_begin
#define BEGIN(name) name += name##_begin

/* A pointer to local memory as a function's argument. */
#ifndef LOCAL_POINTER
#define LOCAL_POINTER(type) __local type *
#endif

/* The number along dimension 1 of a launch of two dimensions, of a work item and of a group: the host goes
 * on along dimension 2 where dimension 1 is longer than the device allows, so that there may be numbers
 * behind the last one. */
#define LONG_ID (get_global_id(1) + get_global_size(1) * get_global_id(2))
#define LONG_GROUP_ID (get_group_id(1) + get_num_groups(1) * get_group_id(2))

/* Multiplication and addition, in one rounding where the device is fast at it. */
#ifdef FP_FAST_FMAF
#define MULTIPLY_ADD(a, b, c) fma(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

/* Before a loop of a constant, small number of rounds. */
#define UNROLL _Pragma("unroll")

/* The larger one; a NaN before any number, so that it reaches the output. */
static inline real larger(real a, real b)
{
    return isnan(a) || a >= b ? a : b;
}

/* Lets a NaN through. */
static inline real rectify(real x)
{
    return x < 0 ? 0 : x;
}

#endif
