/* What the files of the CPU backend share. Every kernel file is compiled several times: for float
 * and double, and on x86-64 for three instruction set levels. CPU_VARIANT is set by the build
 * (f32_v3, f64_base, ..) and becomes part of the name of everything that crosses files; cpu.c picks
 * a table when a device is opened.
 *
 * A kernel file exports one `const struct cpu_op CPU_NAME(cpu_<op>)` an op. Kernels cannot fail:
 * what they cannot do is refused by `supports` when a graph is bound, and all their memory is
 * planned.
 *
 * Thread counts never change bits: work is cut into pieces whose size depends on shapes alone, each
 * piece is computed by one thread, and partial sums are added in the order of the pieces. */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include <stddef.h>
#include <stdint.h>

#include "core/graph/graph.h"

#define CPU_JOIN2(name, variant) name##_##variant
#define CPU_JOIN(name, variant) CPU_JOIN2(name, variant)
#define CPU_NAME(name) CPU_JOIN(name, CPU_VARIANT)

#ifdef CPU_DOUBLE
typedef double real;
#define REAL_DTYPE DTYPE_F64
#else
typedef float real;
#define REAL_DTYPE DTYPE_F32
#endif

/* One call of a kernel. Absent inputs and outputs are NULL in all four arrays. */
struct cpu_call {
    const union op_params *params;
    const struct value *in[NODE_MAX_INPUTS], *out[NODE_MAX_OUTPUTS]; /* shapes and types */
    const void *x[NODE_MAX_INPUTS];                                  /* data of the inputs */
    void *y[NODE_MAX_OUTPUTS];                                       /* data of the outputs */
    void *workspace; /* what `workspace` asked for, aligned to 64 bytes */
    int threads;     /* for num_threads() of every parallel region */
};

struct cpu_op {
    /* NULL, or why this kernel cannot do it, for example "needs heads that divide the channels".
     * Data pointers are not set. A NULL function pointer supports everything. */
    const char *(*supports)(const struct cpu_call *call);
    /* Bytes of scratch memory `run` needs with call->threads threads. NULL: none. Data pointers are
     * not set. */
    size_t (*workspace)(const struct cpu_call *call);
    void (*run)(const struct cpu_call *call);
};

#endif
