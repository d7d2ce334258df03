/* A second implementation of every op, in double and with one plain loop nest each, written from
 * the formulas of core/graph/op.h. It shares no code with any backend and is what backends are
 * compared with: slow, short, obvious. */
#ifndef SELFTEST_REFERENCE_H
#define SELFTEST_REFERENCE_H

#include "core/graph/graph.h"

/* A value in host memory; exactly one pointer is set. Owned by whoever made it. */
struct reference_tensor {
    int64_t dim[4];
    double *real;   /* F32 and F64 values */
    int32_t *index; /* I32 */
    uint32_t *word; /* U32 */
};

/* One node. Absent inputs and outputs are NULL. Inputs are not const because batch norm changes its
 * running statistics where they are; outputs that accumulate are read and changed. */
struct reference_call {
    enum op op;
    const union op_params *params;
    struct reference_tensor *in[NODE_MAX_INPUTS], *out[NODE_MAX_OUTPUTS];
};

/* Runs one node. MVAD_ERROR_OUT_OF_MEMORY, or MVAD_ERROR_UNSUPPORTED for an op that has no
 * reference. */
mvad_status reference_run(const struct reference_call *call, mvad_error *error);

/* Distance between the last selected and the first rejected correlation of window `window` of image
 * `image`, relative to the row's largest absolute correlation: how firmly OP_ROUTE's answer is
 * determined. INFINITY where all candidates are selected. q, k: (N,A,A,C); topk: at most the number
 * of candidates. */
mvad_status reference_route_gap(const struct reference_tensor *q, const struct reference_tensor *k,
                                int32_t views, int64_t topk, int64_t image, int64_t window,
                                double *gap, mvad_error *error);

/* The ops by file. Those that need memory return a status; `params` and tensors as in
 * reference_run. */
void reference_conv2d(const struct reference_call *call);
void reference_conv2d_grad_input(const struct reference_call *call);
void reference_conv2d_grad_weight(const struct reference_call *call);
void reference_convt2x2(const struct reference_call *call);
void reference_convt2x2_grad_input(const struct reference_call *call);
void reference_convt2x2_grad_weight(const struct reference_call *call);

void reference_batch_norm(const struct reference_call *call);
void reference_batch_norm_apply(const struct reference_call *call);
void reference_batch_norm_grad(const struct reference_call *call);
void reference_batch_norm_eval(const struct reference_call *call);
void reference_layer_norm(const struct reference_call *call);
void reference_layer_norm_grad(const struct reference_call *call);

void reference_window_mean(const struct reference_call *call);
mvad_status reference_route(const struct reference_call *call, mvad_error *error);
mvad_status reference_routed_attention(const struct reference_call *call, mvad_error *error);
mvad_status reference_routed_attention_grad(const struct reference_call *call, mvad_error *error);

static inline int64_t reference_count(const struct reference_tensor *tensor)
{
    return tensor->dim[0] * tensor->dim[1] * tensor->dim[2] * tensor->dim[3];
}

/* Position of element (a, b, c, d). */
static inline int64_t reference_at(const struct reference_tensor *tensor, int64_t a, int64_t b,
                                   int64_t c, int64_t d)
{
    return ((a * tensor->dim[1] + b) * tensor->dim[2] + c) * tensor->dim[3] + d;
}

#endif
