/* Kernels that let one work item compute LANES neighbouring channels or pixels: 1 on a GPU, whose
 * work items are lanes already, 8 on a processor, whose compiler does not put work items of a kernel
 * with loops into lanes.
 *
 *   lanes                    LANES numbers
 *   LOAD_LANES(p, i)         numbers i .. i + LANES - 1 of a value
 *   STORE_LANES(p, i, l)
 *   LOAD_REAL_LANES, STORE_REAL_LANES   the same where p points to reals
 *   sum_lanes(l), max_lanes(l)
 *   LANE(l, i)               one of them, i a constant
 */
#ifndef KERNELS_LANES_H
#define KERNELS_LANES_H

#ifndef LANES
#define LANES 1 // 1 or 8
#endif

#if LANES == 1
typedef real lanes;
#define LOAD_LANES(pointer, index) LOAD(pointer, index)
#define STORE_LANES(pointer, index, value) STORE(pointer, index, value)
#define LOAD_REAL_LANES(pointer, index) ((pointer)[index])
#define STORE_REAL_LANES(pointer, index, value) (pointer)[index] = (value)
#define sum_lanes(value) (value)
#define rectify_lanes(value) rectify(value)
#else
#ifdef MVAD_DOUBLE
typedef double8 lanes;
#else
typedef float8 lanes;
#endif
#ifdef MVAD_HALF_STORAGE
#define LOAD_LANES(pointer, index) vload_half8(0, (pointer) + (index))
#define STORE_LANES(pointer, index, value) vstore_half8(value, 0, (pointer) + (index))
#elif defined MVAD_BF16_STORAGE
#define LOAD_LANES(pointer, index) as_float8(convert_uint8(vload8(0, (pointer) + (index))) << 16)
#define STORE_LANES(pointer, index, value) vstore8(bfloat16_of_lanes(value), 0, (pointer) + (index))

static inline ushort8 bfloat16_of_lanes(float8 numbers)
{
    const uint8 bits = as_uint8(numbers);
    const uint8 nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return convert_ushort8(select(nearest, (uint8)0x7FC0, as_uint8(isnan(numbers))));
}
#else
#define LOAD_LANES(pointer, index) vload8(0, (pointer) + (index))
#define STORE_LANES(pointer, index, value) vstore8(value, 0, (pointer) + (index))
#endif
#define LOAD_REAL_LANES(pointer, index) vload8(0, (pointer) + (index))
#define STORE_REAL_LANES(pointer, index, value) vstore8(value, 0, (pointer) + (index))

static inline real sum_lanes(lanes value)
{
    const lanes v = value;
    return ((v.s0 + v.s1) + (v.s2 + v.s3)) + ((v.s4 + v.s5) + (v.s6 + v.s7));
}

static inline lanes rectify_lanes(lanes value)
{
    return value < 0 ? 0 : value;
}
#endif

#endif
