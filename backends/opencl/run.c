/* A planned graph as a list of kernel launches whose arguments are set once; a run enqueues them. */
#include "backends/opencl/run.h"
#include "backends/opencl/tuning.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/error.h"

struct bound_graph {
    const struct graph *graph;
    struct opencl_steps steps;
};

static struct opencl_call describe_call(struct opencl_device *device, const struct graph *graph,
                                        const struct node *node)
{
    struct opencl_call call = {
        .device = device, .graph = graph, .node = node, .params = &node->params};
    for (int i = 0; i < NODE_MAX_INPUTS; i++)
        if (value_present(node->in[i])) call.in[i] = &graph->values[node->in[i]];
    for (int i = 0; i < NODE_MAX_OUTPUTS; i++)
        if (value_present(node->out[i])) call.out[i] = &graph->values[node->out[i]];
    return call;
}

/* Kernels count pixels, rows and channels in an int. */
static const char *too_large(const struct opencl_call *call)
{
    const struct value *const *list[] = {call->in, call->out};
    const int length[] = {NODE_MAX_INPUTS, NODE_MAX_OUTPUTS};
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < length[side]; i++) {
            const struct value *value = list[side][i];
            if (value && (opencl_rows(value) > INT32_MAX / 2 || value->dim[3] > INT32_MAX / 2))
                if (call->node->op != OP_FILL && call->node->op != OP_NORM &&
                    call->node->op != OP_ADAMW)
                    return "needs values of less than 2^30 rows";
        }
    return NULL;
}

mvad_status opencl_query(void *state, const struct graph *graph, const struct node *node,
                         size_t *workspace_bytes, mvad_error *error)
{
    struct opencl_device *device = state;
    const struct opencl_op *op = opencl_table[node->op];
    struct opencl_call call = describe_call(device, graph, node);
    const char *why = graph->real == DTYPE_F64 && !device->fp64
                          ? "the device has no double precision"
                          : too_large(&call);
    if (!why && op->supports) why = op->supports(&call);
    if (why)
        return error_set(error, MVAD_ERROR_UNSUPPORTED, "%s: %s (%s): %s", device->id,
                         op_name(node->op), graph->scopes[node->scope], why);
    *workspace_bytes = op->workspace ? op->workspace(&call) : 0;
    return MVAD_OK;
}

void opencl_unbind(void *state, void *program)
{
    struct opencl_device *device = state;
    struct bound_graph *bound = program;
    if (!bound) return;
    clFinish(device->queue);
    for (size_t i = 0; i < bound->steps.count; i++) {
        if (bound->steps.step[i].kernel) clReleaseKernel(bound->steps.step[i].kernel);
        free(bound->steps.step[i].product);
    }
    free(bound->steps.step);
    free(bound);
}

mvad_status opencl_bind(void *state, const struct graph *graph, const struct plan *plan,
                        void *const segments[SEGMENT_COUNT], void **program, mvad_error *error)
{
    struct opencl_device *device = state;
    struct bound_graph *bound = calloc(1, sizeof *bound);
    *program = NULL;
    if (!bound) return error_out_of_memory(error, "opencl program", sizeof *bound);
    bound->graph = graph;
    mvad_status status = MVAD_OK;
    for (size_t n = 0; n < graph->node_count && !status; n++) {
        struct opencl_call call = describe_call(device, graph, &graph->nodes[n]);
        call.index = (uint32_t)n;
        call.segments = segments;
        call.workspace = plan->workspace_offset[n];
        call.steps = &bound->steps;
        call.error = error;
        opencl_table[graph->nodes[n].op]->emit(&call);
        if (call.kernel) clReleaseKernel(call.kernel);
        status = call.status;
    }
    /* What planning this graph measured; not in the middle of a measurement. */
    if (!status && !device->tuning->measuring) status = opencl_tuning_save(device, error);
    if (status) {
        opencl_unbind(device, bound);
        return status;
    }
    *program = bound;
    return MVAD_OK;
}

static mvad_status failed_step(struct opencl_device *device, const struct bound_graph *bound,
                               const struct opencl_step *step, cl_int code, mvad_error *error)
{
    const struct node *node = &bound->graph->nodes[step->node];
    char what[128];
    snprintf(what, sizeof what, "running %s (%.80s)", op_name(node->op),
             bound->graph->scopes[node->scope]);
    return opencl_fail(device, what, code, error);
}

static mvad_status enqueue(struct opencl_device *device, cl_command_queue queue,
                           const struct bound_graph *bound, const struct opencl_step *step,
                           cl_event *event, mvad_error *error)
{
    if (!step->kernel) return opencl_product_run(device, queue, step->product, event, error);
    cl_int code = clEnqueueNDRangeKernel(queue, step->kernel, step->dimensions, NULL, step->global,
                                         step->grouped ? step->local : NULL, 0, NULL, event);
    return code ? failed_step(device, bound, step, code, error) : MVAD_OK;
}

/* Seconds between the device's own timestamps of one finished command. */
static double event_seconds(cl_event event)
{
    cl_ulong begin = 0, end = 0;
    clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof begin, &begin, NULL);
    clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    return end > begin ? (double)(end - begin) * 1e-9 : 0;
}

static mvad_status run_profiled(struct opencl_device *device, const struct bound_graph *bound,
                                const struct run_profile *profile, mvad_error *error)
{
    cl_int code = CL_SUCCESS;
    if (!device->profiling)
        device->profiling = clCreateCommandQueue(device->context, device->place.device,
                                                 CL_QUEUE_PROFILING_ENABLE, &code);
    if (code) return opencl_fail(device, "a queue for profiling", code, error);
    code = clFinish(device->queue);
    for (size_t n = 0; n < bound->graph->node_count; n++) profile->node_seconds[n] = 0;
    mvad_status status = MVAD_OK;
    for (size_t i = 0; i < bound->steps.count && !status && !code; i++) {
        const struct opencl_step *step = &bound->steps.step[i];
        cl_event event = NULL;
        status = enqueue(device, device->profiling, bound, step, &event, error);
        if (status) break;
        code = event ? clWaitForEvents(1, &event) : clFinish(device->profiling);
        if (event) {
            profile->node_seconds[step->node] += event_seconds(event);
            clReleaseEvent(event);
        }
        if (code) status = failed_step(device, bound, step, code, error);
    }
    return status;
}

mvad_status opencl_run(void *state, void *program, const struct run_profile *profile,
                       mvad_error *error)
{
    struct opencl_device *device = state;
    const struct bound_graph *bound = program;
    mvad_status status = opencl_place_uploads(device, error);
    if (!status && profile) return run_profiled(device, bound, profile, error);
    for (size_t i = 0; i < bound->steps.count && !status; i++)
        status = enqueue(device, device->queue, bound, &bound->steps.step[i], NULL, error);
    if (status) return status;
    cl_int code = clFlush(device->queue);
    return code ? opencl_fail(device, "running", code, error) : error_clear(error);
}

mvad_status opencl_sync(void *state, mvad_error *error)
{
    struct opencl_device *device = state;
    cl_int code = clFinish(device->queue);
    return code ? opencl_fail(device, "waiting for it", code, error) : error_clear(error);
}
