#include "core/graph/autodiff.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/graph/builder.h"

/* State of one differentiation: the graph being extended and, per forward value, its gradient so
 * far. */
struct pass {
    struct graph *graph;
    value_id *gradient;
    size_t forward_nodes;
};

static value_id new_value(struct graph *graph, value_id like)
{
    if (graph->error.status) return VALUE_NONE;
    int64_t dim[4];
    memcpy(dim, graph->values[like].dim, sizeof dim);
    return graph_add_value(graph, graph->values[like].dtype, SEGMENT_ARENA, dim, NULL);
}

static bool wants(const struct pass *pass, value_id id)
{
    return value_present(id) && pass->graph->values[id].needs_gradient;
}

/* Adds one reader's contribution to the gradient of `id`. */
static void contribute(struct pass *pass, value_id id, value_id contribution)
{
    if (pass->gradient[id] == VALUE_NONE) {
        pass->gradient[id] = contribution;
        return;
    }
    value_id sum = new_value(pass->graph, id);
    value_id in[2] = {pass->gradient[id], contribution};
    graph_emit(pass->graph, OP_ADD, NULL, 2, in, 1, &sum);
    pass->gradient[id] = sum;
}

/* The value in SEGMENT_GRADIENT a parameter's gradient accumulates in, VALUE_NONE for what is not
 * trained. */
static value_id parameter_gradient(struct pass *pass, value_id parameter)
{
    if (!value_present(parameter)) return VALUE_NONE;
    struct graph *graph = pass->graph;
    if (graph->values[parameter].segment != SEGMENT_TRAINABLE) return VALUE_NONE;
    if (pass->gradient[parameter] == VALUE_NONE) {
        struct value source = graph->values[parameter];
        value_id id = graph_add_value(graph, source.dtype, SEGMENT_GRADIENT, source.dim, NULL);
        if (id == VALUE_NONE) return VALUE_NONE;
        graph->values[id].offset = source.offset;
        pass->gradient[parameter] = id;
    }
    return pass->gradient[parameter];
}

/* The parameter a convolution's weight is, or is a 16-bit copy of. */
static value_id weight_source(const struct pass *pass, value_id w)
{
    for (size_t i = 0; i < pass->forward_nodes; i++) {
        const struct node *node = &pass->graph->nodes[i];
        if (node->op == OP_NARROW && node->out[0] == w) return node->in[0];
    }
    return w;
}

static void conv_rule(struct pass *pass, const struct node *node, value_id dy)
{
    bool transposed = node->op == OP_CONVT2X2;
    value_id x = node->in[0], w = node->in[1], bias = node->in[2];
    value_id parameters[2] = {parameter_gradient(pass, weight_source(pass, w)),
                              parameter_gradient(pass, bias)};
    /* The weight's gradient first: it is the last reader of x. */
    if (value_present(parameters[0]) || value_present(parameters[1]))
        graph_emit(pass->graph, transposed ? OP_CONVT2X2_GRAD_WEIGHT : OP_CONV2D_GRAD_WEIGHT,
                   &node->params, 2, (value_id[]){x, dy}, transposed ? 1 : 2, parameters);
    if (wants(pass, x)) {
        value_id dx = new_value(pass->graph, x);
        graph_emit(pass->graph, transposed ? OP_CONVT2X2_GRAD_INPUT : OP_CONV2D_GRAD_INPUT,
                   &node->params, 2, (value_id[]){dy, w}, 1, &dx);
        contribute(pass, x, dx);
    }
}

/* Batch and layer norm: both keep mean and rstd as their outputs 1 and 2. */
static void norm_rule(struct pass *pass, const struct node *node, value_id dy)
{
    value_id dx = new_value(pass->graph, node->in[0]);
    value_id in[5] = {dy, node->in[0], node->in[1], node->out[1], node->out[2]};
    value_id out[3] = {dx, parameter_gradient(pass, node->in[1]),
                       parameter_gradient(pass, node->in[2])};
    graph_emit(pass->graph, node->op == OP_BATCH_NORM ? OP_BATCH_NORM_GRAD : OP_LAYER_NORM_GRAD,
               &node->params, 5, in, 3, out);
    if (wants(pass, node->in[0])) contribute(pass, node->in[0], dx);
}

/* What tells where a ReLU was active: its output, or, where only a dropout reads that, the
 * dropout's output, so that one buffer serves both. Dropped elements look inactive there, and their
 * gradient is zero either way. */
