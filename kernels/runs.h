/* Kernels that do little more than move memory let a work item compute RUN neighbouring elements, which are read as one
 * and written as one: 16 bytes of what is stored at least. With an element a work item a GPU spends its time on
 * starting groups.
 *
 *   const int there = RUN_LENGTH(i, count);    elements of the run that begins at i, where there are `count`
 *   real x[RUN];
 *   load_run(x, pointer, i, there);            zeros behind the last one
 *   store_run(pointer, i, x, there);
 *   load_real_run, store_real_run              the same where the pointer points to reals
 *
 * Values begin at multiples of 16 bytes. A run that is not whole, or begins at an index that is no multiple of RUN,
 * is read and written by the element. */
#ifndef KERNELS_RUNS_H
#define KERNELS_RUNS_H

#if defined MVAD_HALF_STORAGE || defined MVAD_BF16_STORAGE
#define RUN 8 /* as run_length of backends/launch/call.c */
#else
#define RUN 4
#endif

#define RUN_LENGTH(first, count) ((int)min((ulong)RUN, (ulong)(count) - (ulong)(first)))
#define IS_WHOLE_RUN(index, there) ((there) == RUN && (index) % RUN == 0)

#ifdef __OPENCL_VERSION__

#if RUN == 8
#define READ_REALS(to, from) vstore8(vload8(0, from), 0, to)
#define WRITE_REALS(to, from) vstore8(vload8(0, from), 0, to)
#else
#define READ_REALS(to, from) vstore4(vload4(0, from), 0, to)
#define WRITE_REALS(to, from) vstore4(vload4(0, from), 0, to)
#endif

#ifdef MVAD_HALF_STORAGE
#define READ_STORED(to, from) vstore8(vload_half8(0, from), 0, to)
#define WRITE_STORED(to, from) vstore_half8(vload8(0, from), 0, to)
#elif defined MVAD_BF16_STORAGE
#define READ_STORED(to, from) vstore8(as_float8(convert_uint8(vload8(0, from)) << 16), 0, to)
#define WRITE_STORED(to, from) write_bfloat16(to, from)

/* As bfloat16_of. */
static inline void write_bfloat16(__global ushort *to, const real from[RUN])
{
    const float8 numbers = vload8(0, from);
    const uint8 bits = as_uint8(numbers);
    const uint8 nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    vstore8(convert_ushort8(select(nearest, (uint8)0x7FC0, isnan(numbers))), 0, to);
}
#else
#define READ_STORED READ_REALS
#define WRITE_STORED WRITE_REALS
#endif

#else /* CUDA */

/* As words of 16 bytes. */
template <class T> union words_of_run {
    T element[RUN];
    uint4 word[RUN * sizeof(T) / sizeof(uint4)];
};

template <class T> static inline words_of_run<T> read_words(const T *from)
{
    words_of_run<T> run;
    UNROLL for (size_t w = 0; w < RUN * sizeof(T) / sizeof(uint4); w++)
        run.word[w] = reinterpret_cast<const uint4 *>(from)[w];
    return run;
}

template <class T> static inline void write_words(T *to, const words_of_run<T> &run)
{
    /* An assignment the compiler takes apart, to share stores with the path by the element. */
    UNROLL for (size_t w = 0; w < RUN * sizeof(T) / sizeof(uint4); w++)
        __stwb(reinterpret_cast<uint4 *>(to) + w, run.word[w]);
}

static inline void read_reals(real *to, const real *from)
{
    const words_of_run<real> run = read_words(from);
    UNROLL for (int e = 0; e < RUN; e++) to[e] = run.element[e];
}
static inline void write_reals(real *to, const real *from)
{
    words_of_run<real> run;
    UNROLL for (int e = 0; e < RUN; e++) run.element[e] = from[e];
    write_words(to, run);
}
static inline void read_stored(real *to, const stored *from)
{
    const words_of_run<stored> run = read_words(from);
    UNROLL for (int e = 0; e < RUN; e++) to[e] = LOAD(run.element, e);
}
static inline void write_stored(stored *to, const real *from)
{
    words_of_run<stored> run;
    UNROLL for (int e = 0; e < RUN; e++) STORE(run.element, e, from[e]);
    write_words(to, run);
}
#define READ_REALS read_reals
#define WRITE_REALS write_reals
#define READ_STORED read_stored
#define WRITE_STORED write_stored
#endif

static inline void load_run(real to[RUN], __global const stored *from, size_t index, int there)
{
    if (IS_WHOLE_RUN(index, there)) {
        READ_STORED(to, from + index);
        return;
    }
    UNROLL for (int e = 0; e < RUN; e++) to[e] = e < there ? LOAD(from, index + e) : 0;
}

static inline void store_run(__global stored *to, size_t index, const real from[RUN], int there)
{
    if (IS_WHOLE_RUN(index, there)) {
        WRITE_STORED(to + index, from);
        return;
    }
    UNROLL for (int e = 0; e < RUN; e++)
        if (e < there) STORE(to, index + e, from[e]);
}

static inline void load_real_run(real to[RUN], __global const real *from, size_t index, int there)
{
    if (IS_WHOLE_RUN(index, there)) {
        READ_REALS(to, from + index);
        return;
    }
    UNROLL for (int e = 0; e < RUN; e++) to[e] = e < there ? from[index + e] : 0;
}

static inline void store_real_run(__global real *to, size_t index, const real from[RUN], int there)
{
    if (IS_WHOLE_RUN(index, there)) {
        WRITE_REALS(to + index, from);
        return;
    }
    UNROLL for (int e = 0; e < RUN; e++)
        if (e < there) to[index + e] = from[e];
}

#endif
