#include "core/graph/profile.h"

#include <stdlib.h>

#include "core/base/error.h"
#include "core/graph/count.h"

static int most_time_first(const void *left, const void *right)
{
    const mvad_op_time *a = left, *b = right;
    return a->seconds < b->seconds ? 1 : a->seconds > b->seconds ? -1 : 0;
}

mvad_status profile_run(struct executor *executor,
                        void (*visit)(const mvad_op_time *row, void *user), void *user,
                        mvad_error *error)
{
    const struct graph *graph = executor_graph(executor);
    mvad_op_time rows[OP_COUNT] = {0};
    struct run_profile profile = {calloc(graph->node_count + 1, sizeof(double))};
    if (!profile.node_seconds) return error_out_of_memory(error, "profile", graph->node_count);
    mvad_status status = executor_run(executor, &profile, error);
    for (size_t i = 0; i < graph->node_count && !status; i++) {
        const struct node *node = &graph->nodes[i];
        mvad_op_time *row = &rows[node->op];
        row->op = op_name(node->op);
        row->calls++;
        row->seconds += profile.node_seconds[i];
        row->macs += count_executed_macs(graph, node);
        row->bytes += count_bytes(graph, node);
    }
    free(profile.node_seconds);
    if (status) return status;
    qsort(rows, OP_COUNT, sizeof *rows, most_time_first);
    for (int i = 0; i < OP_COUNT; i++)
        if (rows[i].calls) visit(&rows[i], user);
    return MVAD_OK;
}
