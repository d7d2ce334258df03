/* Op agreement: a table of single-node graphs, run on a device and compared with the reference
 * implementation. mvad_selftest runs it on a user's device; tests/test_ops.c runs the same table,
 * tests/test_selftest.c checks the checker.
 *
 *     for (size_t i = 0; i < selftest_case_count(); i++) {
 *         struct selftest_data *data;
 *         struct selftest_result result = {0};
 *         struct selftest_verdict verdict;
 *         selftest_prepare(selftest_case_at(i), MVAD_PRECISION_F32, &data, error);
 *         selftest_execute(device, data, &result, error);
 *         selftest_compare(data, &result, &verdict);
 *         selftest_result_free(&result);
 *         selftest_data_free(data);
 *     }
 */
#ifndef SELFTEST_SELFTEST_H
#define SELFTEST_SELFTEST_H

#include "core/graph/graph.h"
#include "core/selftest/reference.h"

/* ---- cases ---- */

enum case_flag {
    CASE_BIAS = 1,     /* conv: with bias, or with dbias */
    CASE_RESIDUAL = 2, /* conv, norms, resize: with residual or addend */
    CASE_RELU = 4,     /* act is the ReLU */
    CASE_NO_OUT0 = 8,  /* the optional outputs 0, 1, 2 are absent */
    CASE_NO_OUT1 = 16,
    CASE_NO_OUT2 = 32,
    CASE_BROADCAST = 64,  /* add: b has N = 1 */
    CASE_PER_IMAGE = 128, /* dropout: drop path */
    CASE_TIES = 256,      /* values -1, 0 and 1: many equal correlations, all sums exact */
    CASE_SAME = 512,      /* input 1 (conv: the residual) is the value input 0 is */
    CASE_KEEP =
        1024, /* the value that in_place names is read after the node, so must not be overwritten */
    CASE_TINY = 2048, /* every third pixel of the inputs is zero, every other third tiny (1e-12) */
};

/* One row of the table, with the letters of core/graph/op.h. What an op does not use is 0. */
struct selftest_case {
    enum op op;
    int64_t x[4];    /* the op's x; of gradients the forward op's */
    int64_t o, r, s; /* convolutions */
    int32_t stride, pad;
    int32_t windows, views, heads;
    int64_t topk;
    int64_t height, width; /* of a resize's result */
    double value; /* eps, p, scale, weight, sigma or the fill value; AdamW: the gradient norm */
    double momentum;
    double offset;    /* mean of x, where not 0; AdamW: the norm to clip to */
    unsigned flags;   /* enum case_flag */
    int32_t in_place; /* 1 + index of the input whose memory output 0 must get; 0: none */
};

size_t selftest_case_count(void);
const struct selftest_case *selftest_case_at(size_t index);

/* The tables selftest_case_at walks, one a file; each ends at *count. */
const struct selftest_case *selftest_cases_conv(size_t *count);
const struct selftest_case *selftest_cases_norm(size_t *count);
const struct selftest_case *selftest_cases_attention(size_t *count);
const struct selftest_case *selftest_cases_elementwise(size_t *count);
const struct selftest_case *selftest_cases_maps(size_t *count);

/* ---- the shape of a case ---- */

/* Inputs come first, then outputs: slot i is input i, slot NODE_MAX_INPUTS + i is output i. */
#define SLOT_COUNT (NODE_MAX_INPUTS + NODE_MAX_OUTPUTS)

enum slot_content {
    CONTENT_ABSENT = 0,
    CONTENT_UNIFORM,   /* [-1, 1) plus the case's offset */
    CONTENT_WEIGHT,    /* [-1, 1) */
    CONTENT_POSITIVE,  /* [0.5, 1.5) */
    CONTENT_RECTIFIED, /* half zeros, half (0, 1) */
    CONTENT_VALUE,     /* the case's `value` */
    CONTENT_HYPER,     /* enum adamw_hyper */
    CONTENT_RANDOM,    /* random state, U32 */
    CONTENT_DERIVED,   /* what the forward op of the reference computes from the other inputs */
    CONTENT_INDICES,   /* the reference's routing, I32 */
    CONTENT_RESULT,    /* an output without contents before the run: it starts as NaN */
};

struct slot {
    int64_t dim[4];
    enum slot_content content;
    bool state; /* read and changed where it is: has contents before and is compared after */
};

struct case_shape {
    union op_params params;
    struct slot slot[SLOT_COUNT];
    int same_slot; /* slot that is the same value as slot 0; 0: none */
};

void selftest_shape(const struct selftest_case *test, struct case_shape *shape);

#define SELFTEST_NAME_BYTES 192

/* "conv2d 3x3 stride 2 (2x9x7x5 -> 17)": unique in the table. */
void selftest_name(const struct selftest_case *test, char name[SELFTEST_NAME_BYTES]);

/* ---- running ---- */

/* One case's numbers: everything the device gets and everything it should answer. */
struct selftest_data {
    const struct selftest_case *test;
    struct case_shape shape;
    mvad_precision precision;
    enum dtype real;                            /* of activations */
    uint64_t seed;                              /* of the random inputs, from the name */
    struct reference_tensor before[SLOT_COUNT]; /* as rounded to the precision; results are empty */
    struct reference_tensor after[SLOT_COUNT];  /* expected; of states and outputs only */
    unsigned char *open_rows; /* OP_ROUTE: 1 for rows whose choice rounding may change; else NULL */
    char name[SELFTEST_NAME_BYTES];
};

/* Makes the inputs and runs the reference. Free with selftest_data_free (accepts NULL). */
mvad_status selftest_prepare(const struct selftest_case *test, mvad_precision precision,
                             struct selftest_data **data, mvad_error *error);
void selftest_data_free(struct selftest_data *data);

/* The type that a slot's numbers have on the device. */
enum dtype selftest_slot_type(const struct selftest_data *data, int slot);

/* What a device answered: states and outputs, reals converted to double (exact, so that equal bytes
 * are equal bits). */
struct selftest_result {
    struct reference_tensor after[SLOT_COUNT];
    char problem[160]; /* what was wrong besides numbers; empty when nothing */
};

/* Runs one case. A status only where it could not be run. */
mvad_status selftest_execute(mvad_device *device, const struct selftest_data *data,
                             struct selftest_result *result, mvad_error *error);
void selftest_result_free(struct selftest_result *result);

struct selftest_verdict {
    double error,
        tolerance; /* as in mvad_selftest_row: of the output that is worst in relation to its tolerance */
    bool passed;
    char detail[256]; /* where it failed: seed, output, element, both values; empty when passed */
};

void selftest_compare(const struct selftest_data *data, const struct selftest_result *result,
                      struct selftest_verdict *verdict);

/* Largest relative error the numbers of this slot may have. */
double selftest_tolerance(const struct selftest_data *data, int slot);

/* Allocates the pointer that fits the content's type, uninitialised, for a slot's shape. False
 * without memory. */
bool selftest_allocate(const struct slot *slot, struct reference_tensor *tensor);
void selftest_tensor_free(struct reference_tensor *tensor);

/* ---- the whole model ---- */

/* Compares every output of a small network on `device` with a double-precision session on the CPU.
 * Calls visit once an output; counts the failures. */
mvad_status selftest_model(mvad_device *device, mvad_precision precision,
                           void (*visit)(const mvad_selftest_row *row, void *user), void *user,
                           size_t *failed, mvad_error *error);

#endif
