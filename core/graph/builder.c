#include "core/graph/builder.h"

#include <string.h>

#include "core/base/error.h"

static value_id fail(struct graph *graph, enum op op, const char *rule)
{
    if (!graph->error.status)
        error_set(&graph->error, MVAD_ERROR_INVALID_ARGUMENT, "%s: %s (in %s)", op_name(op), rule,
                  graph->scope_count ? graph->scopes[graph->scope_count - 1] : "graph");
    return VALUE_NONE;
}

/* The dimensions of a value; zeros where the graph has already failed, so that callers need no
 * check of their own. */
static const int64_t *dims(const struct graph *graph, value_id id)
{
    static const int64_t none[4];
    return id < graph->value_count ? graph->values[id].dim : none;
}

static bool same_shape(const struct graph *graph, value_id a, value_id b)
{
    return !memcmp(dims(graph, a), dims(graph, b), 4 * sizeof(int64_t));
}

/* (1,1,1,c) of the wide type? */
static bool is_vector(const struct graph *graph, value_id id, int64_t c)
{
    const int64_t *d = dims(graph, id);
    return d[0] == 1 && d[1] == 1 && d[2] == 1 && d[3] == c &&
           graph->values[id].dtype == graph_wide(graph);
}

static bool is_real(enum dtype dtype)
{
    return dtype != DTYPE_I32 && dtype != DTYPE_U32;
}

/* Whether a node may have this value where the op's contract has the real or the wide type. */
static bool type_fits(const struct graph *graph, value_id id, bool wide)
{
    if (!value_present(id) || !is_real(graph->values[id].dtype)) return true;
    return graph->values[id].dtype == (wide ? graph_wide(graph) : graph->real);
}

bool graph_emit(struct graph *graph, enum op op, const union op_params *params, int inputs,
                const value_id *in, int outputs, const value_id *out)
{
    if (graph->error.status) return false;
    bool fit = true;
    if (op == OP_ADD) {
        const enum dtype dtype = graph->values[out[0]].dtype;
        for (int i = 0; i < 2; i++) fit &= graph->values[in[i]].dtype == dtype;
    } else {
        for (int i = 0; i < inputs; i++) fit &= type_fits(graph, in[i], op_input_is_wide(op, i));
        for (int i = 0; i < outputs; i++) fit &= type_fits(graph, out[i], op_output_is_wide(op, i));
    }
    if (!fit) {
        fail(graph, op, "a value is stored in another type than the op's");
        return false;
    }
    struct node *node = graph_add_node(graph, op);
    if (!node) return false;
    if (params) node->params = *params;
    bool needs = false;
    for (int i = 0; i < inputs; i++) {
        node->in[i] = in[i];
        if (value_present(in[i])) needs |= graph->values[in[i]].needs_gradient;
    }
    for (int i = 0; i < outputs; i++) {
        node->out[i] = out[i];
        struct value *value = value_present(out[i]) ? &graph->values[out[i]] : NULL;
        if (value && value->segment == SEGMENT_ARENA && is_real(value->dtype))
            value->needs_gradient = needs;
    }
    return true;
}

/* A computed value as output `index` of an op. */
static value_id add_output(struct graph *graph, enum op op, int index, const int64_t dim[4])
{
    const enum dtype dtype = op_output_is_wide(op, index) ? graph_wide(graph) : graph->real;
    return graph_add_value(graph, dtype, SEGMENT_ARENA, dim, NULL);
}

/* One node with one computed output. */
static value_id emit1(struct graph *graph, enum op op, union op_params params, int inputs,
                      const value_id *in, const int64_t dim[4])
{
    value_id out = add_output(graph, op, 0, dim);
    return graph_emit(graph, op, &params, inputs, in, 1, &out) ? out : VALUE_NONE;
}

value_id graph_input(struct graph *graph, const char *name, enum dtype dtype, const int64_t dim[4])
{
    return graph_add_value(graph, dtype, SEGMENT_INPUT, dim, name);
}

value_id graph_constant(struct graph *graph, const char *name, const int64_t dim[4])
{
    return graph_add_value(graph, graph->real, SEGMENT_CONSTANT, dim, name);
}

value_id graph_constant_wide(struct graph *graph, const char *name, const int64_t dim[4])
{
    return graph_add_value(graph, graph_wide(graph), SEGMENT_CONSTANT, dim, name);
}

value_id graph_trainable(struct graph *graph, const char *name, const int64_t dim[4])
{
    return graph_add_value(graph, graph_wide(graph), SEGMENT_TRAINABLE, dim, name);
}

