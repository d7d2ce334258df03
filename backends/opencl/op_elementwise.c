/* Addition, ReLU, constants, dropout. */
#include <math.h>

#include "backends/opencl/ops.h"

static void add_emit(struct opencl_call *call)
{
    const struct value *y = call->out[0];
    const int64_t count = value_count_elements(y), period = value_count_elements(call->in[1]);
    opencl_kernel(call, OPENCL_ELEMENTWISE, "add", 1, NULL);
    opencl_value(call, call->in[0]);
    opencl_value(call, call->in[1]);
    opencl_value(call, y);
    opencl_ulong(call, period);
    opencl_int(call, period != count);
    opencl_int(call, call->params->add.relu);
    opencl_launch_3d(call, period, period ? count / period : 0, 1);
}

const struct opencl_op opencl_add = {.emit = add_emit};

static void relu_emit(struct opencl_call *call)
{
    const int64_t count = value_count_elements(call->out[0]);
    opencl_kernel(call, OPENCL_ELEMENTWISE, "relu", 1, NULL);
    opencl_value(call, call->in[0]);
    opencl_value(call, call->out[0]);
    opencl_ulong(call, count);
    opencl_launch_1d(call, count);
}

const struct opencl_op opencl_relu = {.emit = relu_emit};

static void relu_grad_emit(struct opencl_call *call)
{
    const int64_t count = value_count_elements(call->out[0]);
    opencl_kernel(call, OPENCL_ELEMENTWISE, "relu_grad", 1, NULL);
    opencl_value(call, call->in[0]);
    opencl_value(call, call->in[1]);
    opencl_value(call, call->out[0]);
    opencl_ulong(call, count);
    opencl_launch_1d(call, count);
}

const struct opencl_op opencl_relu_grad = {.emit = relu_grad_emit};

static void fill_emit(struct opencl_call *call)
{
    const int64_t count = value_count_elements(call->out[0]);
    opencl_kernel(call, OPENCL_ELEMENTWISE, "fill", 1, NULL);
    opencl_value(call, call->out[0]);
    opencl_ulong(call, count);
    opencl_real(call, call->params->fill.value);
    opencl_launch_1d(call, count);
}

const struct opencl_op opencl_fill = {.emit = fill_emit};

static const char *dropout_supports(const struct opencl_call *call)
{
    const double p = call->params->dropout.p;
    return p >= 0 && p < 1 ? NULL : "needs a probability of at least 0 and less than 1";
}

static void dropout_emit(struct opencl_call *call)
{
    const struct dropout_params *params = &call->params->dropout;
    const int64_t count = value_count_elements(call->out[0]);
    const int64_t image = call->out[0]->dim[0] ? count / call->out[0]->dim[0] : 0;
    opencl_kernel(call, OPENCL_ELEMENTWISE, params->per_image ? "drop_path" : "dropout", 1, NULL);
    opencl_value(call, call->in[0]);
    opencl_value(call, call->in[1]);
    opencl_value(call, call->out[0]);
    opencl_ulong(call, params->per_image ? image : count);
    opencl_int(call, params->salt);
    /* u is a multiple of 2^-24, so u >= p exactly when u * 2^24 is at least this. */
    opencl_int(call, (int64_t)ceil(params->p * 0x1p24));
    opencl_real(call, 1 / (1 - params->p));
    if (params->per_image)
        opencl_launch_3d(call, image, call->out[0]->dim[0], 1);
    else
        opencl_launch_1d(call, divide_up(count, 4));
}

const struct opencl_op opencl_dropout = {.supports = dropout_supports, .emit = dropout_emit};
