/* How each op is run: one constant an op, listed in table.c. */
#ifndef OPENCL_OPS_H
#define OPENCL_OPS_H

#include "backends/opencl/opencl.h"

extern const struct opencl_op opencl_conv2d;
extern const struct opencl_op opencl_conv2d_grad_input;
extern const struct opencl_op opencl_conv2d_grad_weight;
extern const struct opencl_op opencl_convt2x2;
extern const struct opencl_op opencl_convt2x2_grad_input;
extern const struct opencl_op opencl_convt2x2_grad_weight;
extern const struct opencl_op opencl_batch_norm;
extern const struct opencl_op opencl_batch_norm_apply;
extern const struct opencl_op opencl_batch_norm_grad;
extern const struct opencl_op opencl_batch_norm_eval;
extern const struct opencl_op opencl_layer_norm;
extern const struct opencl_op opencl_layer_norm_grad;
extern const struct opencl_op opencl_add;
extern const struct opencl_op opencl_relu;
extern const struct opencl_op opencl_relu_grad;
extern const struct opencl_op opencl_dropout;
extern const struct opencl_op opencl_max_pool;
extern const struct opencl_op opencl_window_mean;
extern const struct opencl_op opencl_route;
extern const struct opencl_op opencl_routed_attention;
extern const struct opencl_op opencl_routed_attention_grad;
extern const struct opencl_op opencl_mse;
extern const struct opencl_op opencl_mse_grad;
extern const struct opencl_op opencl_cosine_map;
extern const struct opencl_op opencl_resize;
extern const struct opencl_op opencl_gaussian_blur;
extern const struct opencl_op opencl_max;
extern const struct opencl_op opencl_fill;
extern const struct opencl_op opencl_norm;
extern const struct opencl_op opencl_adamw;

#endif
