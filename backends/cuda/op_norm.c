/* Batch norm and layer norm by CUDA's own kernels, or, in double precision, by the shared ops. */
#include "backends/cuda/ops.h"
#include "backends/launch/ops.h"
#include "core/base/memory.h"
#include "kernels/cuda/norm_plan.h"

static const char *module = "norm";

static const struct launch_op *shared_op(const struct launch_call *call)
{
    return launch_ops[call->node->op];
}

static bool plan_norm(const struct launch_call *call, const struct value *x,
                      struct cuda_norm_plan *plan)
{
    enum cuda_math math;
    if (!cuda_own_math(call, &math)) return false;
    *plan =
        cuda_plan_norm(launch_rows(x), x->dim[3], math, cuda_device_of(call->device)->processors);
    return true;
}

/* The arguments that most kernels end with. */
static void end_with_shape(struct launch_call *call, const struct value *x)
{
    launch_int(call, launch_rows(x));
    launch_int(call, x->dim[3]);
}

static void emit_normalise(struct launch_call *call, const struct cuda_norm_plan *plan,
                           const struct value *mean, const struct value *spread, float eps)
{
    cuda_own_begin(call, module, &plan->normalise);
    for (int i = 0; i < 3; i++) cuda_own_value(call, call->in[i]);
    cuda_own_value(call, mean);
    cuda_own_value(call, spread);
    cuda_own_value(call, call->in[5]);
    cuda_own_value(call, call->out[0]);
    launch_int(call, call->params->norm.relu);
    launch_struct(call, &eps, sizeof eps);
    end_with_shape(call, call->in[0]);
    cuda_own_end(call);
}

static size_t batch_norm_workspace(const struct launch_call *call)
{
    struct cuda_norm_plan plan;
    return plan_norm(call, call->in[0], &plan) ? plan.workspace : launch_batch_norm.workspace(call);
}

static void batch_norm_emit(struct launch_call *call)
{
    const struct norm_params *p = &call->params->norm;
    const float eps = (float)p->eps, momentum = (float)p->momentum;
    struct cuda_norm_plan plan;
    if (!plan_norm(call, call->in[0], &plan)) {
        launch_batch_norm.emit(call);
        return;
    }
    cuda_own_begin(call, module, &plan.moments);
    cuda_own_value(call, call->in[0]);
    cuda_own_scratch(call, 0);
    end_with_shape(call, call->in[0]);
    launch_int(call, plan.piece);
    cuda_own_end(call);

    cuda_own_begin(call, module, &plan.join_moments);
    cuda_own_scratch(call, 0);
    cuda_own_value(call, call->out[1]);
    cuda_own_value(call, call->out[2]);
    cuda_own_value(call, call->in[3]);
    cuda_own_value(call, call->in[4]);
    end_with_shape(call, call->in[0]);
    launch_int(call, plan.piece);
    launch_int(call, plan.pieces);
    launch_struct(call, &eps, sizeof eps);
    launch_struct(call, &momentum, sizeof momentum);
    cuda_own_end(call);

    emit_normalise(call, &plan, call->out[1], call->out[2], 0);
}

const struct launch_op cuda_batch_norm = {.workspace = batch_norm_workspace,
                                          .emit = batch_norm_emit};

static void batch_norm_apply_emit(struct launch_call *call)
{
    struct cuda_norm_plan plan;
    if (plan_norm(call, call->in[0], &plan))
        emit_normalise(call, &plan, call->in[3], call->in[4], 0);
    else
        launch_batch_norm_apply.emit(call);
}

const struct launch_op cuda_batch_norm_apply = {.emit = batch_norm_apply_emit};

static const char *batch_norm_eval_supports(const struct launch_call *call)
{
    return launch_batch_norm_eval.supports(call);
}

static void batch_norm_eval_emit(struct launch_call *call)
{
    struct cuda_norm_plan plan;
    if (plan_norm(call, call->in[0], &plan))
        emit_normalise(call, &plan, call->in[3], call->in[4], (float)call->params->norm.eps);
    else
        launch_batch_norm_eval.emit(call);
}

