/* What the files of the OpenCL backend share: the device, its programs, and how a node becomes kernel
 * launches.
 *
 * Nothing depends on a vendor: sizes of work groups and of local memory, half and double precision are
 * asked for, binaries of programs are cached on disk because some drivers compile for seconds, and a
 * device of type CPU gets other variants of some kernels (one work item computing a vector) than a
 * GPU. */
#ifndef OPENCL_OPENCL_H
#define OPENCL_OPENCL_H

#undef CL_TARGET_OPENCL_VERSION /* pkg-config may ask for the newest */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "core/graph/backend.h"

/* ---- devices (platform.c, device.c) ---- */

enum { OPENCL_MAX_DEVICES = 64, OPENCL_NAME = 160 };

struct opencl_place {
    cl_platform_id platform;
    cl_device_id device;
};

/* All devices of all platforms, in the order the loader lists them. A failure, or none at all, is
 * MVAD_ERROR_DEVICE with the reason. */
mvad_status opencl_find(struct opencl_place places[OPENCL_MAX_DEVICES], int32_t *count,
                        mvad_error *error);

/* Values on their way to the device beside a run (upload.c). */
struct opencl_uploads {
    cl_command_queue queue; /* made when first needed */
    struct opencl_upload *slots;
    size_t count, capacity;
};

struct opencl_device {
    struct opencl_place place;
    char id[32];
    char name[OPENCL_NAME], platform[OPENCL_NAME], version[OPENCL_NAME], driver[OPENCL_NAME];
    bool processor; /* CL_DEVICE_TYPE_CPU */
    bool fp64, fp16;
    cl_uint compute_units;
    cl_ulong memory, largest_buffer, local_memory; /* bytes */
    size_t largest_group;
    cl_context context;
    cl_command_queue queue;          /* in order */
    cl_command_queue profiling;      /* the same with timestamps; made when first asked for */
    size_t allocated;                /* bytes of all buffers */
    struct opencl_program *programs; /* built so far, a list */
    struct opencl_tuning *tuning;
    struct opencl_uploads uploads;
};

/* Fills everything that can be known without a context. */
mvad_status opencl_identify(const struct opencl_place *place, int32_t index,
                            struct opencl_device *device, mvad_error *error);

/* "CL_OUT_OF_RESOURCES" and so on. */
const char *opencl_error_name(cl_int code);

/* A failed call: the device, what was done, and OpenCL's error. Out-of-memory codes become
 * MVAD_ERROR_OUT_OF_MEMORY, others MVAD_ERROR_DEVICE. */
mvad_status opencl_fail(const struct opencl_device *device, const char *what, cl_int code,
                        mvad_error *error);

/* ---- uploads beside a run (upload.c) ---- */

/* The `stage` of struct backend. */
mvad_status opencl_stage(void *state, void *buffer, size_t offset, const void *data, size_t bytes,
                         mvad_error *error);

/* Puts what was staged in its place, before anything enqueued later. */
mvad_status opencl_place_uploads(struct opencl_device *device, mvad_error *error);

/* What was staged for this buffer will not be needed. */
void opencl_forget_uploads(struct opencl_device *device, cl_mem target);
void opencl_end_uploads(struct opencl_device *device);

/* ---- programs (program.c, binary_cache.c) ---- */

enum opencl_file {
    OPENCL_ELEMENTWISE,
    OPENCL_MAPS,
    OPENCL_REDUCE,
    OPENCL_NORM,
    OPENCL_ROUTE,
    OPENCL_ATTENTION,
    OPENCL_CONV_DIRECT,
    OPENCL_CONV_TILED,
    OPENCL_CONV_PARTS,
    OPENCL_FILE_COUNT
};

/* The program of a kernel file under these options, built or taken from the cache the first time.
 * Owned by the device. A failed build is MVAD_ERROR_DEVICE with the first line of the log that names
 * an error. */
mvad_status opencl_program_get(struct opencl_device *device, enum opencl_file file,
                               const char *options, cl_program *program, mvad_error *error);
void opencl_programs_release(struct opencl_device *device);

/* Binaries of programs in a folder of the user's: MVAD_CACHE_DIR, else XDG_CACHE_HOME/mvad, else
 * ~/.cache/mvad; "" turns it off. `key` is all that the binary depends on, as text. A file that is
 * missing, damaged or of another key is no error: the program is then built. */
cl_program opencl_cache_load(struct opencl_device *device, const char *key);
void opencl_cache_store(cl_program program, const char *key);

/* The folder above, made if missing; false where there is none. */
bool opencl_cache_folder(char *path, size_t size);

/* ---- nodes to launches (call.c, run.c) ---- */

struct opencl_step {
    uint32_t node;
    cl_kernel kernel; /* NULL: a matrix product of the BLAS */
    cl_uint dimensions;
    size_t global[3], local[3];
    bool grouped; /* `local` holds */
    struct opencl_product *product;
};

