/* From a row of the table to the shapes, contents and parameters of one node. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/selftest/selftest.h"

static void set(struct slot *slot, enum slot_content content, int64_t n, int64_t h, int64_t w,
                int64_t c)
{
    *slot = (struct slot){.dim = {n, h, w, c}, .content = content};
}

/* A slot that the node changes where it is. */
static void set_state(struct slot *slot, enum slot_content content, int64_t n, int64_t h, int64_t w,
                      int64_t c)
{
    set(slot, content, n, h, w, c);
    slot->state = true;
}

static int64_t conv_size(int64_t size, int64_t kernel, const struct selftest_case *test)
{
    return (size + 2 * test->pad - kernel) / test->stride + 1;
}

static void shape_conv(const struct selftest_case *test, struct case_shape *shape)
{
    struct slot *in = shape->slot, *out = shape->slot + NODE_MAX_INPUTS;
    const int64_t *x = test->x;
    bool transposed = test->op >= OP_CONVT2X2;
    int64_t height = transposed ? 2 * x[1] : conv_size(x[1], test->r, test);
    int64_t width = transposed ? 2 * x[2] : conv_size(x[2], test->s, test);
    int64_t weight[4] = {test->o, test->r, test->s, x[3]};
    if (transposed) memcpy(weight, (int64_t[4]){x[3], 2, 2, test->o}, sizeof weight);
    shape->params.conv2d = (struct conv2d_params){test->stride, test->pad, test->flags & CASE_RELU};

    switch (test->op) {
    case OP_CONV2D:
    case OP_CONVT2X2:
        set(&in[0], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
        set(&in[1], CONTENT_WEIGHT, weight[0], weight[1], weight[2], weight[3]);
        if (test->flags & CASE_BIAS) set(&in[2], CONTENT_WEIGHT, 1, 1, 1, test->o);
        if (test->flags & CASE_RESIDUAL) set(&in[3], CONTENT_WEIGHT, x[0], height, width, test->o);
        if (test->flags & CASE_SAME) shape->same_slot = 3;
        set(&out[0], CONTENT_RESULT, x[0], height, width, test->o);
        break;
    case OP_CONV2D_GRAD_INPUT:
    case OP_CONVT2X2_GRAD_INPUT:
        set(&in[0], CONTENT_UNIFORM, x[0], height, width, test->o);
        set(&in[1], CONTENT_WEIGHT, weight[0], weight[1], weight[2], weight[3]);
        set(&out[0], CONTENT_RESULT, x[0], x[1], x[2], x[3]);
        break;
    default: /* the weight's gradients */
        set(&in[0], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
        set(&in[1], CONTENT_UNIFORM, x[0], height, width, test->o);
        if (!(test->flags & CASE_NO_OUT0))
            set_state(&out[0], CONTENT_WEIGHT, weight[0], weight[1], weight[2], weight[3]);
        if (test->flags & CASE_BIAS) set_state(&out[1], CONTENT_WEIGHT, 1, 1, 1, test->o);
        break;
    }
}

static void shape_norm(const struct selftest_case *test, struct case_shape *shape)
{
    struct slot *in = shape->slot, *out = shape->slot + NODE_MAX_INPUTS;
    const int64_t *x = test->x;
    bool tokens = test->op == OP_LAYER_NORM || test->op == OP_LAYER_NORM_GRAD;
    bool gradient = test->op == OP_BATCH_NORM_GRAD || test->op == OP_LAYER_NORM_GRAD;
    bool training = test->op == OP_BATCH_NORM;
    /* Mean and rstd: one number a token or one a channel. */
    int64_t group[4] = {1, 1, 1, x[3]};
    if (tokens) memcpy(group, (int64_t[4]){x[0], x[1], x[2], 1}, sizeof group);
    shape->params.norm = (struct norm_params){test->value, test->momentum, test->flags & CASE_RELU};

    if (gradient) {
        set(&in[0], CONTENT_WEIGHT, x[0], x[1], x[2], x[3]);
        set(&in[1], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
        set(&in[2], CONTENT_WEIGHT, 1, 1, 1, x[3]);
        set(&in[3], CONTENT_DERIVED, group[0], group[1], group[2], group[3]);
        set(&in[4], CONTENT_DERIVED, group[0], group[1], group[2], group[3]);
        set(&out[0], CONTENT_RESULT, x[0], x[1], x[2], x[3]);
        if (!(test->flags & CASE_NO_OUT1)) set_state(&out[1], CONTENT_WEIGHT, 1, 1, 1, x[3]);
        if (!(test->flags & CASE_NO_OUT2)) set_state(&out[2], CONTENT_WEIGHT, 1, 1, 1, x[3]);
        return;
    }
    set(&in[0], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
    set(&in[1], CONTENT_WEIGHT, 1, 1, 1, x[3]);
    set(&in[2], CONTENT_WEIGHT, 1, 1, 1, x[3]);
    set(&out[0], CONTENT_RESULT, x[0], x[1], x[2], x[3]);
    if (!tokens) {
        set(&in[3], CONTENT_WEIGHT, 1, 1, 1, x[3]);
        set(&in[4], CONTENT_POSITIVE, 1, 1, 1, x[3]);
        in[3].state = in[4].state = training;
        if (test->op == OP_BATCH_NORM_APPLY) in[3].content = in[4].content = CONTENT_DERIVED;
        if (test->flags & CASE_RESIDUAL) set(&in[5], CONTENT_WEIGHT, x[0], x[1], x[2], x[3]);
    }
    if (tokens || training) {
        if (!(test->flags & CASE_NO_OUT1))
            set(&out[1], CONTENT_RESULT, group[0], group[1], group[2], group[3]);
        if (!(test->flags & CASE_NO_OUT2))
            set(&out[2], CONTENT_RESULT, group[0], group[1], group[2], group[3]);
    }
}

static void shape_attention(const struct selftest_case *test, struct case_shape *shape)
{
    struct slot *in = shape->slot, *out = shape->slot + NODE_MAX_INPUTS;
    const int64_t *x = test->x;
    int64_t windows = test->windows, image_windows = windows * windows;
    if (test->op == OP_WINDOW_MEAN) {
        shape->params.window = (struct window_params){test->windows, test->views};
        set(&in[0], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
        set(&out[0], CONTENT_RESULT, x[0], windows, windows, x[3]);
        return;
    }
    if (test->op == OP_ROUTE) {
        shape->params.window = (struct window_params){test->windows, test->views};
        set(&in[0], CONTENT_UNIFORM, x[0], windows, windows, x[3]);
        set(&in[1], CONTENT_UNIFORM, x[0], windows, windows, x[3]);
        set(&out[0], CONTENT_INDICES, x[0], image_windows, test->topk, 1);
        return;
    }
    bool gradient = test->op == OP_ROUTED_ATTENTION_GRAD;
    int first = gradient ? 1 : 0; /* the gradient's inputs start with do */
    shape->params.attention =
        (struct attention_params){test->windows, test->views, test->heads, test->value};
    for (int i = 0; i < first + 3; i++) set(&in[i], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
    set(&in[first + 3], CONTENT_INDICES, x[0], image_windows, test->topk, 1);
    if (gradient) {
        set(&in[5], CONTENT_DERIVED, x[0], x[1], x[2], x[3]);
        set(&in[6], CONTENT_DERIVED, x[0], x[1], x[2], test->heads);
    }
    set(&out[0], CONTENT_RESULT, x[0], x[1], x[2], x[3]);
    if (!(test->flags & CASE_NO_OUT1))
        set(&out[1], CONTENT_RESULT, x[0], x[1], x[2], gradient ? x[3] : test->heads);
    if (gradient && !(test->flags & CASE_NO_OUT2))
        set(&out[2], CONTENT_RESULT, x[0], x[1], x[2], x[3]);
}

static void shape_elementwise(const struct selftest_case *test, struct case_shape *shape)
{
    struct slot *in = shape->slot, *out = shape->slot + NODE_MAX_INPUTS;
    const int64_t *x = test->x;
    set(&in[0], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
    set(&out[0], CONTENT_RESULT, x[0], x[1], x[2], x[3]);
    switch (test->op) {
    case OP_ADD:
        shape->params.add.relu = test->flags & CASE_RELU;
        set(&in[1], CONTENT_WEIGHT, test->flags & CASE_BROADCAST ? 1 : x[0], x[1], x[2], x[3]);
        if (test->flags & CASE_SAME) shape->same_slot = 1;
        break;
    case OP_RELU_GRAD: set(&in[1], CONTENT_RECTIFIED, x[0], x[1], x[2], x[3]); break;
    case OP_DROPOUT:
        shape->params.dropout = (struct dropout_params){test->value, (uint32_t)test->topk,
                                                        test->flags & CASE_PER_IMAGE};
        set(&in[1], CONTENT_RANDOM, 1, 1, 1, 4);
        break;
    case OP_MAX_POOL:
        set(&out[0], CONTENT_RESULT, x[0], (x[1] + 1) / 2, (x[2] + 1) / 2, x[3]);
        break;
    case OP_FILL:
        shape->params.fill.value = test->value;
        in[0] = (struct slot){0};
        break;
    case OP_NORM: set(&out[0], CONTENT_RESULT, 1, 1, 1, 1); break;
    case OP_ADAMW:
        set(&in[1], CONTENT_VALUE, 1, 1, 1, 1);
        set(&in[2], CONTENT_HYPER, 1, 1, 1, ADAMW_HYPER_COUNT);
        set(&in[0], CONTENT_WEIGHT, x[0], x[1], x[2], x[3]);
        set_state(&out[0], CONTENT_WEIGHT, x[0], x[1], x[2], x[3]);
        set_state(&out[1], CONTENT_WEIGHT, x[0], x[1], x[2], x[3]);
        set_state(&out[2], CONTENT_POSITIVE, x[0], x[1], x[2], x[3]);
        break;
    default: break; /* OP_RELU */
    }
}

static void shape_map(const struct selftest_case *test, struct case_shape *shape)
{
    struct slot *in = shape->slot, *out = shape->slot + NODE_MAX_INPUTS;
    const int64_t *x = test->x;
    set(&in[0], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
    switch (test->op) {
    case OP_MSE:
    case OP_COSINE_MAP:
        if (test->op == OP_MSE)
            shape->params.mse.weight = test->value;
        else
            shape->params.norm.eps = test->value;
        set(&in[1], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
        if (test->flags & CASE_SAME) shape->same_slot = 1;
        if (test->op == OP_MSE)
            set(&out[0], CONTENT_RESULT, 1, 1, 1, 1);
        else
            set(&out[0], CONTENT_RESULT, x[0], x[1], x[2], 1);
        break;
    case OP_MSE_GRAD:
        shape->params.mse.weight = test->value;
        set(&in[0], CONTENT_POSITIVE, 1, 1, 1, 1);
        set(&in[1], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
        set(&in[2], CONTENT_UNIFORM, x[0], x[1], x[2], x[3]);
        set(&out[0], CONTENT_RESULT, x[0], x[1], x[2], x[3]);
        break;
    case OP_RESIZE:
        shape->params.resize.scale = test->value;
        if (test->flags & CASE_RESIDUAL)
            set(&in[1], CONTENT_WEIGHT, x[0], test->height, test->width, x[3]);
        set(&out[0], CONTENT_RESULT, x[0], test->height, test->width, x[3]);
        break;
    case OP_GAUSSIAN_BLUR:
        shape->params.blur.sigma = test->value;
        set(&out[0], CONTENT_RESULT, x[0], x[1], x[2], x[3]);
        break;
    default: /* OP_MAX */ set(&out[0], CONTENT_RESULT, x[0], 1, 1, 1); break;
    }
}

void selftest_shape(const struct selftest_case *test, struct case_shape *shape)
{
    *shape = (struct case_shape){0};
    if (test->op <= OP_CONVT2X2_GRAD_WEIGHT)
        shape_conv(test, shape);
    else if (test->op <= OP_LAYER_NORM_GRAD)
        shape_norm(test, shape);
    else if (test->op >= OP_WINDOW_MEAN && test->op <= OP_ROUTED_ATTENTION_GRAD)
        shape_attention(test, shape);
    else if (test->op >= OP_MSE && test->op <= OP_MAX)
        shape_map(test, shape);
    else
        shape_elementwise(test, shape);
}

static void append(char name[SELFTEST_NAME_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(char name[SELFTEST_NAME_BYTES], const char *format, ...)
{
    size_t used = strlen(name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name + used, SELFTEST_NAME_BYTES - used, format, arguments);
    va_end(arguments);
}

void selftest_name(const struct selftest_case *test, char name[SELFTEST_NAME_BYTES])
{
    static const char *const flags[] = {"bias",
                                        "residual",
                                        "relu",
                                        "without output 0",
                                        "without output 1",
                                        "without output 2",
                                        "broadcast",
                                        "drop path",
                                        "ties",
                                        "same",
                                        "kept",
                                        "tiny"};
    name[0] = 0;
    append(name, "%s", op_name(test->op));
    if (test->r) append(name, " %dx%d", (int)test->r, (int)test->s);
    if (test->stride > 1) append(name, " stride %d", (int)test->stride);
    if (test->pad) append(name, " pad %d", (int)test->pad);
    append(name, " (%dx%dx%dx%d", (int)test->x[0], (int)test->x[1], (int)test->x[2],
           (int)test->x[3]);
    if (test->o) append(name, " -> %d", (int)test->o);
    if (test->height) append(name, " -> %dx%d", (int)test->height, (int)test->width);
    append(name, ")");
    if (test->windows) append(name, " windows %d", (int)test->windows);
    if (test->views) append(name, " views %d", (int)test->views);
    if (test->topk) append(name, test->op == OP_DROPOUT ? " salt %d" : " top %d", (int)test->topk);
    if (test->heads) append(name, " heads %d", (int)test->heads);
    if (test->value != 0) append(name, " %g", test->value);
    if (test->offset != 0) append(name, " offset %g", test->offset);
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        if (test->flags & 1u << i) append(name, " %s", flags[i]);
    if (test->in_place) append(name, " in place of %d", (int)test->in_place - 1);
}
