#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/graph/passes.h"

/* The rewritten node list is built beside the old one: forward nodes are copied, and before a
 * backward node come the clones of what it reads. */
struct rewrite {
    struct graph *graph;
    struct node *nodes;
    size_t count, capacity;
    uint32_t *
        producer; /* per value of the original graph: index of its forward node, UINT32_MAX otherwise */
    value_id *clone; /* per value: its recomputed twin, VALUE_NONE until there is one */
    size_t values;   /* of the original graph */
    enum recompute what;
};

static bool push(struct rewrite *rewrite, const struct node *node)
{
    if (rewrite->count == rewrite->capacity) {
        size_t capacity = rewrite->capacity * 2 + 64;
        struct node *grown = realloc(rewrite->nodes, capacity * sizeof *grown);
        if (!grown) {
            error_out_of_memory(&rewrite->graph->error, "recompute", capacity * sizeof *grown);
            return false;
        }
        rewrite->nodes = grown;
        rewrite->capacity = capacity;
    }
    rewrite->nodes[rewrite->count++] = *node;
    return true;
}

/* A value with a residual is never one of them: computing it again would mean computing the whole
 * chain of residuals before it, and so is only the sum of an image and a constant, not that of two
 * images. */
static bool is_cheap(const struct rewrite *rewrite, const struct node *node)
{
    const struct value *values = rewrite->graph->values;
    switch (node->op) {
    case OP_LAYER_NORM: return true;
    case OP_ADD: return values[node->in[1]].segment == SEGMENT_CONSTANT;
    default: break;
    }
    if (rewrite->what == RECOMPUTE_SUMS) return false;
    switch (node->op) {
    case OP_DROPOUT:
    case OP_NARROW:
    case OP_RELU: return true;
    case OP_BATCH_NORM: return !value_present(node->in[5]);
    case OP_CONV2D: {
        const int64_t *w = values[node->in[1]].dim;
        return !value_present(node->in[3]) && w[1] * w[2] == 1 && node->params.conv2d.stride == 1;
    }
    default: return false;
    }
}

/* The forward node that can compute `id` again, or NULL. */
static const struct node *cheap_producer(const struct rewrite *rewrite, value_id id)
{
    if (!value_present(id) || id >= rewrite->values || rewrite->producer[id] == UINT32_MAX)
        return NULL;
    const struct graph *graph = rewrite->graph;
    const struct node *node = &graph->nodes[rewrite->producer[id]];
    if (graph->values[id].output || node->out[0] != id || !is_cheap(rewrite, node)) return NULL;
    return node;
}

/* The value to read in the backward pass in place of `id`: itself where it is kept, else its clone,
 * emitted here with the clones it needs in turn. */
static value_id available(struct rewrite *rewrite, value_id id)
{
    const struct node *producer = cheap_producer(rewrite, id);
    if (!producer) return id;
    if (value_present(rewrite->clone[id])) return rewrite->clone[id];
    struct node clone = *producer;
    for (int i = 0; i < NODE_MAX_INPUTS; i++)
        if (value_present(clone.in[i])) clone.in[i] = available(rewrite, clone.in[i]);
    for (int i = 0; i < NODE_MAX_OUTPUTS; i++) clone.out[i] = VALUE_NONE;
    if (producer->op == OP_BATCH_NORM) {
        clone.op = OP_BATCH_NORM_APPLY;
        clone.in[3] = producer->out[1];
        clone.in[4] = producer->out[2];
    }
    int64_t dim[4];
    memcpy(dim, rewrite->graph->values[id].dim, sizeof dim);
    clone.out[0] =
        graph_add_value(rewrite->graph, rewrite->graph->values[id].dtype, SEGMENT_ARENA, dim, NULL);
    clone.counted_repeat = 0;
    if (clone.out[0] == VALUE_NONE || !push(rewrite, &clone)) return id;
    return rewrite->clone[id] = clone.out[0];
}

mvad_status graph_recompute(struct graph *graph, enum recompute what)
{
    if (graph->error.status) return graph->error.status;
    struct rewrite rewrite = {.graph = graph, .values = graph->value_count, .what = what};
    size_t forward = graph->forward_node_count, backward_start = 0;
    rewrite.producer = malloc((rewrite.values + 1) * sizeof *rewrite.producer);
    rewrite.clone = malloc((rewrite.values + 1) * sizeof *rewrite.clone);
    if (!rewrite.producer || !rewrite.clone) {
        error_out_of_memory(&graph->error, "recompute", rewrite.values * sizeof *rewrite.clone);
        goto cleanup;
    }
    for (size_t i = 0; i < rewrite.values; i++) {
        rewrite.producer[i] = UINT32_MAX;
        rewrite.clone[i] = VALUE_NONE;
    }
    for (size_t i = 0; i < forward; i++) {
        for (int j = 0; j < NODE_MAX_OUTPUTS; j++)
            if (value_present(graph->nodes[i].out[j]))
                rewrite.producer[graph->nodes[i].out[j]] = (uint32_t)i;
        if (!push(&rewrite, &graph->nodes[i])) goto cleanup;
    }
    backward_start = rewrite.count;
    for (size_t i = forward; i < graph->node_count && !graph->error.status; i++) {
        struct node node = graph->nodes[i];
        for (int j = 0; j < NODE_MAX_INPUTS; j++)
            if (value_present(node.in[j])) node.in[j] = available(&rewrite, node.in[j]);
        push(&rewrite, &node);
    }
    if (graph->error.status) goto cleanup;
    free(graph->nodes);
    graph->nodes = rewrite.nodes;
    graph->node_count = rewrite.count;
    graph->node_capacity = rewrite.capacity;
    graph->forward_node_count = backward_start;
    rewrite.nodes = NULL;
cleanup:
    free(rewrite.nodes);
    free(rewrite.producer);
    free(rewrite.clone);
    return graph->error.status;
}
