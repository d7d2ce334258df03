/* Ops that CUDA has kernels of its own for, and how those are launched. The plans in kernels/cuda/ say which kernel,
 * its grid and its arguments; a module is a file of that folder. */
#ifndef CUDA_OPS_H
#define CUDA_OPS_H

#include "backends/cuda/device.h"
#include "kernels/cuda/launch.h"

extern const struct launch_op cuda_conv2d;
extern const struct launch_op cuda_conv2d_grad_input;
extern const struct launch_op cuda_conv2d_grad_weight;
extern const struct launch_op cuda_convt2x2;
extern const struct launch_op cuda_convt2x2_grad_input;
extern const struct launch_op cuda_convt2x2_grad_weight;
extern const struct launch_op cuda_batch_norm;
extern const struct launch_op cuda_batch_norm_apply;
extern const struct launch_op cuda_batch_norm_eval;
extern const struct launch_op cuda_batch_norm_grad;
extern const struct launch_op cuda_layer_norm;
extern const struct launch_op cuda_layer_norm_grad;
extern const struct launch_op cuda_routed_attention;
extern const struct launch_op cuda_routed_attention_grad;

/* How this call's products are computed; false where only the shared ops can, which is double precision, or where
 * MVAD_CUDA_KERNELS=shared asks for those everywhere, for comparisons. */
bool cuda_own_math(const struct launch_call *call, enum cuda_math *math);

/* A launch of an own kernel: begun, its arguments by these and by launch_int and launch_struct, ended. */
void cuda_own_begin(struct launch_call *call, const char *module, const struct cuda_launch *launch);
void cuda_own_value(struct launch_call *call, const struct value *value); /* NULL: an absent one */
void cuda_own_scratch(struct launch_call *call, size_t offset);           /* bytes */
void cuda_own_end(struct launch_call *call);

#endif
