/* Routed attention by CUDA's own kernels, which take the usual heads, or by the shared ops. */
#include "backends/cuda/ops.h"
#include "backends/launch/ops.h"
#include "kernels/cuda/attention_plan.h"

static const char *module_of(enum cuda_math math)
{
    static const char *const names[] = {[CUDA_FP32] = "attention_fp32",
                                        [CUDA_TF32] = "attention_tf32",
                                        [CUDA_F16] = "attention_f16",
                                        [CUDA_BF16] = "attention_bf16"};
    return names[math];
}

static bool is_own(const struct launch_call *call, const struct value *q, enum cuda_math *math)
{
    const int64_t *dim = q->dim;
    return cuda_own_math(call, math) &&
           !cuda_attention_refuses(dim[0], dim[1], dim[2], dim[3], call->params->attention.heads);
}

static const char *supports(const struct launch_call *call)
{
    return launch_routed_attention.supports(call);
}

static void emit(struct launch_call *call)
{
    const struct attention_params *p = &call->params->attention;
    const int64_t *q = call->in[0]->dim;
    enum cuda_math math;
    if (!is_own(call, call->in[0], &math)) {
        launch_routed_attention.emit(call);
        return;
    }
    const struct cuda_attention_plan plan =
        cuda_plan_attention(q[0], q[1], q[2], q[3], p->windows, p->views, p->heads,
                            (int)call->in[3]->dim[2], p->scale, math);
    cuda_own_begin(call, module_of(math), &plan.attend);
    for (int i = 0; i < 4; i++) cuda_own_value(call, call->in[i]);
    cuda_own_value(call, call->out[0]);
    cuda_own_value(call, call->out[1]);
    launch_struct(call, &plan.parameters, sizeof plan.parameters);
    cuda_own_end(call);
}

const struct launch_op cuda_routed_attention = {.supports = supports, .emit = emit};

/* ---- its gradients ---- */

enum { IN_DO, IN_Q, IN_K, IN_V, IN_INDICES, IN_O, IN_LSE };

static bool plan_gradient(const struct launch_call *call, struct cuda_attention_gradient_plan *plan,
                          enum cuda_math *math)
{
    const struct attention_params *p = &call->params->attention;
    const int64_t *q = call->in[IN_Q]->dim;
    if (!is_own(call, call->in[IN_Q], math)) return false;
    *plan = cuda_plan_attention_gradient(q[0], q[1], q[2], q[3], p->windows, p->views, p->heads,
                                         (int)call->in[IN_INDICES]->dim[2], p->scale, *math);
    return true;
}

static const char *gradient_supports(const struct launch_call *call)
{
    return launch_routed_attention_grad.supports(call);
}

static size_t gradient_workspace(const struct launch_call *call)
{
    struct cuda_attention_gradient_plan plan;
    enum cuda_math math;
    return plan_gradient(call, &plan, &math) ? plan.workspace
                                             : launch_routed_attention_grad.workspace(call);
}

static void emit_key_gradient(struct launch_call *call,
                              const struct cuda_attention_gradient_plan *plan, enum cuda_math math)
{
    const struct cuda_attention *a = &plan->parameters;
    const int count = a->windows * a->windows;
    cuda_own_begin(call, "attention_lists", &plan->inverse);
    cuda_own_value(call, call->in[IN_INDICES]);
    cuda_own_scratch(call, plan->counts_at);
    cuda_own_scratch(call, plan->lists_at);
    launch_int(call, a->views * count);
    launch_int(call, a->selected);
    launch_int(call, a->images * count);
    cuda_own_end(call);

    cuda_own_begin(call, module_of(math), &plan->key_gradient);
    for (int i = IN_DO; i <= IN_V; i++) cuda_own_value(call, call->in[i]);
    cuda_own_scratch(call, plan->counts_at);
    cuda_own_scratch(call, plan->lists_at);
    cuda_own_value(call, call->in[IN_LSE]);
    cuda_own_scratch(call, plan->delta_at);
    cuda_own_value(call, call->out[1]);
    cuda_own_value(call, call->out[2]);
    launch_struct(call, a, sizeof *a);
    cuda_own_end(call);
}

static void gradient_emit(struct launch_call *call)
{
    struct cuda_attention_gradient_plan plan;
    enum cuda_math math;
    if (!plan_gradient(call, &plan, &math)) {
        launch_routed_attention_grad.emit(call);
        return;
    }
    const int64_t heads = plan.parameters.heads;
    cuda_own_begin(call, "attention_lists", &plan.delta);
    cuda_own_value(call, call->in[IN_DO]);
    cuda_own_value(call, call->in[IN_O]);
    cuda_own_scratch(call, plan.delta_at);
    launch_ulong(call, launch_rows(call->in[IN_Q]) * heads);
    launch_int(call, plan.parameters.channels / heads);
    cuda_own_end(call);

    cuda_own_begin(call, module_of(math), &plan.query_gradient);
    for (int i = IN_DO; i <= IN_INDICES; i++) cuda_own_value(call, call->in[i]);
    cuda_own_value(call, call->in[IN_LSE]);
    cuda_own_scratch(call, plan.delta_at);
    cuda_own_value(call, call->out[0]);
    launch_struct(call, &plan.parameters, sizeof plan.parameters);
    cuda_own_end(call);
    if (call->out[1] || call->out[2]) emit_key_gradient(call, &plan, math);
}

const struct launch_op cuda_routed_attention_grad = {
    .supports = gradient_supports, .workspace = gradient_workspace, .emit = gradient_emit};
