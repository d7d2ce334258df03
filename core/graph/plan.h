/* Lifetimes to offsets: where in one arena every computed value and every node's workspace lives.
 * Knows no device. */
#ifndef GRAPH_PLAN_H
#define GRAPH_PLAN_H

#include "core/graph/graph.h"

#define PLAN_NONE UINT32_MAX

/* One piece of memory: alive from step `first` to step `last`, both included. */
struct plan_block {
    size_t bytes; /* 0: nothing is placed */
    uint32_t first, last;
    uint32_t alias; /* index of an earlier block whose memory this one takes over in step `first`, which must be that
                       block's last; PLAN_NONE otherwise */
    size_t offset; /* result: multiple of VALUE_ALIGNMENT */
};

/* Sets the offsets and returns the arena's size in *bytes. Largest first, each at the lowest offset
 * where it meets no living neighbour (as XNNPACK's planner does). */
mvad_status plan_blocks(struct plan_block *blocks, size_t count, size_t *bytes, mvad_error *error);

struct plan {
    size_t *workspace_offset; /* per node, within the arena */
    size_t arena_bytes;
};

/* Plans the arena of a graph: sets `offset` of every SEGMENT_ARENA value and the workspaces'
 * offsets. workspace_bytes: per node, may be NULL. Free with plan_free. */
mvad_status plan_graph(struct graph *graph, const size_t *workspace_bytes, struct plan *plan,
                       mvad_error *error);
void plan_free(struct plan *plan);

#endif
