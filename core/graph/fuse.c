#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/graph/builder.h"
#include "core/graph/passes.h"

/* Who reads and who writes each value. */
struct uses {
    uint32_t *readers;  /* reads by nodes, plus one for an output of the graph */
    uint32_t *producer; /* index of the node, UINT32_MAX where there is none */
};

static mvad_status count_uses(struct graph *graph, struct uses *uses)
{
    size_t count = graph->value_count + 1;
    uses->readers = calloc(count, sizeof *uses->readers);
    uses->producer = malloc(count * sizeof *uses->producer);
    if (!uses->readers || !uses->producer)
        return error_out_of_memory(&graph->error, "fusion", count * sizeof *uses->readers);
    for (size_t i = 0; i < graph->value_count; i++) {
        uses->producer[i] = UINT32_MAX;
        uses->readers[i] = graph->values[i].output;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        for (int j = 0; j < NODE_MAX_INPUTS; j++)
            if (value_present(node->in[j])) uses->readers[node->in[j]]++;
        for (int j = 0; j < NODE_MAX_OUTPUTS; j++)
            if (value_present(node->out[j])) uses->producer[node->out[j]] = (uint32_t)i;
    }
    return MVAD_OK;
}

static bool is_constant(const struct graph *graph, value_id id)
{
    return value_present(id) && graph->values[id].segment == SEGMENT_CONSTANT;
}

/* The node whose first output is `id` and has no other reader; NULL where there is none. */
static struct node *sole_producer(struct graph *graph, const struct uses *uses, value_id id)
{
    if (!value_present(id) || uses->readers[id] != 1) return NULL;
    uint32_t producer = uses->producer[id];
    if (producer == UINT32_MAX || graph->nodes[producer].out[0] != id) return NULL;
    return graph->nodes[producer].op == OP_COUNT ? NULL : &graph->nodes[producer];
}

/* Folds the batch norm at `index` into the convolution before it. */
static mvad_status fold_batch_norm(struct graph *graph, const struct uses *uses, size_t index)
{
    struct node norm = graph->nodes[index];
    struct node *conv = sole_producer(graph, uses, norm.in[0]);
    if (!conv || (conv->op != OP_CONV2D && conv->op != OP_CONVT2X2)) return MVAD_OK;
    if (conv->params.conv2d.relu || value_present(conv->in[3])) return MVAD_OK;
    if (!is_constant(graph, conv->in[1]) ||
        (value_present(conv->in[2]) && !is_constant(graph, conv->in[2])))
        return MVAD_OK;
    for (int i = 1; i < 5; i++)
        if (!is_constant(graph, norm.in[i])) return MVAD_OK;

    struct fold fold = {
        .source_weight = conv->in[1],
        .source_bias = conv->in[2],
        .gamma = norm.in[1],
        .beta = norm.in[2],
        .mean = norm.in[3],
        .var = norm.in[4],
        .eps = norm.params.norm.eps,
        .output_channels_last = conv->op == OP_CONVT2X2,
    };
    int64_t weight_dim[4], bias_dim[4];
    memcpy(weight_dim, graph->values[fold.source_weight].dim, sizeof weight_dim);
    memcpy(bias_dim, graph->values[fold.gamma].dim, sizeof bias_dim);
    char name[256];
    snprintf(name, sizeof name, "folded weight:%s", graph->values[fold.source_weight].name);
    fold.weight = graph_constant(graph, name, weight_dim);
    snprintf(name, sizeof name, "folded bias:%s", graph->values[fold.source_weight].name);
    fold.bias = graph_constant_wide(graph, name, bias_dim);
    if (graph->error.status) return graph->error.status;
    if (!memory_grow((void **)&graph->folds, &graph->fold_capacity, graph->fold_count,
                     sizeof *graph->folds))
        return error_out_of_memory(&graph->error, "fold", sizeof *graph->folds);
    graph->folds[graph->fold_count++] = fold;
    conv->in[1] = fold.weight;
    conv->in[2] = fold.bias;
    conv->in[3] = norm.in[5];
    conv->params.conv2d.relu = norm.params.norm.relu;
    conv->out[0] = norm.out[0];
    uses->producer[norm.out[0]] = uses->producer[norm.in[0]];
    graph->nodes[index].op = OP_COUNT;
    return MVAD_OK;
}

/* Where a node keeps its epilogue: the input slot of the residual and the ReLU flag. False for ops
 * without one. */
