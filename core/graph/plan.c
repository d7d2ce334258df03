#include "core/graph/plan.h"

#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/memory.h"

static uint32_t alias_root(const struct plan_block *blocks, uint32_t index)
{
    while (blocks[index].alias != PLAN_NONE) index = blocks[index].alias;
    return index;
}

struct order {
    size_t bytes;
    uint32_t first, index;
};

static int largest_first(const void *left, const void *right)
{
    const struct order *a = left, *b = right;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* A placed block, kept sorted by offset. */
struct placed {
    size_t begin, end;
    uint32_t first, last;
};

/* The lowest offset where `bytes` fit beside every placed block that lives at the same time. */
static size_t lowest_gap(const struct placed *placed, size_t count, size_t bytes, uint32_t first,
                         uint32_t last)
{
    size_t candidate = 0;
    for (size_t i = 0; i < count; i++) {
        if (placed[i].last < first || placed[i].first > last) continue;
        if (placed[i].begin >= candidate && placed[i].begin - candidate >= bytes) break;
        if (placed[i].end > candidate) candidate = placed[i].end;
    }
    return candidate;
}

mvad_status plan_blocks(struct plan_block *blocks, size_t count, size_t *bytes, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    struct order *order = malloc((count + 1) * sizeof *order);
    struct placed *placed = malloc((count + 1) * sizeof *placed);
    uint32_t *last = malloc((count + 1) * sizeof *last); /* of a root, with all that alias it */
    size_t wanted = 0, done = 0, arena = 0;
    if (!order || !placed || !last) {
        status = error_out_of_memory(error, "memory plan", count * sizeof *order);
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) last[i] = blocks[i].last;
    for (size_t i = 0; i < count; i++) {
        uint32_t root = alias_root(blocks, (uint32_t)i);
        if (root != i && blocks[i].bytes > blocks[root].bytes) {
            status = error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                               "memory plan: block %zu is larger than the one it takes over", i);
            goto cleanup;
        }
        if (blocks[i].last > last[root]) last[root] = blocks[i].last;
        if (root == i && blocks[i].bytes)
            order[wanted++] = (struct order){size_align(blocks[i].bytes, VALUE_ALIGNMENT),
                                             blocks[i].first, (uint32_t)i};
    }
    qsort(order, wanted, sizeof *order, largest_first);
    for (size_t o = 0; o < wanted; o++) {
        struct plan_block *block = &blocks[order[o].index];
        uint32_t until = last[order[o].index];
        block->offset = lowest_gap(placed, done, order[o].bytes, block->first, until);
        struct placed entry = {block->offset, block->offset + order[o].bytes, block->first, until};
        if (entry.end > arena) arena = entry.end;
        size_t at = done++;
        for (; at > 0 && placed[at - 1].begin > entry.begin; at--) placed[at] = placed[at - 1];
        placed[at] = entry;
    }
    for (size_t i = 0; i < count; i++)
        if (blocks[i].alias != PLAN_NONE)
            blocks[i].offset = blocks[alias_root(blocks, (uint32_t)i)].offset;
    *bytes = arena;
cleanup:
    free(order);
    free(placed);
    free(last);
    return status;
}

static bool in_arena(const struct graph *graph, value_id id)
{
    return value_present(id) && graph->values[id].segment == SEGMENT_ARENA;
}

/* The input whose memory the node's first output takes over, or PLAN_NONE. */
static uint32_t taken_over(const struct graph *graph, const struct plan_block *blocks,
                           const struct node *node, uint32_t step)
{
    for (int i = 0; i < NODE_MAX_INPUTS; i++) {
        value_id in = node->in[i];
        if (!op_in_place(node->op, i) || !in_arena(graph, in) || graph->values[in].output) continue;
        if (blocks[in].last != step || blocks[in].bytes != blocks[node->out[0]].bytes) continue;
        bool read_twice = false;
        for (int j = 0; j < NODE_MAX_INPUTS; j++) read_twice |= j != i && node->in[j] == in;
        if (!read_twice) return in;
    }
    return PLAN_NONE;
}

mvad_status plan_graph(struct graph *graph, const size_t *workspace_bytes, struct plan *plan,
                       mvad_error *error)
{
    *plan = (struct plan){0};
    size_t values = graph->value_count, nodes = graph->node_count, count = values + nodes;
    mvad_status status = MVAD_OK;
    struct plan_block *blocks = calloc(count + 1, sizeof *blocks);
    plan->workspace_offset = calloc(nodes + 1, sizeof *plan->workspace_offset);
    if (!blocks || !plan->workspace_offset) {
        status = error_out_of_memory(error, "memory plan", count * sizeof *blocks);
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++)
        blocks[i] = (struct plan_block){.first = PLAN_NONE, .alias = PLAN_NONE};
    for (uint32_t step = 0; step < nodes; step++) {
        const struct node *node = &graph->nodes[step];
        for (int j = 0; j < NODE_MAX_INPUTS; j++)
            if (in_arena(graph, node->in[j])) blocks[node->in[j]].last = step;
        for (int j = 0; j < NODE_MAX_OUTPUTS; j++) {
            if (!in_arena(graph, node->out[j])) continue;
            struct plan_block *block = &blocks[node->out[j]];
            block->bytes = value_bytes(&graph->values[node->out[j]]);
            block->first = step;
            block->last = graph->values[node->out[j]].output ? (uint32_t)nodes : step;
        }
        if (workspace_bytes && workspace_bytes[step])
            blocks[values + step] =
                (struct plan_block){workspace_bytes[step], step, step, PLAN_NONE, 0};
    }
    for (size_t i = 0; i < values; i++) /* a later reader does not shorten an output's life */
        if (graph->values[i].output && blocks[i].bytes) blocks[i].last = (uint32_t)nodes;
    for (uint32_t step = 0; step < nodes; step++) {
        const struct node *node = &graph->nodes[step];
        if (in_arena(graph, node->out[0]))
            blocks[node->out[0]].alias = taken_over(graph, blocks, node, step);
    }
    if ((status = plan_blocks(blocks, count, &plan->arena_bytes, error))) goto cleanup;
    for (size_t i = 0; i < values; i++)
        if (graph->values[i].segment == SEGMENT_ARENA)
            graph->values[i].offset = blocks[i].bytes ? blocks[i].offset : OFFSET_UNUSED;
    for (size_t i = 0; i < nodes; i++) plan->workspace_offset[i] = blocks[values + i].offset;
cleanup:
    free(blocks);
    if (status) plan_free(plan);
    return status;
}

void plan_free(struct plan *plan)
{
    free(plan->workspace_offset);
    *plan = (struct plan){0};
}
