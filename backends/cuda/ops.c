#include "backends/cuda/ops.h"

#include <stdlib.h>
#include <string.h>

void cuda_ops_fill(const struct launch_op *ops[OP_COUNT])
{
    memcpy(ops, launch_ops, sizeof launch_ops);
    ops[OP_CONV2D] = &cuda_conv2d;
    ops[OP_CONV2D_GRAD_INPUT] = &cuda_conv2d_grad_input;
    ops[OP_CONV2D_GRAD_WEIGHT] = &cuda_conv2d_grad_weight;
    ops[OP_CONVT2X2] = &cuda_convt2x2;
    ops[OP_CONVT2X2_GRAD_INPUT] = &cuda_convt2x2_grad_input;
    ops[OP_CONVT2X2_GRAD_WEIGHT] = &cuda_convt2x2_grad_weight;
    ops[OP_BATCH_NORM] = &cuda_batch_norm;
    ops[OP_BATCH_NORM_APPLY] = &cuda_batch_norm_apply;
    ops[OP_BATCH_NORM_EVAL] = &cuda_batch_norm_eval;
    ops[OP_BATCH_NORM_GRAD] = &cuda_batch_norm_grad;
    ops[OP_LAYER_NORM] = &cuda_layer_norm;
    ops[OP_LAYER_NORM_GRAD] = &cuda_layer_norm_grad;
    ops[OP_ROUTED_ATTENTION] = &cuda_routed_attention;
    ops[OP_ROUTED_ATTENTION_GRAD] = &cuda_routed_attention_grad;
}

bool cuda_own_math(const struct launch_call *call, enum cuda_math *math)
{
    const struct cuda_device *device = cuda_device_of(call->device);
    const enum dtype real = call->graph->real;
    const char *forced = getenv("MVAD_CUDA_KERNELS");
    if (real == DTYPE_F64 || (forced && !strcmp(forced, "shared"))) return false;
    const enum cuda_math wanted = real == DTYPE_F16    ? CUDA_F16
                                  : real == DTYPE_BF16 ? CUDA_BF16
                                  : call->graph->tf32  ? CUDA_TF32
                                                       : CUDA_FP32;
    const int can = cuda_math_on(wanted, 10 * device->major + device->minor);
    *math = (enum cuda_math)can;
    return can >= 0;
}