value_id graph_statistic(struct graph *graph, const char *name, const int64_t dim[4])
{
    return graph_add_value(graph, graph_wide(graph), SEGMENT_STATISTIC, dim, name);
}

value_id graph_random(struct graph *graph)
{
    value_id id = graph_find(graph, "random");
    return value_present(id) ? id
                             : graph_input(graph, "random", DTYPE_U32, (int64_t[4]){1, 1, 1, 4});
}

void graph_output(struct graph *graph, value_id id, const char *name)
{
    if (graph->error.status) return;
    graph->values[id].output = true;
    graph_name(graph, id, name);
}

value_id graph_find(const struct graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->value_count; i++)
        if (graph->values[i].name && !strcmp(graph->values[i].name, name)) return (value_id)i;
    return VALUE_NONE;
}

value_id graph_narrow(struct graph *graph, value_id x)
{
    if (graph->error.status || graph->values[x].dtype == graph->real) return x;
    int64_t dim[4];
    memcpy(dim, dims(graph, x), sizeof dim);
    return emit1(graph, OP_NARROW, (union op_params){0}, 1, &x, dim);
}

value_id graph_conv2d(struct graph *graph, value_id x, value_id w, value_id bias, int32_t stride,
                      int32_t pad)
{
    const int64_t *xd = dims(graph, x), *wd = dims(graph, w);
    if (graph->error.status) return VALUE_NONE;
    if (stride < 1 || pad < 0) return fail(graph, OP_CONV2D, "stride must be positive, pad >= 0");
    if (xd[3] != wd[3]) return fail(graph, OP_CONV2D, "channels of input and weight differ");
    if (value_present(bias) && !is_vector(graph, bias, wd[0]))
        return fail(graph, OP_CONV2D, "bias must have one element an output channel");
    if (xd[1] + 2 * pad < wd[1] || xd[2] + 2 * pad < wd[2])
        return fail(graph, OP_CONV2D, "kernel larger than the padded image");
    int64_t dim[4] = {xd[0], (xd[1] + 2 * pad - wd[1]) / stride + 1,
                      (xd[2] + 2 * pad - wd[2]) / stride + 1, wd[0]};
    union op_params params = {.conv2d = {.stride = stride, .pad = pad}};
    return emit1(graph, OP_CONV2D, params, 3, (value_id[]){x, w, bias}, dim);
}

value_id graph_convt2x2(struct graph *graph, value_id x, value_id w)
{
    const int64_t *xd = dims(graph, x), *wd = dims(graph, w);
    if (graph->error.status) return VALUE_NONE;
    if (xd[3] != wd[0] || wd[1] != 2 || wd[2] != 2)
        return fail(graph, OP_CONVT2X2, "weight must be (channels of input, 2, 2, output channels)");
    int64_t dim[4] = {xd[0], 2 * xd[1], 2 * xd[2], wd[3]};
    union op_params params = {.conv2d = {.stride = 2}};
    return emit1(graph, OP_CONVT2X2, params, 2, (value_id[]){x, w}, dim);
}

static bool norm_inputs_fit(const struct graph *graph, value_id x, struct batch_norm_inputs in)
{
    int64_t c = dims(graph, x)[3];
    return is_vector(graph, in.gamma, c) && is_vector(graph, in.beta, c) &&
           is_vector(graph, in.mean, c) && is_vector(graph, in.var, c);
}

value_id graph_batch_norm(struct graph *graph, value_id x, struct batch_norm_inputs inputs,
                          double eps, double momentum)
{
    if (graph->error.status) return VALUE_NONE;
    if (!norm_inputs_fit(graph, x, inputs))
        return fail(graph, OP_BATCH_NORM, "parameters must have one element a channel");
    int64_t dim[4], vector[4] = {1, 1, 1, dims(graph, x)[3]};
    memcpy(dim, dims(graph, x), sizeof dim);
    value_id out[3] = {add_output(graph, OP_BATCH_NORM, 0, dim),
                       add_output(graph, OP_BATCH_NORM, 1, vector),
                       add_output(graph, OP_BATCH_NORM, 2, vector)};
    union op_params params = {.norm = {.eps = eps, .momentum = momentum}};
    value_id in[5] = {x, inputs.gamma, inputs.beta, inputs.mean, inputs.var};
    return graph_emit(graph, OP_BATCH_NORM, &params, 5, in, 3, out) ? out[0] : VALUE_NONE;
}