struct opencl_steps {
    struct opencl_step *step;
    size_t count, capacity;
};

/* A node being turned into steps. The first failure sticks; what follows it does nothing. */
struct opencl_call {
    struct opencl_device *device;
    const struct graph *graph;
    const struct node *node;
    uint32_t index;
    const struct value *in[NODE_MAX_INPUTS], *out[NODE_MAX_OUTPUTS]; /* NULL where absent */
    const union op_params *params;
    /* Only while binding: */
    void *const *segments;
    size_t workspace; /* where in the arena, bytes */
    struct opencl_steps *steps;
    cl_kernel kernel;
    cl_uint argument;
    mvad_status status;
    mvad_error *error;
};

struct opencl_op {
    /* NULL, or why it cannot be done. A NULL pointer supports everything. */
    const char *(*supports)(const struct opencl_call *call);
    /* Bytes of scratch memory. NULL: none. */
    size_t (*workspace)(const struct opencl_call *call);
    void (*emit)(struct opencl_call *call);
};

/* By enum op; table.c. Every entry is set. */
extern const struct opencl_op *const opencl_table[OP_COUNT];

/* Begins a launch of `kernel` in `file`. LANES is 8 or 1; extra options may be NULL. */
void opencl_kernel(struct opencl_call *call, enum opencl_file file, const char *kernel, int lanes,
                   const char *options);
/* Its arguments, in their order. A value takes the place of two: buffer and beginning. */
void opencl_value(struct opencl_call *call, const struct value *value); /* NULL: an absent one */
void opencl_scratch(struct opencl_call *call, size_t offset, size_t element_bytes);
void opencl_int(struct opencl_call *call, int64_t value);
void opencl_ulong(struct opencl_call *call, int64_t value);
void opencl_real(struct opencl_call *call, double value);
void opencl_struct(struct opencl_call *call, const void *value, size_t bytes);
/* Ends it. The global size is rounded up to whole groups in dimension 0; local 0: the device's
 * choice along that dimension, at most `width` work items in dimension 0. */
void opencl_launch_1d(struct opencl_call *call, int64_t count);
void opencl_launch_3d(struct opencl_call *call, int64_t x, int64_t y, int64_t z);
/* With groups of exactly this size; the global size is in work items. */
void opencl_launch_groups(struct opencl_call *call, cl_uint dimensions, const size_t global[3],
                          const size_t local[3]);

/* C = A * B [+ C] of the BLAS over parts of values: row-major, see product.c. */
struct opencl_operand {
    cl_mem buffer;
    size_t begin;   /* elements */
    int64_t stride; /* elements between rows */
    bool transposed;
};
struct opencl_product {
    struct opencl_operand a, b, c;
    int64_t rows, columns, depth;
    bool accumulate, fp64;
};
void opencl_product(struct opencl_call *call, const struct opencl_product *product);
struct opencl_operand opencl_operand(struct opencl_call *call, const struct value *value,
                                     int64_t skip, int64_t stride, bool transposed);
struct opencl_operand opencl_scratch_operand(struct opencl_call *call, size_t offset,
                                             int64_t stride, bool transposed);
mvad_status opencl_product_run(struct opencl_device *device, cl_command_queue queue,
                               const struct opencl_product *product, cl_event *event,
                               mvad_error *error);
/* Frees what the BLAS keeps for the device's context. */
void opencl_product_forget(void);

/* Bytes of a number kernels compute with, and of one as it is stored. */
size_t opencl_real_bytes(const struct opencl_call *call);
size_t opencl_stored_bytes(const struct opencl_call *call);

/* 8 where the device is a processor and the channels come in eights, else 1. */
int opencl_lanes(const struct opencl_call *call, int64_t channels);

static inline int64_t opencl_rows(const struct value *value)
{
    return value->dim[0] * value->dim[1] * value->dim[2];
}

static inline int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* ---- which kernel computes a convolution (tuning.c) ---- */

enum opencl_variant {
    OPENCL_VARIANT_DIRECT, /* vector registers */
    OPENCL_VARIANT_TILED,  /* local memory */
    OPENCL_VARIANT_BLAS,   /* columns in memory, matrix product */
    OPENCL_VARIANT_COUNT
};

/* Whether a variant can compute this convolution (not: a gradient of weights, which all can). */
bool opencl_conv_can(const struct opencl_call *call, enum opencl_variant variant);

/* Work items of a group of conv_tiled.cl along each dimension, pixels or channels of its tile, and the
 * option that says so. */
struct opencl_tile {
    int group, side;
    char options[32];
};
void opencl_tile_of(const struct opencl_device *device, struct opencl_tile *tile);

/* The variant for this node's shape; measured where it is not known yet. */
enum opencl_variant opencl_variant_of(const struct opencl_call *call);
#endif
