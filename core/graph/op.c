#include "core/graph/op.h"

#include <stddef.h>

#define ALL 0xFF
#define VECTORS_1_TO_4 (0xF << 1)
#define VECTORS_2_TO_4 (0x7 << 2)

static const struct {
    const char *name;
    uint8_t in_place;          /* bit i: the first output may take the memory of input i */
    uint8_t wide_in, wide_out; /* bit i: input or output i, if real, is of the wide type */
} ops[OP_COUNT] = {
    [OP_CONV2D] = {"conv2d", 1 << 3, 1 << 2, 0},
    [OP_CONV2D_GRAD_INPUT] = {"conv2d_grad_input", 0, 0, 0},
    [OP_CONV2D_GRAD_WEIGHT] = {"conv2d_grad_weight", 0, 0, 1 << 0 | 1 << 1},
    [OP_CONVT2X2] = {"convt2x2", 1 << 3, 1 << 2, 0},
    [OP_CONVT2X2_GRAD_INPUT] = {"convt2x2_grad_input", 0, 0, 0},
    [OP_CONVT2X2_GRAD_WEIGHT] = {"convt2x2_grad_weight", 0, 0, 1 << 0},
    [OP_BATCH_NORM] = {"batch_norm", 0, VECTORS_1_TO_4, 1 << 1 | 1 << 2},
    [OP_BATCH_NORM_APPLY] = {"batch_norm_apply", 1 << 0, VECTORS_1_TO_4, 0},
    [OP_BATCH_NORM_GRAD] = {"batch_norm_grad", 1 << 0, VECTORS_2_TO_4, 1 << 1 | 1 << 2},
    [OP_BATCH_NORM_EVAL] = {"batch_norm_eval", 1 << 0, VECTORS_1_TO_4, 0},
    [OP_LAYER_NORM] = {"layer_norm", 1 << 0, 1 << 1 | 1 << 2, 1 << 1 | 1 << 2},
    [OP_LAYER_NORM_GRAD] = {"layer_norm_grad", 1 << 0, VECTORS_2_TO_4, 1 << 1 | 1 << 2},
    [OP_ADD] = {"add", 1 << 0 | 1 << 1, 0, 0},
    [OP_RELU] = {"relu", 1 << 0, 0, 0},
    [OP_RELU_GRAD] = {"relu_grad", 1 << 0, 0, 0},
    [OP_DROPOUT] = {"dropout", 1 << 0, 0, 0},
    [OP_MAX_POOL] = {"max_pool", 0, 0, 0},
    [OP_WINDOW_MEAN] = {"window_mean", 0, 0, 0},
    [OP_ROUTE] = {"route", 0, 0, 0},
    [OP_ROUTED_ATTENTION] = {"routed_attention", 0, 0, 1 << 1},
    [OP_ROUTED_ATTENTION_GRAD] = {"routed_attention_grad", 0, 1 << 6, 0},
    [OP_MSE] = {"mse", 0, 0, 1 << 0},
    [OP_MSE_GRAD] = {"mse_grad", 0, 1 << 0, 0},
    [OP_COSINE_MAP] = {"cosine_map", 0, 0, 1 << 0},
    [OP_RESIZE] = {"resize", 1 << 1, ALL, ALL},
    [OP_GAUSSIAN_BLUR] = {"gaussian_blur", 0, ALL, ALL},
    [OP_MAX] = {"max", 0, ALL, ALL},
    [OP_NARROW] = {"narrow", 0, ALL, 0},
    [OP_FILL] = {"fill", 0, ALL, ALL},
    [OP_NORM] = {"norm", 0, ALL, ALL},
    [OP_ADAMW] = {"adamw", 0, ALL, ALL},
};

const char *op_name(enum op op)
{
    return (unsigned)op < OP_COUNT ? ops[op].name : NULL;
}

bool op_in_place(enum op op, int index)
{
    return (unsigned)op < OP_COUNT && (ops[op].in_place >> index & 1);
}

bool op_input_is_wide(enum op op, int index)
{
    return (unsigned)op < OP_COUNT && (ops[op].wide_in >> index & 1);
}

bool op_output_is_wide(enum op op, int index)
{
    return (unsigned)op < OP_COUNT && (ops[op].wide_out >> index & 1);
}
