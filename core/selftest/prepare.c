/* A case's numbers: random inputs, rounded as the device will hold them, and the reference's answer
 * to them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/half.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/model/network.h"
#include "core/selftest/selftest.h"

bool selftest_allocate(const struct slot *slot, struct reference_tensor *tensor)
{
    *tensor = (struct reference_tensor){0};
    memcpy(tensor->dim, slot->dim, sizeof tensor->dim);
    size_t count = (size_t)reference_count(tensor);
    if (slot->content == CONTENT_INDICES)
        return (tensor->index = memory_allocate(count * sizeof *tensor->index));
    if (slot->content == CONTENT_RANDOM)
        return (tensor->word = memory_allocate(count * sizeof *tensor->word));
    return (tensor->real = memory_allocate(count * sizeof *tensor->real));
}

void selftest_tensor_free(struct reference_tensor *tensor)
{
    free(tensor->real);
    free(tensor->index);
    free(tensor->word);
    *tensor = (struct reference_tensor){0};
}

void selftest_data_free(struct selftest_data *data)
{
    if (!data) return;
    for (int i = 0; i < SLOT_COUNT; i++) {
        selftest_tensor_free(&data->before[i]);
        selftest_tensor_free(&data->after[i]);
    }
    free(data->open_rows);
    free(data);
}

/* FNV-1a, 64 bit: a case keeps its numbers when others are added to the table. */
static uint64_t hash(const char *text)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (; *text; text++) value = (value ^ (unsigned char)*text) * 0x100000001b3u;
    return value;
}

/* Number i of a slot's stream in [0, 1), with 48 bits, so that doubles do not end in zeros. */
static double uniform(uint64_t seed, int slot, int64_t i)
{
    const struct random_state state = {(uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)slot, 0};
    float lanes[4];
    random_block(&state, 0, (uint64_t)i / 2, lanes);
    return (double)lanes[i % 2 * 2] + (double)lanes[i % 2 * 2 + 1] * 0x1p-24;
}

static double element(const struct selftest_data *data, int slot, int64_t i)
{
    const struct selftest_case *test = data->test;
    const double hyper[ADAMW_HYPER_COUNT] = {
        [ADAMW_LEARNING_RATE] = 0.5, [ADAMW_BETA1] = 0.9,
        [ADAMW_BETA2] = 0.999,       [ADAMW_EPSILON] = 1e-3,
        [ADAMW_WEIGHT_DECAY] = 0.1,  [ADAMW_BIAS1] = 0.8,
        [ADAMW_BIAS2] = 0.6,         [ADAMW_CLIP_NORM] = test->offset,
        [ADAMW_UNSCALE] = 0.75,
    };
    double u = uniform(data->seed, slot, i);
    int64_t pixel = i / data->shape.slot[slot].dim[3] % 3;
    double small = test->flags & CASE_TINY && pixel ? (pixel == 1 ? 0 : 1e-12) : 1;
    switch (data->shape.slot[slot].content) {
    case CONTENT_UNIFORM:
        return test->flags & CASE_TIES ? floor(3 * u) - 1 : small * (2 * u - 1) + test->offset;
    case CONTENT_WEIGHT: return 2 * u - 1;
    case CONTENT_POSITIVE: return 0.5 + u;
    case CONTENT_RECTIFIED: return u < 0.5 ? 0 : u;
    case CONTENT_VALUE: return test->value;
    case CONTENT_HYPER: return hyper[i];
    default: return 0;
    }
}

enum dtype selftest_slot_type(const struct selftest_data *data, int slot)
{
    const enum op op = data->test->op;
    const enum slot_content content = data->shape.slot[slot].content;
    if (content == CONTENT_INDICES) return DTYPE_I32;
    if (content == CONTENT_RANDOM) return DTYPE_U32;
    if (op == OP_ROUTE && slot >= NODE_MAX_INPUTS) return DTYPE_I32;
    const bool wide = slot < NODE_MAX_INPUTS ? op_input_is_wide(op, slot)
                                             : op_output_is_wide(op, slot - NODE_MAX_INPUTS);
    return wide && dtype_is_16_bit(data->real) ? DTYPE_F32 : data->real;
}

/* To the device's type, as executor_write_double does. */
static void round_to(enum dtype dtype, struct reference_tensor *tensor)
{
    for (int64_t i = 0; tensor->real && i < reference_count(tensor); i++) {
        const float number = (float)tensor->real[i];
        switch (dtype) {
        case DTYPE_F32: tensor->real[i] = (double)number; break;
        case DTYPE_F16: tensor->real[i] = (double)float_from_half(half_from_float(number)); break;
        case DTYPE_BF16:
            tensor->real[i] = (double)float_from_bfloat16(bfloat16_from_float(number));
            break;
        default: break;
        }
    }
}