static value_id relu_mask(const struct pass *pass, value_id y)
{
    value_id mask = y;
    int readers = 0;
    for (size_t i = 0; i < pass->forward_nodes; i++) {
        const struct node *node = &pass->graph->nodes[i];
        for (int j = 0; j < NODE_MAX_INPUTS; j++) {
            if (node->in[j] != y) continue;
            readers++;
            if (node->op == OP_DROPOUT && !node->params.dropout.per_image) mask = node->out[0];
        }
    }
    return readers == 1 ? mask : y;
}

static void elementwise_rule(struct pass *pass, const struct node *node, value_id dy)
{
    if (node->op == OP_ADD) {
        for (int i = 0; i < 2; i++)
            if (wants(pass, node->in[i])) contribute(pass, node->in[i], dy);
        return;
    }
    value_id dx = new_value(pass->graph, node->in[0]);
    if (node->op == OP_RELU)
        graph_emit(pass->graph, OP_RELU_GRAD, NULL, 2,
                   (value_id[]){dy, relu_mask(pass, node->out[0])}, 1, &dx);
    else
        graph_emit(pass->graph, OP_DROPOUT, &node->params, 2, (value_id[]){dy, node->in[1]}, 1, &dx);
    contribute(pass, node->in[0], dx);
}

static void attention_rule(struct pass *pass, const struct node *node, value_id dy)
{
    value_id in[7] = {dy,          node->in[0],  node->in[1], node->in[2],
                      node->in[3], node->out[0], node->out[1]};
    value_id out[3] = {new_value(pass->graph, node->in[0]), VALUE_NONE, VALUE_NONE};
    for (int i = 1; i < 3; i++)
        if (wants(pass, node->in[i])) out[i] = new_value(pass->graph, node->in[i]);
    graph_emit(pass->graph, OP_ROUTED_ATTENTION_GRAD, &node->params, 7, in, 3, out);
    for (int i = 0; i < 3; i++)
        if (wants(pass, node->in[i])) contribute(pass, node->in[i], out[i]);
}

static void unsupported(struct pass *pass, const struct node *node, const char *why)
{
    error_set(&pass->graph->error, MVAD_ERROR_UNSUPPORTED, "%s: %s", op_name(node->op), why);
}

static void mse_rule(struct pass *pass, const struct node *node, value_id dy)
{
    if (wants(pass, node->in[0])) {
        unsupported(pass, node, "no gradient for the target");
        return;
    }
    value_id dx = new_value(pass->graph, node->in[1]);
    graph_emit(pass->graph, OP_MSE_GRAD, &node->params, 3,
               (value_id[]){dy, node->in[0], node->in[1]}, 1, &dx);
    contribute(pass, node->in[1], dx);
}

static void differentiate_node(struct pass *pass, const struct node *node, value_id dy)
{
    switch (node->op) {
    case OP_CONV2D:
    case OP_CONVT2X2:
        if (node->params.conv2d.relu || value_present(node->in[3]))
            unsupported(pass, node, "differentiate before fusing");
        else
            conv_rule(pass, node, dy);
        break;
    case OP_BATCH_NORM:
        if (node->params.norm.relu || value_present(node->in[5]))
            unsupported(pass, node, "differentiate before fusing");
        else
            norm_rule(pass, node, dy);
        break;
    case OP_LAYER_NORM: norm_rule(pass, node, dy); break;
    case OP_ADD:
        if (node->params.add.relu)
            unsupported(pass, node, "differentiate before fusing");
        else if (memcmp(pass->graph->values[node->in[0]].dim, pass->graph->values[node->in[1]].dim,
                        sizeof(int64_t[4])) &&
                 wants(pass, node->in[1]))
            unsupported(pass, node, "no gradient for an operand added to every image");
        else
            elementwise_rule(pass, node, dy);
        break;
    case OP_RELU:
    case OP_DROPOUT: elementwise_rule(pass, node, dy); break;
    case OP_ROUTED_ATTENTION: attention_rule(pass, node, dy); break;
    case OP_MSE: mse_rule(pass, node, dy); break;
    default: unsupported(pass, node, "has no gradient"); break;
    }
}

