/* A planned graph as a list of launches. The first run makes them one by one, which also loads what cuBLAS
 * and the driver load late; the second is captured as a CUDA graph, and that is what later ones launch. */
#include "backends/cuda/run.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/error.h"

struct bound_graph {
    const struct graph *graph;
    struct cuda_steps steps;
    bool ran;
    CUgraphExec captured; /* NULL: not yet */
};

mvad_status cuda_query(void *state, const struct graph *graph, const struct node *node,
                       size_t *workspace_bytes, mvad_error *error)
{
    struct cuda_device *device = state;
    if (graph->real == DTYPE_BF16 && device->major < 8)
        return error_set(error, MVAD_ERROR_UNSUPPORTED,
                         "%s: bf16 needs compute capability 8.0; this device has %d.%d",
                         device->launch.id, device->major, device->minor);
    return launch_query(&device->launch, graph, node, workspace_bytes, error);
}

void cuda_unbind(void *state, void *program)
{
    struct cuda_device *device = state;
    struct bound_graph *bound = program;
    if (!bound) return;
    if (!cuda_enter(device, NULL)) { /* what a dead context had goes with it */
        device->driver->cuStreamSynchronize(device->stream);
        if (bound->captured) device->driver->cuGraphExecDestroy(bound->captured);
        cuda_leave(device);
    }
    cuda_steps_release(&bound->steps);
    free(bound);
}

mvad_status cuda_bind(void *state, const struct graph *graph, const struct plan *plan,
                      void *const segments[SEGMENT_COUNT], void **program, mvad_error *error)
{
    struct cuda_device *device = state;
    *program = NULL;
    struct bound_graph *bound = calloc(1, sizeof *bound);
    if (!bound) return error_out_of_memory(error, "cuda program", sizeof *bound);
    bound->graph = graph;
    mvad_status status = cuda_enter(device, error);
    if (!status) {
        status = launch_bind(&device->launch, graph, plan, segments, &bound->steps, error);
        cuda_leave(device);
    }
    if (status) {
        cuda_unbind(device, bound);
        return status;
    }
    *program = bound;
    return MVAD_OK;
}

static mvad_status run_step(struct cuda_device *device, CUstream stream,
                            const struct bound_graph *bound, const struct cuda_step *step,
                            mvad_error *error)
{
    const struct node *node = &bound->graph->nodes[step->node];
    char what[128];
    snprintf(what, sizeof what, "running %s (%.80s)", op_name(node->op),
             bound->graph->scopes[node->scope]);
    return cuda_step_run(device, stream, &bound->steps, step, what, error);
}

static mvad_status run_steps(struct cuda_device *device, CUstream stream,
                             const struct bound_graph *bound, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    for (size_t i = 0; i < bound->steps.count && !status; i++)
        status = run_step(device, stream, bound, &bound->steps.step[i], error);
    return status;
}

/* On a stream of its own: other threads may wait for the device's stream meanwhile, which would end the
 * capture. */
static mvad_status capture(struct cuda_device *device, struct bound_graph *bound, mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    CUgraph graph = NULL;
    CUresult code = CUDA_SUCCESS;
    if (!device->capturing)
        code = driver->cuStreamCreate(&device->capturing, CU_STREAM_NON_BLOCKING);
    if (code) {
        device->capturing = NULL;
        return cuda_fail(device, "a stream to capture a run", code, error);
    }
    CUstream stream = device->capturing;
    code = driver->cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    mvad_status status = code ? cuda_fail(device, "capturing a run", code, error)
                              : run_steps(device, stream, bound, error);
    if (!code) {
        code = driver->cuStreamEndCapture(stream, &graph);
        if (code && !status) status = cuda_fail(device, "capturing a run", code, error);
    }
    if (!status) {
        code = driver->cuGraphInstantiate(&bound->captured, graph, 0);
        if (code) {
            bound->captured = NULL;
            status = cuda_fail(device, "making a graph of a run", code, error);
        }
    }
    if (graph) driver->cuGraphDestroy(graph);
    return status;
}

/* An event before every launch and one behind the last. The host does not wait in between: a launch on an idle
 * device would count the time it takes to get there. */
static CUresult record_steps(struct cuda_device *device, const struct bound_graph *bound,
                             CUevent *event, mvad_status *status, mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    CUresult code = CUDA_SUCCESS;
    for (size_t i = 0; i <= bound->steps.count && !code && !*status; i++) {
        code = driver->cuEventCreate(&event[i], CU_EVENT_DEFAULT);
        if (code) event[i] = NULL;
    }
    for (size_t i = 0; i < bound->steps.count && !code && !*status; i++) {
        code = driver->cuEventRecord(event[i], device->stream);
        if (!code) *status = run_step(device, device->stream, bound, &bound->steps.step[i], error);
    }
    if (!code && !*status) code = driver->cuEventRecord(event[bound->steps.count], device->stream);
    if (!code && !*status) code = driver->cuEventSynchronize(event[bound->steps.count]);
    return code;
}

static mvad_status run_profiled(struct cuda_device *device, const struct bound_graph *bound,
                                const struct run_profile *profile, mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    const size_t count = bound->steps.count;
    mvad_status status = MVAD_OK;
    CUevent *event = calloc(count + 1, sizeof *event);
    if (!event) return error_out_of_memory(error, "profile", (count + 1) * sizeof *event);
    CUresult code = record_steps(device, bound, event, &status, error);
    for (size_t n = 0; n < bound->graph->node_count; n++) profile->node_seconds[n] = 0;
    for (size_t i = 0; i < count && !status && !code; i++) {
        float milliseconds = 0;
        code = driver->cuEventElapsedTime(&milliseconds, event[i], event[i + 1]);
        profile->node_seconds[bound->steps.step[i].node] += (double)milliseconds * 1e-3;
    }
    if (code && !status) status = cuda_fail(device, "running with a profile", code, error);
    for (size_t i = 0; i <= count; i++)
        if (event[i]) driver->cuEventDestroy(event[i]);
    free(event);
    return status;
}

static mvad_status run_bound(struct cuda_device *device, struct bound_graph *bound,
                             mvad_error *error)
{
    if (!bound->ran) {
        mvad_status status = run_steps(device, device->stream, bound, error);
        bound->ran = !status;
        return status;
    }
    if (!bound->captured) {
        mvad_status status = capture(device, bound, error);
        if (status) return status;
    }
    CUresult code = device->driver->cuGraphLaunch(bound->captured, device->stream);
    return code ? cuda_fail(device, "running", code, error) : MVAD_OK;
}

mvad_status cuda_run(void *state, void *program, const struct run_profile *profile,
                     mvad_error *error)
{
    struct cuda_device *device = state;
    struct bound_graph *bound = program;
    mvad_status status = cuda_enter(device, error);
    if (status) return status;
    status = cuda_place_uploads(device, error);
    if (!status)
        status =
            profile ? run_profiled(device, bound, profile, error) : run_bound(device, bound, error);
    cuda_leave(device);
    return status ? status : error_clear(error);
}

mvad_status cuda_sync(void *state, mvad_error *error)
{
    struct cuda_device *device = state;
    mvad_status status = cuda_use(device, error);
    if (status) return status;
    CUresult code = device->driver->cuStreamSynchronize(device->stream);
    cuda_unuse(device);
    return code ? cuda_fail(device, "waiting for it", code, error) : error_clear(error);
}