/* A node's call on the tensors of a set of slots. */
static struct reference_call call_on(const struct selftest_data *data, enum op op,
                                     struct reference_tensor slots[SLOT_COUNT])
{
    struct reference_call call = {.op = op, .params = &data->shape.params};
    for (int i = 0; i < SLOT_COUNT; i++) {
        if (data->shape.slot[i].content == CONTENT_ABSENT) continue;
        if (i < NODE_MAX_INPUTS)
            call.in[i] = &slots[i];
        else
            call.out[i - NODE_MAX_INPUTS] = &slots[i];
    }
    return call;
}

/* Mean and rstd, inputs 3 and 4 of a norm's gradient or repetition, from the forward op. `x`: which
 * input x is. */
static mvad_status derive_moments(struct selftest_data *data, int x, mvad_error *error)
{
    struct reference_tensor *in = data->before;
    bool tokens = data->test->op == OP_LAYER_NORM_GRAD;
    struct reference_tensor y, beta, running_mean, running_var;
    bool complete = selftest_allocate(&data->shape.slot[x], &y);
    complete = selftest_allocate(&data->shape.slot[x + 1], &beta) && complete;
    complete = selftest_allocate(&data->shape.slot[x + 1], &running_mean) && complete;
    complete = selftest_allocate(&data->shape.slot[x + 1], &running_var) && complete;
    mvad_status status = MVAD_OK;
    if (complete) {
        for (int64_t i = 0; i < beta.dim[3]; i++)
            beta.real[i] = running_mean.real[i] = running_var.real[i] = 0;
        struct reference_call call = {.op = tokens ? OP_LAYER_NORM : OP_BATCH_NORM,
                                      .params = &data->shape.params};
        call.in[0] = &in[x];
        call.in[1] = &in[x + 1];
        call.in[2] = &beta;
        call.in[3] = &running_mean;
        call.in[4] = &running_var;
        call.out[0] = &y;
        call.out[1] = &in[3];
        call.out[2] = &in[4];
        status = reference_run(&call, error);
    } else {
        status =
            error_out_of_memory(error, "selftest", (size_t)reference_count(&y) * sizeof(double));
    }
    selftest_tensor_free(&y);
    selftest_tensor_free(&beta);
    selftest_tensor_free(&running_mean);
    selftest_tensor_free(&running_var);
    return status;
}

/* The indices of an attention: route on the window means of its q and k. */
static mvad_status derive_indices(struct selftest_data *data, struct reference_tensor *q,
                                  struct reference_tensor *k, struct reference_tensor *indices,
                                  mvad_error *error)
{
    const struct selftest_case *test = data->test;
    const union op_params params = {.window = {test->windows, test->views}};
    const struct slot mean = {.dim = {q->dim[0], test->windows, test->windows, q->dim[3]},
                              .content = CONTENT_RESULT};
    struct reference_tensor q_mean, k_mean;
    bool complete = selftest_allocate(&mean, &q_mean);
    complete = selftest_allocate(&mean, &k_mean) && complete;
    mvad_status status = MVAD_OK;
    if (complete) {
        struct reference_call q_call = {OP_WINDOW_MEAN, &params, {q}, {&q_mean}},
                              k_call = {OP_WINDOW_MEAN, &params, {k}, {&k_mean}};
        struct reference_call route = {OP_ROUTE, &params, {&q_mean, &k_mean}, {indices}};
        reference_run(&q_call, error);
        reference_run(&k_call, error);
        status = reference_run(&route, error);
    } else {
        status = error_out_of_memory(error, "selftest",
                                     (size_t)reference_count(&q_mean) * sizeof(double));
    }
    selftest_tensor_free(&q_mean);
    selftest_tensor_free(&k_mean);
    return status;
}

/* Inputs that must fit each other. */
static mvad_status derive(struct selftest_data *data, mvad_error *error)
{
    struct reference_tensor *in = data->before;
    switch (data->test->op) {
    case OP_BATCH_NORM_APPLY: return derive_moments(data, 0, error);
    case OP_BATCH_NORM_GRAD:
    case OP_LAYER_NORM_GRAD: return derive_moments(data, 1, error);
    case OP_ROUTED_ATTENTION: return derive_indices(data, &in[0], &in[1], &in[3], error);
    case OP_ROUTED_ATTENTION_GRAD: {
        mvad_status status = derive_indices(data, &in[1], &in[2], &in[4], error);
        struct reference_call call = {OP_ROUTED_ATTENTION,
                                      &data->shape.params,
                                      {&in[1], &in[2], &in[3], &in[4]},
                                      {&in[5], &in[6]}};
        return status ? status : reference_run(&call, error);
    }
    default: return MVAD_OK;
    }
}

