/* How each op is run: one constant an op, listed in table.c. */
#ifndef LAUNCH_OPS_H
#define LAUNCH_OPS_H

#include "backends/launch/launch.h"

extern const struct launch_op launch_conv2d;
extern const struct launch_op launch_conv2d_grad_input;
extern const struct launch_op launch_conv2d_grad_weight;
extern const struct launch_op launch_convt2x2;
extern const struct launch_op launch_convt2x2_grad_input;
extern const struct launch_op launch_convt2x2_grad_weight;
extern const struct launch_op launch_batch_norm;
extern const struct launch_op launch_batch_norm_apply;
extern const struct launch_op launch_batch_norm_grad;
extern const struct launch_op launch_batch_norm_eval;
extern const struct launch_op launch_layer_norm;
extern const struct launch_op launch_layer_norm_grad;
extern const struct launch_op launch_add;
extern const struct launch_op launch_relu;
extern const struct launch_op launch_relu_grad;
extern const struct launch_op launch_dropout;
extern const struct launch_op launch_max_pool;
extern const struct launch_op launch_window_mean;
extern const struct launch_op launch_route;
extern const struct launch_op launch_routed_attention;
extern const struct launch_op launch_routed_attention_grad;
extern const struct launch_op launch_mse;
extern const struct launch_op launch_mse_grad;
extern const struct launch_op launch_cosine_map;
extern const struct launch_op launch_resize;
extern const struct launch_op launch_gaussian_blur;
extern const struct launch_op launch_max;
extern const struct launch_op launch_narrow;
extern const struct launch_op launch_fill;
extern const struct launch_op launch_norm;
extern const struct launch_op launch_adamw;

#endif
