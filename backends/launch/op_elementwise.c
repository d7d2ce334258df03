/* Addition, ReLU, constants, dropout. */
#include <math.h>

#include "backends/launch/ops.h"

static void add_emit(struct launch_call *call)
{
    const struct value *y = call->out[0];
    const int64_t count = value_count_elements(y), period = value_count_elements(call->in[1]);
    launch_kernel(call, LAUNCH_ELEMENTWISE, y->dtype == call->graph->real ? "add" : "add_wide", 1,
                  NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->in[1]);
    launch_value(call, y);
    launch_ulong(call, period);
    launch_int(call, period != count);
    launch_int(call, call->params->add.relu);
    launch_3d(call, launch_runs(call, period), period ? count / period : 0, 1);
}

const struct launch_op launch_add = {.emit = add_emit};

static void relu_emit(struct launch_call *call)
{
    const int64_t count = value_count_elements(call->out[0]);
    launch_kernel(call, LAUNCH_ELEMENTWISE, "relu", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->out[0]);
    launch_ulong(call, count);
    launch_1d(call, launch_runs(call, count));
}

const struct launch_op launch_relu = {.emit = relu_emit};

static void relu_grad_emit(struct launch_call *call)
{
    const int64_t count = value_count_elements(call->out[0]);
    launch_kernel(call, LAUNCH_ELEMENTWISE, "relu_grad", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->in[1]);
    launch_value(call, call->out[0]);
    launch_ulong(call, count);
    launch_1d(call, launch_runs(call, count));
}

const struct launch_op launch_relu_grad = {.emit = relu_grad_emit};

static void narrow_emit(struct launch_call *call)
{
    const int64_t count = value_count_elements(call->out[0]);
    launch_kernel(call, LAUNCH_ELEMENTWISE, "narrow", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->out[0]);
    launch_ulong(call, count);
    launch_1d(call, launch_runs(call, count));
}

const struct launch_op launch_narrow = {.emit = narrow_emit};

static void fill_emit(struct launch_call *call)
{
    const int64_t count = value_count_elements(call->out[0]);
    launch_kernel(call, LAUNCH_ELEMENTWISE, "fill", 1, NULL, 0);
    launch_value(call, call->out[0]);
    launch_ulong(call, count);
    launch_real(call, call->params->fill.value);
    launch_1d(call, count);
}

const struct launch_op launch_fill = {.emit = fill_emit};

static const char *dropout_supports(const struct launch_call *call)
{
    const double p = call->params->dropout.p;
    return p >= 0 && p < 1 ? NULL : "needs a probability of at least 0 and less than 1";
}

static void dropout_emit(struct launch_call *call)
{
    const struct dropout_params *params = &call->params->dropout;
    const int64_t count = value_count_elements(call->out[0]);
    const int64_t image = call->out[0]->dim[0] ? count / call->out[0]->dim[0] : 0;
    launch_kernel(call, LAUNCH_ELEMENTWISE, params->per_image ? "drop_path" : "dropout", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->in[1]);
    launch_value(call, call->out[0]);
    launch_ulong(call, params->per_image ? image : count);
    launch_int(call, params->salt);
    /* u is a multiple of 2^-24, so u >= p exactly when u * 2^24 is at least this. */
    launch_int(call, (int64_t)ceil(params->p * 0x1p24));
    launch_real(call, 1 / (1 - params->p));
    if (params->per_image)
        launch_3d(call, launch_runs(call, image), call->out[0]->dim[0], 1);
    else
        launch_1d(call, launch_runs(call, count));
}

const struct launch_op launch_dropout = {.supports = dropout_supports, .emit = dropout_emit};