value_id graph_batch_norm_eval(struct graph *graph, value_id x, struct batch_norm_inputs inputs,
                               double eps)
{
    if (graph->error.status) return VALUE_NONE;
    if (!norm_inputs_fit(graph, x, inputs))
        return fail(graph, OP_BATCH_NORM_EVAL, "parameters must have one element a channel");
    int64_t dim[4];
    memcpy(dim, dims(graph, x), sizeof dim);
    union op_params params = {.norm = {.eps = eps}};
    return emit1(graph, OP_BATCH_NORM_EVAL, params, 5,
                 (value_id[]){x, inputs.gamma, inputs.beta, inputs.mean, inputs.var}, dim);
}

value_id graph_layer_norm(struct graph *graph, value_id x, value_id gamma, value_id beta, double eps)
{
    if (graph->error.status) return VALUE_NONE;
    int64_t dim[4];
    memcpy(dim, dims(graph, x), sizeof dim);
    if (!is_vector(graph, gamma, dim[3]) || !is_vector(graph, beta, dim[3]))
        return fail(graph, OP_LAYER_NORM, "parameters must have one element a channel");
    int64_t token[4] = {dim[0], dim[1], dim[2], 1};
    value_id out[3] = {add_output(graph, OP_LAYER_NORM, 0, dim),
                       add_output(graph, OP_LAYER_NORM, 1, token),
                       add_output(graph, OP_LAYER_NORM, 2, token)};
    union op_params params = {.norm = {.eps = eps}};
    value_id in[3] = {x, gamma, beta};
    return graph_emit(graph, OP_LAYER_NORM, &params, 3, in, 3, out) ? out[0] : VALUE_NONE;
}

value_id graph_add(struct graph *graph, value_id a, value_id b)
{
    if (graph->error.status) return VALUE_NONE;
    int64_t dim[4], expected[4];
    memcpy(dim, dims(graph, a), sizeof dim);
    memcpy(expected, dim, sizeof dim);
    if (dims(graph, b)[0] == 1) expected[0] = 1;
    if (memcmp(dims(graph, b), expected, sizeof expected))
        return fail(graph, OP_ADD, "shapes differ in more than the number of images");
    value_id y = graph_add_value(graph, graph->values[a].dtype, SEGMENT_ARENA, dim, NULL);
    const union op_params params = {0};
    return graph_emit(graph, OP_ADD, &params, 2, (value_id[]){a, b}, 1, &y) ? y : VALUE_NONE;
}

value_id graph_relu(struct graph *graph, value_id x)
{
    if (graph->error.status) return VALUE_NONE;
    int64_t dim[4];
    memcpy(dim, dims(graph, x), sizeof dim);
    return emit1(graph, OP_RELU, (union op_params){0}, 1, &x, dim);
}

value_id graph_dropout(struct graph *graph, value_id x, double p, bool per_image)
{
    if (graph->error.status || p == 0) return x;
    if (!(p > 0 && p < 1)) return fail(graph, OP_DROPOUT, "probability must be in [0, 1)");
    int64_t dim[4];
    memcpy(dim, dims(graph, x), sizeof dim);
    value_id random = graph_random(graph);
    union op_params params = {
        .dropout = {.p = p, .salt = graph->next_salt++, .per_image = per_image}};
    return emit1(graph, OP_DROPOUT, params, 2, (value_id[]){x, random}, dim);
}

value_id graph_max_pool(struct graph *graph, value_id x)
{
    if (graph->error.status) return VALUE_NONE;
    const int64_t *xd = dims(graph, x);
    int64_t dim[4] = {xd[0], (xd[1] + 1) / 2, (xd[2] + 1) / 2, xd[3]};
    return emit1(graph, OP_MAX_POOL, (union op_params){0}, 1, &x, dim);
}

value_id graph_window_mean(struct graph *graph, value_id x, int32_t windows)
{
    if (graph->error.status) return VALUE_NONE;
    const int64_t *xd = dims(graph, x);
    if (windows < 1) return fail(graph, OP_WINDOW_MEAN, "windows must be positive");
    int64_t dim[4] = {xd[0], windows, windows, xd[3]};
    union op_params params = {.window = {.windows = windows}};
    return emit1(graph, OP_WINDOW_MEAN, params, 1, &x, dim);
}

