/* Convolutions: implicit products of CUDA's own, or the shared ops, which is cuBLAS wherever it can. */
#include "backends/cuda/ops.h"
#include "backends/launch/conv.h"
#include "backends/launch/ops.h"
#include "core/base/memory.h"
#include "kernels/cuda/conv_plan.h"

static const char *module_of(enum cuda_math math)
{
    static const char *const names[] = {
        [CUDA_FP32] = "conv_fp32", [CUDA_TF32] = "conv_tf32", [CUDA_F16] = "conv_f16", [CUDA_BF16] = "conv_bf16"};
    return names[math];
}

static const char *sums = "conv_sums";

static int multiprocessors(const struct launch_call *call)
{
    return cuda_device_of(call->device)->processors;
}

/* ---- results of pixels ---- */

static const struct launch_op *shared_op(const struct launch_call *call)
{
    return launch_ops[call->node->op];
}

/* Whether the own kernels compute it. A plain product without an epilogue is cuBLAS's. */
static bool is_own(const struct launch_call *call, struct conv_work *work, enum cuda_math *math)
{
    if (!cuda_own_math(call, math)) return false;
    conv_work_of(call, work);
    const struct conv_product *first = &work->product[0];
    if (work->products == 1 && conv_is_matrix(first) && conv_suits_blas(first) && !work->bias &&
        !work->residual && !first->relu)
        return false;
    for (int i = 0; i < work->products; i++)
        if (cuda_conv_refuses(&work->product[i])) return false;
    return true;
}

static const char *supports(const struct launch_call *call)
{
    return shared_op(call)->supports(call);
}

static size_t workspace(const struct launch_call *call)
{
    struct conv_work work;
    enum cuda_math math;
    size_t most = 0;
    if (!is_own(call, &work, &math)) return shared_op(call)->workspace(call);
    for (int i = 0; i < work.products; i++) {
        const struct cuda_conv_plan plan =
            cuda_plan_conv(&work.product[i], math, multiprocessors(call));
        if (plan.workspace > most) most = plan.workspace;
    }
    return most;
}

static void emit_product(struct launch_call *call, const struct conv_work *work,
                         const struct conv_product *p, enum cuda_math math)
{
    const struct cuda_conv_plan plan = cuda_plan_conv(p, math, multiprocessors(call));
    cuda_own_begin(call, module_of(math), &plan.product);
    cuda_own_value(call, work->source);
    cuda_own_value(call, work->weight);
    cuda_own_value(call, work->bias);
    cuda_own_value(call, work->residual);
    cuda_own_value(call, work->result);
    if (plan.pieces > 1)
        cuda_own_scratch(call, 0);
    else
        cuda_own_value(call, NULL);
    launch_struct(call, p, sizeof *p);
    launch_int(call, plan.piece);
    cuda_own_end(call);
    if (plan.pieces == 1) return;
    cuda_own_begin(call, sums, &plan.finish);
    cuda_own_scratch(call, 0);
    cuda_own_value(call, work->bias);
    cuda_own_value(call, work->residual);
    cuda_own_value(call, work->result);
    launch_struct(call, p, sizeof *p);
    launch_int(call, plan.pieces);
    cuda_own_end(call);
}

static void emit(struct launch_call *call)
{
    struct conv_work work;
    enum cuda_math math;
    if (!is_own(call, &work, &math)) {
        shared_op(call)->emit(call);
        return;
    }
    for (int i = 0; i < work.products; i++) emit_product(call, &work, &work.product[i], math);
}

const struct launch_op cuda_conv2d = {.supports = supports, .workspace = workspace, .emit = emit};
const struct launch_op cuda_conv2d_grad_input = {
    .supports = supports, .workspace = workspace, .emit = emit};
const struct launch_op cuda_convt2x2 = {.supports = supports, .workspace = workspace, .emit = emit};
const struct launch_op cuda_convt2x2_grad_input = {
    .supports = supports, .workspace = workspace, .emit = emit};

/* ---- gradients of weights and biases ---- */

struct weight_work {
    const struct value *x, *dy;
    struct conv_weight_gradient gradient;
    struct cuda_conv_weight_plan weight;
    struct cuda_conv_bias_plan bias;
    size_t bias_offset, bytes; /* in the workspace */
};

static bool plan_weight(const struct launch_call *call, struct weight_work *w, enum cuda_math *math)
{
    if (!cuda_own_math(call, math)) return false;
    *w = (struct weight_work){0};
    w->gradient = conv_weight_gradient_of(call, &w->x, &w->dy);
    if (value_count_elements(w->x) > INT32_MAX || value_count_elements(w->dy) > INT32_MAX)
        return false;
    if (call->out[0]) {
        w->weight = cuda_plan_conv_weight(&w->gradient, *math, multiprocessors(call));
        w->gradient.piece = w->weight.piece;
        w->gradient.pieces = w->weight.pieces;
        w->bytes = w->weight.workspace;
    }
    w->bias_offset = w->bytes = size_align(w->bytes, VALUE_ALIGNMENT);
    if (call->out[1]) {
        w->bias =
            cuda_plan_conv_bias(launch_rows(w->dy), w->dy->dim[3], *math, multiprocessors(call));
        w->bytes += w->bias.workspace;
    }
    return true;
}

static size_t weight_workspace(const struct launch_call *call)
{
    struct weight_work w;
    enum cuda_math math;
    return plan_weight(call, &w, &math) ? w.bytes : shared_op(call)->workspace(call);
}

static void emit_add(struct launch_call *call, const struct cuda_launch *launch, size_t offset,
                     const struct value *total, int pieces)
{
    cuda_own_begin(call, sums, launch);
    cuda_own_scratch(call, offset);
    cuda_own_value(call, total);
    launch_ulong(call, value_count_elements(total));
    launch_int(call, pieces);
    cuda_own_end(call);
}

static void weight_emit(struct launch_call *call)
{
    struct weight_work w;
    enum cuda_math math;
    if (!plan_weight(call, &w, &math)) {
        shared_op(call)->emit(call);
        return;
    }
    if (call->out[1]) {
        cuda_own_begin(call, sums, &w.bias.bias);
        cuda_own_value(call, w.dy);
        cuda_own_scratch(call, w.bias_offset);
        launch_int(call, launch_rows(w.dy));
        launch_int(call, w.dy->dim[3]);
        launch_int(call, w.bias.piece);
        cuda_own_end(call);
        emit_add(call, &w.bias.add, w.bias_offset, call->out[1], w.bias.pieces);
    }
    if (!call->out[0]) return;
    cuda_own_begin(call, module_of(math), &w.weight.weight);
    cuda_own_value(call, w.x);
    cuda_own_value(call, w.dy);
    cuda_own_value(call, call->out[0]);
    if (w.weight.pieces > 1)
        cuda_own_scratch(call, 0);
    else
        cuda_own_value(call, NULL);
    launch_struct(call, &w.gradient, sizeof w.gradient);
    cuda_own_end(call);
    if (w.weight.pieces > 1) emit_add(call, &w.weight.add, 0, call->out[0], w.weight.pieces);
}

const struct launch_op cuda_conv2d_grad_weight = {.workspace = weight_workspace,
                                                  .emit = weight_emit};
const struct launch_op cuda_convt2x2_grad_weight = {.workspace = weight_workspace,
                                                    .emit = weight_emit};