static bool epilogue_of(struct node *node, int *residual, bool **relu)
{
    switch (node->op) {
    case OP_CONV2D:
    case OP_CONVT2X2:
        *residual = 3;
        *relu = &node->params.conv2d.relu;
        return true;
    case OP_BATCH_NORM:
    case OP_BATCH_NORM_EVAL:
        *residual = 5;
        *relu = &node->params.norm.relu;
        return true;
    case OP_ADD:
        *residual = -1;
        *relu = &node->params.add.relu;
        return true;
    default: return false;
    }
}

/* Moves `producer` to the place of the node at `index`, with that node's output: everything it
 * reads is there by then. */
static void absorb(struct graph *graph, struct uses *uses, struct node *producer, size_t index)
{
    value_id out = graph->nodes[index].out[0];
    producer->out[0] = out;
    graph->nodes[index] = *producer;
    producer->op = OP_COUNT;
    for (int j = 0; j < NODE_MAX_OUTPUTS; j++)
        if (value_present(graph->nodes[index].out[j]))
            uses->producer[graph->nodes[index].out[j]] = (uint32_t)index;
}

static void fuse_relu(struct graph *graph, struct uses *uses, size_t index)
{
    struct node *producer = sole_producer(graph, uses, graph->nodes[index].in[0]);
    int residual;
    bool *relu;
    if (!producer || !epilogue_of(producer, &residual, &relu) || *relu) return;
    *relu = true;
    absorb(graph, uses, producer, index);
}

static void fuse_add(struct graph *graph, struct uses *uses, size_t index)
{
    const struct node *add = &graph->nodes[index];
    if (add->params.add.relu) return;
    if (memcmp(graph->values[add->in[0]].dim, graph->values[add->in[1]].dim, sizeof(int64_t[4])))
        return;
    /* Of two candidates the later one: moving it keeps fewer values alive. */
    struct node *best = NULL;
    value_id other = VALUE_NONE;
    for (int i = 0; i < 2; i++) {
        struct node *producer = sole_producer(graph, uses, add->in[i]);
        int residual;
        bool *relu;
        if (!producer || !epilogue_of(producer, &residual, &relu) || *relu) continue;
        if (residual < 0 || value_present(producer->in[residual])) continue;
        if (best && producer < best) continue;
        best = producer;
        other = add->in[1 - i];
    }
    if (!best) return;
    int residual = 0;
    bool *relu;
    epilogue_of(best, &residual, &relu);
    best->in[residual] = other;
    absorb(graph, uses, best, index);
}

static void drop_unread_outputs(struct graph *graph, const struct uses *uses)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        struct node *node = &graph->nodes[i];
        if (node->op != OP_LAYER_NORM && node->op != OP_ROUTED_ATTENTION) continue;
        for (int j = 1; j < NODE_MAX_OUTPUTS; j++)
            if (value_present(node->out[j]) && !uses->readers[node->out[j]])
                node->out[j] = VALUE_NONE;
    }
}

mvad_status graph_fuse(struct graph *graph)
{
    if (graph->error.status) return graph->error.status;
    struct uses uses = {0};
    if (count_uses(graph, &uses)) goto cleanup;
    for (size_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].op == OP_BATCH_NORM_EVAL && fold_batch_norm(graph, &uses, i))
            goto cleanup;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op == OP_ADD) fuse_add(graph, &uses, i);
        if (graph->nodes[i].op == OP_RELU) fuse_relu(graph, &uses, i);
    }
    drop_unread_outputs(graph, &uses);
    graph_compact(graph);
cleanup:
    free(uses.readers);
    free(uses.producer);
    return graph->error.status;
}

void fold_compute(const struct graph *graph, const struct fold *fold, const double *source_weight,
                  const double *source_bias, const double *gamma, const double *beta,
                  const double *mean, const double *var, double *weight, double *bias)
{
    const int64_t *dim = graph->values[fold->weight].dim;
    int64_t outputs = fold->output_channels_last ? dim[3] : dim[0];
    int64_t count = dim[0] * dim[1] * dim[2] * dim[3], per_output = count / outputs;
    for (int64_t i = 0; i < count; i++) {
        int64_t o = fold->output_channels_last ? i % outputs : i / per_output;
        weight[i] = source_weight[i] * gamma[o] / sqrt(var[o] + fold->eps);
    }
    for (int64_t o = 0; o < outputs; o++)
        bias[o] = beta[o] + ((source_bias ? source_bias[o] : 0) - mean[o]) * gamma[o] /
                                sqrt(var[o] + fold->eps);
}
