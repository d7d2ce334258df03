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

mvad_status opencl_query(void *state, const struct graph *graph, const struct node *node,
                         size_t *workspace_bytes, mvad_error *error)
{
    struct opencl_device *device = state;
    return launch_query(&device->launch, graph, node, workspace_bytes, error);
}

void opencl_unbind(void *state, void *program)
{
    struct opencl_device *device = state;
    struct bound_graph *bound = program;
    if (!bound) return;
    clFinish(device->queue);
    opencl_steps_release(&bound->steps);
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
    mvad_status status = launch_bind(&device->launch, graph, plan, segments, &bound->steps, error);
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
                                         step->local, 0, NULL, event);
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
