#include "core/graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"

void graph_init(struct graph *graph, enum dtype real)
{
    *graph = (struct graph){.real = real};
}

void graph_free(struct graph *graph)
{
    for (size_t i = 0; i < graph->scope_count; i++) free(graph->scopes[i]);
    for (size_t i = 0; i < graph->name_count; i++) free(graph->names[i]);
    free(graph->scopes);
    free(graph->names);
    free(graph->folds);
    free(graph->values);
    free(graph->nodes);
    *graph = (struct graph){.real = graph->real};
}

mvad_status graph_status(const struct graph *graph, mvad_error *error)
{
    if (graph->error.status == MVAD_OK) return error_clear(error);
    return error_set(error, graph->error.status, "%s", graph->error.message);
}

size_t dtype_bytes(enum dtype dtype)
{
    return dtype == DTYPE_F64 ? 8 : dtype_is_16_bit(dtype) ? 2 : 4;
}

int64_t value_count_elements(const struct value *value)
{
    return value->dim[0] * value->dim[1] * value->dim[2] * value->dim[3];
}

size_t value_bytes(const struct value *value)
{
    return (size_t)value_count_elements(value) * dtype_bytes(value->dtype);
}

/* Copies a name into the graph's keeping. */
static const char *keep_name(struct graph *graph, const char *name)
{
    if (!memory_grow((void **)&graph->names, &graph->name_capacity, graph->name_count,
                     sizeof *graph->names))
        return NULL;
    char *copy = memory_copy_string(name);
    if (copy) graph->names[graph->name_count++] = copy;
    return copy;
}

value_id graph_add_value(struct graph *graph, enum dtype dtype, enum segment segment,
                         const int64_t dim[4], const char *name)
{
    if (graph->error.status) return VALUE_NONE;
    size_t bytes = dtype_bytes(dtype);
    for (int i = 0; i < 4; i++) {
        if (dim[i] < 1 || !size_multiply(bytes, (size_t)dim[i], &bytes) || bytes > SIZE_MAX / 4) {
            error_set(&graph->error, MVAD_ERROR_INVALID_ARGUMENT,
                      "%s: shape (%lld,%lld,%lld,%lld) is empty or too large", name ? name : "value",
                      (long long)dim[0], (long long)dim[1], (long long)dim[2], (long long)dim[3]);
            return VALUE_NONE;
        }
    }
    if (!memory_grow((void **)&graph->values, &graph->value_capacity, graph->value_count,
                     sizeof *graph->values) ||
        (name && !(name = keep_name(graph, name)))) {
        error_out_of_memory(&graph->error, "graph value", sizeof *graph->values);
        return VALUE_NONE;
    }
    graph->values[graph->value_count] = (struct value){
        .dim = {dim[0], dim[1], dim[2], dim[3]},
        .dtype = dtype,
        .segment = segment,
        .offset = OFFSET_UNUSED,
        .needs_gradient = segment == SEGMENT_TRAINABLE,
        .name = name,
    };
    return (value_id)graph->value_count++;
}

void graph_name(struct graph *graph, value_id id, const char *name)
{
    if (graph->error.status) return;
    const char *copy = keep_name(graph, name);
    if (copy)
        graph->values[id].name = copy;
    else
        error_out_of_memory(&graph->error, "graph name", strlen(name) + 1);
}

struct node *graph_add_node(struct graph *graph, enum op op)
{
    if (graph->error.status) return NULL;
    if (!graph->scope_count) graph_scope(graph, "");
    if (!memory_grow((void **)&graph->nodes, &graph->node_capacity, graph->node_count,
                     sizeof *graph->nodes)) {
        error_out_of_memory(&graph->error, "graph node", sizeof *graph->nodes);
        return NULL;
    }
    struct node *node = &graph->nodes[graph->node_count++];
    *node = (struct node){.op = op, .scope = (uint32_t)graph->scope_count - 1, .counted_repeat = 1};
    for (int i = 0; i < NODE_MAX_INPUTS; i++) node->in[i] = VALUE_NONE;
    for (int i = 0; i < NODE_MAX_OUTPUTS; i++) node->out[i] = VALUE_NONE;
    graph->forward_node_count = graph->node_count;
    return node;
}

void graph_scope(struct graph *graph, const char *name)
{
    if (graph->error.status) return;
    char *copy = NULL;
    if (!memory_grow((void **)&graph->scopes, &graph->scope_capacity, graph->scope_count,
                     sizeof *graph->scopes) ||
        !(copy = memory_copy_string(name))) {
        error_out_of_memory(&graph->error, "graph scope", strlen(name) + 1);
        return;
    }
    graph->scopes[graph->scope_count++] = copy;
}

void graph_compact(struct graph *graph)
{
    size_t kept = 0, forward = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op == OP_COUNT) continue;
        if (i < graph->forward_node_count) forward++;
        graph->nodes[kept++] = graph->nodes[i];
    }
    graph->node_count = kept;
    graph->forward_node_count = forward;
}

static void mark_used(const struct graph *graph, bool *used)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        for (int j = 0; j < NODE_MAX_INPUTS; j++)
            if (value_present(node->in[j])) used[node->in[j]] = true;
        for (int j = 0; j < NODE_MAX_OUTPUTS; j++)
            if (value_present(node->out[j])) used[node->out[j]] = true;
    }
    for (size_t i = 0; i < graph->value_count; i++)
        if (graph->values[i].output) used[i] = true;
}

mvad_status graph_layout(struct graph *graph, mvad_error *error)
{
    bool *used = calloc(graph->value_count + 1, sizeof *used);
    if (!used) return error_out_of_memory(error, "graph layout", graph->value_count);
    mark_used(graph, used);
    for (int s = 0; s < SEGMENT_COUNT; s++) {
        /* Gradients and moments have the parameters' offsets (core/graph/autodiff.c). */
        if (s == SEGMENT_ARENA || s == SEGMENT_GRADIENT || s == SEGMENT_MOMENT1 ||
            s == SEGMENT_MOMENT2)
            continue;
        size_t bytes = 0;
        for (size_t i = 0; i < graph->value_count; i++) {
            struct value *value = &graph->values[i];
            /* The flat view of all parameters is the one trainable value without a name. */
            if ((int)value->segment != s || (s == SEGMENT_TRAINABLE && !value->name)) continue;
            if (s != SEGMENT_TRAINABLE && !used[i]) {
                value->offset = OFFSET_UNUSED;
                continue;
            }
            value->offset = bytes;
            bytes += size_align(value_bytes(value), VALUE_ALIGNMENT);
        }
        graph->segment_bytes[s] = bytes;
    }
    free(used);
    return MVAD_OK;
}