/* Rows of a routing whose last selected and first rejected window are so close that rounding
 * decides. */
static mvad_status find_open_rows(struct selftest_data *data, mvad_error *error)
{
    const struct selftest_case *test = data->test;
    const struct reference_tensor *q = &data->before[0], *k = &data->before[1];
    int64_t windows = q->dim[1] * q->dim[2], rows = q->dim[0] * windows;
    data->open_rows = calloc((size_t)rows, 1);
    if (!data->open_rows) return error_out_of_memory(error, "selftest", (size_t)rows);
    if (test->flags & CASE_TIES)
        return MVAD_OK; /* the sums are exact, and so is the rule for equals */
    for (int64_t row = 0; row < rows; row++) {
        double gap;
        mvad_status status = reference_route_gap(q, k, test->views, test->topk, row / windows,
                                                 row % windows, &gap, error);
        if (status) return status;
        data->open_rows[row] = gap < 1e-5;
    }
    return MVAD_OK;
}

static bool fill_slots(struct selftest_data *data)
{
    for (int i = 0; i < SLOT_COUNT; i++) {
        const struct slot *slot = &data->shape.slot[i];
        struct reference_tensor *tensor = &data->before[i];
        bool output = i >= NODE_MAX_INPUTS;
        if (slot->content == CONTENT_ABSENT || (output && !slot->state)) continue;
        if (!selftest_allocate(slot, tensor)) return false;
        int source = i && data->shape.same_slot == i ? 0 : i;
        for (int64_t e = 0; e < reference_count(tensor); e++) {
            if (tensor->word)
                tensor->word[e] = (uint32_t)(data->seed >> (e % 2 * 32)) + (uint32_t)e;
            else if (tensor->real)
                tensor->real[e] = element(data, source, e);
        }
        round_to(selftest_slot_type(data, i), tensor);
    }
    return true;
}

/* The answer: a copy of every slot the node may change, and the node run on the copies. */
static mvad_status expect(struct selftest_data *data, mvad_error *error)
{
    struct reference_tensor slots[SLOT_COUNT];
    memcpy(slots, data->before, sizeof slots);
    for (int i = 0; i < SLOT_COUNT; i++) {
        const struct slot *slot = &data->shape.slot[i];
        if (slot->content == CONTENT_ABSENT || (i < NODE_MAX_INPUTS && !slot->state)) continue;
        if (!selftest_allocate(slot, &data->after[i]))
            return error_out_of_memory(error, "selftest", (size_t)slot->dim[0] * sizeof(double));
        if (slot->state)
            memcpy(data->after[i].real, data->before[i].real,
                   (size_t)reference_count(&data->after[i]) * sizeof(double));
        slots[i] = data->after[i];
    }
    struct reference_call call = call_on(data, data->test->op, slots);
    mvad_status status = reference_run(&call, error);
    const int result = NODE_MAX_INPUTS;
    if (data->test->op == OP_NARROW)
        round_to(selftest_slot_type(data, result), &data->after[result]);
    return status;
}

mvad_status selftest_prepare(const struct selftest_case *test, mvad_precision precision,
                             struct selftest_data **data, mvad_error *error)
{
    struct selftest_data *made = calloc(1, sizeof *made);
    *data = NULL;
    if (!made) return error_out_of_memory(error, "selftest", sizeof *made);
    mvad_status status = MVAD_OK;
    made->test = test;
    made->precision = precision;
    made->real = precision_dtype(precision);
    selftest_shape(test, &made->shape);
    selftest_name(test, made->name);
    made->seed = hash(made->name);
    if (!fill_slots(made)) {
        status = error_out_of_memory(error, "selftest", 0);
        goto cleanup;
    }
    status = derive(made, error);
    if (status) goto cleanup;
    for (int i = 0; i < SLOT_COUNT; i++) round_to(selftest_slot_type(made, i), &made->before[i]);
    if (test->op == OP_ROUTE) status = find_open_rows(made, error);
    if (!status) status = expect(made, error);
cleanup:
    if (status)
        selftest_data_free(made);
    else
        *data = made;
    return status;
}
