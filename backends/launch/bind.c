/* Nodes as calls: what a device is asked about, and turning a graph into launches. */
#include "backends/launch/launch.h"
#include "core/base/error.h"

static struct launch_call describe_call(struct launch_device *device, const struct graph *graph,
                                        const struct node *node)
{
    struct launch_call call = {
        .device = device, .graph = graph, .node = node, .params = &node->params};
    for (int i = 0; i < NODE_MAX_INPUTS; i++)
        if (value_present(node->in[i])) call.in[i] = &graph->values[node->in[i]];
    for (int i = 0; i < NODE_MAX_OUTPUTS; i++)
        if (value_present(node->out[i])) call.out[i] = &graph->values[node->out[i]];
    return call;
}

/* Kernels count pixels, rows and channels in an int. */
static const char *too_large(const struct launch_call *call)
{
    const struct value *const *list[] = {call->in, call->out};
    const int length[] = {NODE_MAX_INPUTS, NODE_MAX_OUTPUTS};
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < length[side]; i++) {
            const struct value *value = list[side][i];
            if (value && (launch_rows(value) > INT32_MAX / 2 || value->dim[3] > INT32_MAX / 2))
                if (call->node->op != OP_FILL && call->node->op != OP_NORM &&
                    call->node->op != OP_ADAMW)
                    return "needs values of less than 2^30 rows";
        }
    return NULL;
}

mvad_status launch_query(struct launch_device *device, const struct graph *graph,
                         const struct node *node, size_t *workspace_bytes, mvad_error *error)
{
    const struct launch_op *op = device->ops[node->op];
    struct launch_call call = describe_call(device, graph, node);
    const char *why = graph->real == DTYPE_F64 && !device->fp64
                          ? "the device has no double precision"
                      : graph->tf32 && !device->tf32 ? "tf32 is a precision of CUDA devices"
                                                     : too_large(&call);
    if (!why && op->supports) why = op->supports(&call);
    if (why)
        return error_set(error, MVAD_ERROR_UNSUPPORTED, "%s: %s (%s): %s", device->id,
                         op_name(node->op), graph->scopes[node->scope], why);
    *workspace_bytes = op->workspace ? op->workspace(&call) : 0;
    return MVAD_OK;
}

mvad_status launch_bind(struct launch_device *device, const struct graph *graph,
                        const struct plan *plan, void *const segments[SEGMENT_COUNT], void *target,
                        mvad_error *error)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        struct launch_call call = describe_call(device, graph, &graph->nodes[n]);
        call.index = (uint32_t)n;
        call.segments = segments;
        call.workspace = plan->workspace_offset[n];
        call.target = target;
        call.error = error;
        device->ops[graph->nodes[n].op]->emit(&call);
        if (call.status) return call.status;
    }
    return MVAD_OK;
}