value_id graph_route(struct graph *graph, value_id q, value_id k, int32_t views, int32_t topk)
{
    if (graph->error.status) return VALUE_NONE;
    const int64_t *qd = dims(graph, q);
    if (!same_shape(graph, q, k) || qd[1] != qd[2])
        return fail(graph, OP_ROUTE, "queries and keys must be window means of one shape");
    if (views < 1 || qd[0] % views) return fail(graph, OP_ROUTE, "images must be whole samples");
    if (topk < 1) return fail(graph, OP_ROUTE, "top-K must be positive");
    int64_t candidates = (views > 1 ? views - 1 : 1) * qd[1] * qd[2];
    int64_t dim[4] = {qd[0], qd[1] * qd[2], topk < candidates ? topk : candidates, 1};
    union op_params params = {.window = {.windows = (int32_t)qd[1], .views = views}};
    value_id out = graph_add_value(graph, DTYPE_I32, SEGMENT_ARENA, dim, NULL);
    return graph_emit(graph, OP_ROUTE, &params, 2, (value_id[]){q, k}, 1, &out) ? out : VALUE_NONE;
}

value_id graph_routed_attention(struct graph *graph, value_id q, value_id k, value_id v,
                                value_id indices, struct attention_params params)
{
    if (graph->error.status) return VALUE_NONE;
    int64_t dim[4];
    memcpy(dim, dims(graph, q), sizeof dim);
    if (!same_shape(graph, q, k) || !same_shape(graph, q, v))
        return fail(graph, OP_ROUTED_ATTENTION, "queries, keys and values must have one shape");
    if (params.heads < 1 || dim[3] % params.heads)
        return fail(graph, OP_ROUTED_ATTENTION, "heads must divide the channels");
    if (params.views < 1 || dim[0] % params.views)
        return fail(graph, OP_ROUTED_ATTENTION, "images must be whole samples");
    if (dims(graph, indices)[0] != dim[0] ||
        dims(graph, indices)[1] != (int64_t)params.windows * params.windows)
        return fail(graph, OP_ROUTED_ATTENTION, "indices must be (images, windows, K, 1)");
    int64_t lse[4] = {dim[0], dim[1], dim[2], params.heads};
    value_id out[2] = {add_output(graph, OP_ROUTED_ATTENTION, 0, dim),
                       add_output(graph, OP_ROUTED_ATTENTION, 1, lse)};
    union op_params node_params = {.attention = params};
    value_id in[4] = {q, k, v, indices};
    return graph_emit(graph, OP_ROUTED_ATTENTION, &node_params, 4, in, 2, out) ? out[0]
                                                                               : VALUE_NONE;
}

value_id graph_mse(struct graph *graph, value_id target, value_id x, double weight)
{
    if (graph->error.status) return VALUE_NONE;
    if (!same_shape(graph, target, x)) return fail(graph, OP_MSE, "shapes differ");
    union op_params params = {.mse = {.weight = weight}};
    return emit1(graph, OP_MSE, params, 2, (value_id[]){target, x}, (int64_t[4]){1, 1, 1, 1});
}

value_id graph_cosine_map(struct graph *graph, value_id t, value_id s, double eps)
{
    if (graph->error.status) return VALUE_NONE;
    if (!same_shape(graph, t, s)) return fail(graph, OP_COSINE_MAP, "shapes differ");
    const int64_t *td = dims(graph, t);
    int64_t dim[4] = {td[0], td[1], td[2], 1};
    union op_params params = {.norm = {.eps = eps}};
    return emit1(graph, OP_COSINE_MAP, params, 2, (value_id[]){t, s}, dim);
}

value_id graph_resize(struct graph *graph, value_id x, int64_t height, int64_t width, double scale,
                      value_id addend)
{
    if (graph->error.status) return VALUE_NONE;
    const int64_t *xd = dims(graph, x);
    int64_t dim[4] = {xd[0], height, width, xd[3]};
    if (value_present(addend) && memcmp(dims(graph, addend), dim, sizeof dim))
        return fail(graph, OP_RESIZE, "addend must have the output's shape");
    union op_params params = {.resize = {.scale = scale}};
    return emit1(graph, OP_RESIZE, params, 2, (value_id[]){x, addend}, dim);
}

value_id graph_gaussian_blur(struct graph *graph, value_id x, double sigma)
{
    if (graph->error.status) return VALUE_NONE;
    if (dims(graph, x)[3] != 1) return fail(graph, OP_GAUSSIAN_BLUR, "needs one channel");
    if (!(sigma > 0)) return fail(graph, OP_GAUSSIAN_BLUR, "sigma must be positive");
    int64_t dim[4];
    memcpy(dim, dims(graph, x), sizeof dim);
    union op_params params = {.blur = {.sigma = sigma}};
    return emit1(graph, OP_GAUSSIAN_BLUR, params, 1, &x, dim);
}

value_id graph_max(struct graph *graph, value_id x)
{
    if (graph->error.status) return VALUE_NONE;
    int64_t dim[4] = {dims(graph, x)[0], 1, 1, 1};
    return emit1(graph, OP_MAX, (union op_params){0}, 1, &x, dim);
}