/* The flat view of a whole parameter-shaped segment. */
static value_id flat_view(struct graph *graph, enum segment segment)
{
    const enum dtype wide = graph_wide(graph);
    int64_t elements = (int64_t)(graph->segment_bytes[SEGMENT_TRAINABLE] / dtype_bytes(wide));
    value_id id = graph_add_value(graph, wide, segment, (int64_t[4]){1, 1, 1, elements}, NULL);
    if (id == VALUE_NONE) return id;
    graph->values[id].offset = 0;
    graph->segment_bytes[segment] = graph->segment_bytes[SEGMENT_TRAINABLE];
    return id;
}

mvad_status graph_differentiate(struct graph *graph, value_id loss)
{
    if (graph->error.status) return graph->error.status;
    struct pass pass = {.graph = graph, .forward_nodes = graph->node_count};
    size_t forward_values = graph->value_count;
    if (!graph->values[loss].needs_gradient)
        return error_set(&graph->error, MVAD_ERROR_INVALID_ARGUMENT,
                         "differentiate: no trainable parameter feeds the loss");
    pass.gradient = malloc(forward_values * sizeof *pass.gradient);
    if (!pass.gradient) return error_out_of_memory(&graph->error, "differentiate", forward_values);
    for (size_t i = 0; i < forward_values; i++) pass.gradient[i] = VALUE_NONE;
    if (graph_layout(graph, &graph->error)) goto cleanup;

    graph_scope(graph, "backward");
    value_id all = flat_view(graph, SEGMENT_GRADIENT);
    graph_emit(graph, OP_FILL, NULL, 0, NULL, 1, &all);
    /* 16-bit gradients of the loss itself would vanish below 6e-8 (Micikevicius et al., "Mixed precision training",
     * 2018): they are those of the loss times a number from the host. */
    if (graph->real == DTYPE_F16) {
        pass.gradient[loss] =
            graph_input(graph, "loss_scale", graph_wide(graph), (int64_t[4]){1, 1, 1, 1});
    } else {
        const union op_params fill_one = {.fill = {.value = 1}};
        pass.gradient[loss] = new_value(graph, loss);
        graph_emit(graph, OP_FILL, &fill_one, 0, NULL, 1, &pass.gradient[loss]);
    }
    if (graph->error.status) goto cleanup;
    for (size_t i = pass.forward_nodes; i-- > 0 && !graph->error.status;) {
        struct node node = graph->nodes[i]; /* a copy: appending moves the array */
        if (node.op == OP_NARROW) continue;
        if (!value_present(node.out[0]) || !wants(&pass, node.out[0])) continue;
        value_id dy = pass.gradient[node.out[0]];
        if (value_present(dy)) differentiate_node(&pass, &node, dy);
    }
cleanup:
    graph->forward_node_count = pass.forward_nodes;
    free(pass.gradient);
    return graph->error.status;
}

mvad_status graph_append_adamw(struct graph *graph)
{
    size_t forward_nodes = graph->forward_node_count;
    value_id gradient = flat_view(graph, SEGMENT_GRADIENT);
    value_id state[3] = {flat_view(graph, SEGMENT_TRAINABLE), flat_view(graph, SEGMENT_MOMENT1),
                         flat_view(graph, SEGMENT_MOMENT2)};
    const enum dtype wide = graph_wide(graph);
    value_id norm = graph_add_value(graph, wide, SEGMENT_ARENA, (int64_t[4]){1, 1, 1, 1}, NULL);
    value_id hyper = graph_input(graph, "hyper", wide, (int64_t[4]){1, 1, 1, ADAMW_HYPER_COUNT});
    graph_scope(graph, "optimizer");
    graph_emit(graph, OP_NORM, NULL, 1, &gradient, 1, &norm);
    graph_emit(graph, OP_ADAMW, NULL, 3, (value_id[]){gradient, norm, hyper}, 3, state);
    graph_output(graph, norm, "gradient_norm");
    graph->forward_node_count = forward_nodes;
    return graph->error.status;
}

value_id graph_gradient_of(const struct graph *graph, value_id parameter)
{
    const struct value *source = &graph->values[parameter];
    for (size_t i = 0; i < graph->value_count; i++) {
        const struct value *value = &graph->values[i];
        if (value->segment == SEGMENT_GRADIENT && value->offset == source->offset &&
            !memcmp(value->dim, source->dim, sizeof value->dim))
            return (value_id)i;
    }
    return VALUE_NONE;
}
