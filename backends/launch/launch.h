/* From a node of a graph to launches of kernels and matrix products: what backends share whose devices
 * run the files of kernels/. What is the same for all of them is here - which kernels an op needs, their
 * arguments, sizes and scratch memory; how a kernel is found, an argument set and a launch kept is the
 * backend's, behind struct launch_api.
 *
 * Terms are OpenCL's: a work item is a thread, a group a block of them, local memory what CUDA calls
 * shared memory. */
#ifndef LAUNCH_LAUNCH_H
#define LAUNCH_LAUNCH_H

#include "core/graph/backend.h"

struct launch_call;
struct launch_product;

enum launch_file {
    LAUNCH_ELEMENTWISE,
    LAUNCH_MAPS,
    LAUNCH_REDUCE,
    LAUNCH_NORM,
    LAUNCH_ROUTE,
    LAUNCH_ATTENTION,
    LAUNCH_CONV_DIRECT,
    LAUNCH_CONV_TILED,
    LAUNCH_CONV_PARTS,
    LAUNCH_FILE_COUNT
};

/* Which kernel computes a convolution. */
enum launch_variant {
    LAUNCH_VARIANT_DIRECT, /* vector registers; needs lanes */
    LAUNCH_VARIANT_TILED,  /* local memory */
    LAUNCH_VARIANT_BLAS,   /* columns in memory, matrix product */
    LAUNCH_VARIANT_COUNT
};

/* What a backend does for a call while it is bound. Failures are a status with the call's error set. */
struct launch_api {
    /* Finds a kernel of a file, built for `lanes` (8 or 1) and with a number `option`, such as "HEAD",
     * that the file's kernels are compiled with; NULL: none. Arguments that follow are its. */
    mvad_status (*kernel)(struct launch_call *call, enum launch_file file, const char *kernel,
                          int lanes, const char *option, int number);
    /* Its next argument. */
    mvad_status (*argument)(struct launch_call *call, const void *value, size_t bytes);
    /* Its next two: a buffer, NULL for a value that is absent, and where in it, in elements. */
    mvad_status (*part)(struct launch_call *call, void *buffer, size_t begin, size_t element_bytes);
    /* Work items a group of this kernel may have. */
    mvad_status (*group_limit)(struct launch_call *call, size_t *limit);
    /* Keeps the launch. `global` is in work items, a multiple of `local`, and nowhere 0. */
    mvad_status (*launch)(struct launch_call *call, int dimensions, const size_t global[3],
                          const size_t local[3]);
    mvad_status (*product)(struct launch_call *call, const struct launch_product *product);
    /* The variant for this node's shape; also asked before a call is bound. */
    enum launch_variant (*conv_variant)(const struct launch_call *call);
};

/* What ops know of a device; part of the backend's own struct. */
struct launch_device {
    const struct launch_api *api;
    const struct launch_op *const *ops; /* by enum op; every entry is set */
    char id[32];
    bool processor; /* its work items are threads of a CPU, with vector registers */
    bool fp64;
    bool tf32; /* its products can round factors to 11 digits */
    size_t largest_group;
    size_t most_groups; /* along dimensions 1 and 2 */
};

/* A node being turned into launches. The first failure sticks; what follows it does nothing. */
struct launch_call {
    struct launch_device *device;
    const struct graph *graph;
    const struct node *node;
    uint32_t index;
    const struct value *in[NODE_MAX_INPUTS], *out[NODE_MAX_OUTPUTS]; /* NULL where absent */
    const union op_params *params;
    /* Only while binding: */
    void *const *segments;
    size_t workspace; /* where in the arena, bytes */
    void *target;     /* the backend's own: where launches are kept */
    mvad_status status;
    mvad_error *error;
};

struct launch_op {
    /* NULL, or why it cannot be done. A NULL pointer supports everything. */
    const char *(*supports)(const struct launch_call *call);
    /* Bytes of scratch memory. NULL: none. */
    size_t (*workspace)(const struct launch_call *call);
    void (*emit)(struct launch_call *call);
};

/* The shared ops by enum op; table.c. Every entry is set. */
extern const struct launch_op *const launch_ops[OP_COUNT];

/* The `query` of struct backend. */
mvad_status launch_query(struct launch_device *device, const struct graph *graph,
                         const struct node *node, size_t *workspace_bytes, mvad_error *error);

/* Turns every node of a planned graph into launches, in their order. */
mvad_status launch_bind(struct launch_device *device, const struct graph *graph,
                        const struct plan *plan, void *const segments[SEGMENT_COUNT], void *target,
                        mvad_error *error);

/* ---- for ops ---- */

/* Begins a launch: as struct launch_api says. */
void launch_kernel(struct launch_call *call, enum launch_file file, const char *kernel, int lanes,
                   const char *option, int number);
/* Its arguments, in their order. A value takes the place of two: buffer and beginning. */
void launch_value(struct launch_call *call, const struct value *value); /* NULL: an absent one */
void launch_scratch(struct launch_call *call, size_t offset, size_t element_bytes);
void launch_int(struct launch_call *call, int64_t value);
void launch_ulong(struct launch_call *call, int64_t value);
void launch_real(struct launch_call *call, double value);
void launch_struct(struct launch_call *call, const void *value, size_t bytes);
/* Ends it. The global size is rounded up to whole groups in dimension 0, whose width is chosen; 0 along
 * any dimension: nothing to compute. */
void launch_1d(struct launch_call *call, int64_t count);
/* For kernels that take their place along y from LONG_ID (kernels/dialect.h): y may be any length. */
void launch_2d(struct launch_call *call, int64_t x, int64_t y);
void launch_3d(struct launch_call *call, int64_t x, int64_t y, int64_t z);
/* With groups of exactly this size; the global size, in work items, is rounded up to whole groups. Of two
 * dimensions: as launch_2d. */
void launch_groups(struct launch_call *call, int dimensions, const size_t global[3],
                   const size_t local[3]);

/* C = A * B [+ C] of the device's BLAS over parts of values, row-major. */
struct launch_operand {
    void *buffer;
    size_t begin;   /* elements */
    int64_t stride; /* elements between rows */
    bool transposed;
    enum dtype dtype;
};
struct launch_product {
    struct launch_operand a, b, c;
    int64_t rows, columns, depth;
    bool accumulate;
    bool tf32; /* set by launch_product: the graph's */
};
void launch_product(struct launch_call *call, const struct launch_product *product);
struct launch_operand launch_operand(struct launch_call *call, const struct value *value,
                                     int64_t skip, int64_t stride, bool transposed);
/* Scratch memory in the type that the graph's values are stored in. */
struct launch_operand launch_scratch_operand(struct launch_call *call, size_t offset,
                                             int64_t stride, bool transposed);

/* Bytes of a number kernels compute with, and of one as it is stored. */
size_t launch_real_bytes(const struct launch_call *call);
size_t launch_stored_bytes(const struct launch_call *call);

/* Runs of so many elements, of which a work item of the kernels on runs.h computes one. */
int64_t launch_runs(const struct launch_call *call, int64_t elements);

/* 8 where the device is a processor and the channels come in eights, else 1. */
int launch_lanes(const struct launch_call *call, int64_t channels);

static inline int64_t launch_rows(const struct value *value)
{
    return value->dim[0] * value->dim[1] * value->dim[2];
}

static inline int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

#endif