const struct launch_op cuda_batch_norm_eval = {.supports = batch_norm_eval_supports,
                                               .emit = batch_norm_eval_emit};

/* ---- gradients: partial sums in the workspace, then their totals ---- */

static size_t total_offset(const struct cuda_norm_plan *plan)
{
    return size_align(plan->workspace, VALUE_ALIGNMENT);
}

static size_t gradient_workspace(const struct launch_call *call)
{
    struct cuda_norm_plan plan;
    return plan_norm(call, call->in[1], &plan) ? total_offset(&plan) + plan.total_workspace
                                               : shared_op(call)->workspace(call);
}

/* Of dy, x, mean and rstd; the totals where `totals` is set. */
static void emit_sums(struct launch_call *call, const struct cuda_norm_plan *plan,
                      const struct cuda_launch *sums, bool totals)
{
    cuda_own_begin(call, module, sums);
    cuda_own_value(call, call->in[0]);
    cuda_own_value(call, call->in[1]);
    cuda_own_value(call, call->in[3]);
    cuda_own_value(call, call->in[4]);
    cuda_own_scratch(call, 0);
    end_with_shape(call, call->in[1]);
    launch_int(call, plan->piece);
    cuda_own_end(call);

    cuda_own_begin(call, module, &plan->join_gradients);
    cuda_own_scratch(call, 0);
    if (totals)
        cuda_own_scratch(call, total_offset(plan));
    else
        cuda_own_value(call, NULL);
    cuda_own_value(call, call->out[1]);
    cuda_own_value(call, call->out[2]);
    launch_int(call, call->in[1]->dim[3]);
    launch_int(call, plan->pieces);
    cuda_own_end(call);
}

static void batch_norm_grad_emit(struct launch_call *call)
{
    struct cuda_norm_plan plan;
    if (!plan_norm(call, call->in[1], &plan)) {
        launch_batch_norm_grad.emit(call);
        return;
    }
    emit_sums(call, &plan, &plan.grad_sums, true);
    cuda_own_begin(call, module, &plan.grad);
    for (int i = 0; i < 5; i++) cuda_own_value(call, call->in[i]);
    cuda_own_scratch(call, total_offset(&plan));
    cuda_own_value(call, call->out[0]);
    end_with_shape(call, call->in[1]);
    cuda_own_end(call);
}

const struct launch_op cuda_batch_norm_grad = {.workspace = gradient_workspace,
                                               .emit = batch_norm_grad_emit};

static void layer_norm_emit(struct launch_call *call)
{
    const float eps = (float)call->params->norm.eps;
    struct cuda_norm_plan plan;
    if (!plan_norm(call, call->in[0], &plan)) {
        launch_layer_norm.emit(call);
        return;
    }
    cuda_own_begin(call, module, &plan.layer_norm);
    for (int i = 0; i < 3; i++) cuda_own_value(call, call->in[i]);
    for (int i = 0; i < 3; i++) cuda_own_value(call, call->out[i]);
    end_with_shape(call, call->in[0]);
    launch_int(call, plan.lanes);
    launch_struct(call, &eps, sizeof eps);
    cuda_own_end(call);
}

const struct launch_op cuda_layer_norm = {.emit = layer_norm_emit};

static void layer_norm_grad_emit(struct launch_call *call)
{
    struct cuda_norm_plan plan;
    if (!plan_norm(call, call->in[1], &plan)) {
        launch_layer_norm_grad.emit(call);
        return;
    }
    if (call->out[1] || call->out[2]) emit_sums(call, &plan, &plan.layer_norm_sums, false);
    cuda_own_begin(call, module, &plan.layer_norm_grad);
    for (int i = 0; i < 5; i++) cuda_own_value(call, call->in[i]);
    cuda_own_value(call, call->out[0]);
    end_with_shape(call, call->in[1]);
    launch_int(call, plan.lanes);
    cuda_own_end(call);
}

const struct launch_op cuda_layer_norm_grad = {.workspace = gradient_workspace,
                                               .emit = layer_norm_grad_emit};
