#include "core/graph/executor.h"

#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/half.h"
#include "core/base/memory.h"

struct executor {
    mvad_device *device;
    struct graph graph;
    struct plan plan;
    void *segments[SEGMENT_COUNT];
    void *program;
    void *staging; /* of the device's host memory, or of ours */
    size_t staging_bytes;
    bool running; /* started and not waited for */
    bool staged;  /* the device holds values for the next run */
};

/* Asks the device about every node; *workspace is an array of graph->node_count sizes, freed by the
 * caller. */
static mvad_status query_nodes(mvad_device *device, const struct graph *graph, size_t **workspace,
                               mvad_error *error)
{
    *workspace = calloc(graph->node_count + 1, sizeof **workspace);
    if (!*workspace) return error_out_of_memory(error, "workspaces", graph->node_count);
    for (size_t i = 0; i < graph->node_count; i++) {
        mvad_status status =
            device->backend->query(device->state, graph, &graph->nodes[i], &(*workspace)[i], error);
        if (status) return status;
    }
    return MVAD_OK;
}

static mvad_status lay_out_and_plan(mvad_device *device, struct graph *graph, struct plan *plan,
                                    mvad_error *error)
{
    size_t *workspace = NULL;
    mvad_status status = graph_status(graph, error);
    if (!status) status = graph_layout(graph, error);
    if (!status) status = query_nodes(device, graph, &workspace, error);
    if (!status) status = plan_graph(graph, workspace, plan, error);
    if (!status) graph->segment_bytes[SEGMENT_ARENA] = plan->arena_bytes;
    free(workspace);
    return status;
}

static mvad_status write_zeros(struct executor *executor, enum segment segment, mvad_error *error)
{
    const size_t chunk = 1 << 20;
    void *zeros = calloc(1, chunk);
    if (!zeros) return error_out_of_memory(error, "clearing device memory", chunk);
    mvad_status status = MVAD_OK;
    const struct mvad_device *device = executor->device;
    for (size_t at = 0; at < executor->graph.segment_bytes[segment] && !status; at += chunk) {
        size_t left = executor->graph.segment_bytes[segment] - at;
        status = device->backend->write(device->state, executor->segments[segment], at, zeros,
                                        left < chunk ? left : chunk, error);
    }
    free(zeros);
    return status;
}

/* Sessions on one device may be made by several threads. */
static void count_bytes(mvad_device *device, size_t bytes)
{
    const uint64_t now = atomic_fetch_add(&device->bytes, bytes) + bytes;
    uint64_t peak = device->peak_bytes;
    while (peak < now && !atomic_compare_exchange_weak(&device->peak_bytes, &peak, now)) continue;
}

mvad_status executor_create(mvad_device *device, struct graph *graph, struct executor **executor,
                            mvad_error *error)
{
    *executor = NULL;
    struct executor *e = calloc(1, sizeof *e);
    if (!e) {
        graph_free(graph);
        return error_out_of_memory(error, "executor", sizeof *e);
    }
    e->device = device;
    e->graph = *graph;
    *graph = (struct graph){.real = e->graph.real};
    mvad_status status = lay_out_and_plan(device, &e->graph, &e->plan, error);
    for (int s = 0; s < SEGMENT_COUNT && !status; s++) {
        if (!e->graph.segment_bytes[s]) continue;
        status = device->backend->alloc(device->state, e->graph.segment_bytes[s], &e->segments[s],
                                        error);
        if (!status) count_bytes(device, e->graph.segment_bytes[s]);
        if (!status && s != SEGMENT_ARENA) status = write_zeros(e, (enum segment)s, error);
    }
    if (!status)
        status = device->backend->bind(device->state, &e->graph, &e->plan, e->segments, &e->program,
                                       error);
    if (status) {
        executor_destroy(e);
        return status;
    }
    *executor = e;
    return MVAD_OK;
}

static void free_staging(struct executor *executor)
{
    const struct mvad_device *device = executor->device;
    if (!executor->staging) return;
    if (device->backend->free_host)
        device->backend->free_host(device->state, executor->staging);
    else
        free(executor->staging);
    executor->staging = NULL;
    executor->staging_bytes = 0;
}

mvad_status executor_staging(struct executor *executor, size_t bytes, void **memory,
                             mvad_error *error)
{
    const struct mvad_device *device = executor->device;
    mvad_status status = MVAD_OK;
    if (executor->staging_bytes < bytes) {
        free_staging(executor);
        if (device->backend->alloc_host)
            status = device->backend->alloc_host(device->state, bytes, &executor->staging, error);
        else if (!(executor->staging = memory_allocate(bytes)))
            status = error_out_of_memory(error, "images", bytes);
        if (!status) executor->staging_bytes = bytes;
    }
    *memory = executor->staging;
    return status;
}

int executor_host_threads(const struct executor *executor)
{
    mvad_device_info info = {0};
    executor->device->backend->describe(executor->device->state, &info);
    return info.threads ? info.threads : omp_get_max_threads();
}

void executor_destroy(struct executor *executor)
{
    if (!executor) return;
    struct mvad_device *device = executor->device;
    free_staging(executor);
    if (executor->program) device->backend->unbind(device->state, executor->program);
    for (int s = 0; s < SEGMENT_COUNT; s++) {
        if (!executor->segments[s]) continue;
        device->backend->free(device->state, executor->segments[s]);
        atomic_fetch_sub(&device->bytes, executor->graph.segment_bytes[s]);
    }
    plan_free(&executor->plan);
    graph_free(&executor->graph);
    free(executor);
}

const struct graph *executor_graph(const struct executor *executor)
{
    return &executor->graph;
}

const struct plan *executor_plan(const struct executor *executor)
{
    return &executor->plan;
}

static mvad_status check_access(const struct executor *executor, value_id id, bool reading,
                                mvad_error *error)
{
    if (id >= executor->graph.value_count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "executor: no such value");
    const struct value *value = &executor->graph.values[id];
    const char *name = value->name ? value->name : "unnamed value";
    if (value->offset == OFFSET_UNUSED)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: not part of this graph", name);
    if (value->segment == SEGMENT_ARENA && !(reading && value->output))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: not an output of this graph",
                         name);
    return MVAD_OK;
}

mvad_status executor_write(struct executor *executor, value_id id, const void *data,
                           mvad_error *error)
{
    mvad_status status = check_access(executor, id, false, error);
    if (status) return status;
    const struct value *value = &executor->graph.values[id];
    const struct mvad_device *device = executor->device;
    return device->backend->write(device->state, executor->segments[value->segment], value->offset,
                                  data, value_bytes(value), error);
}

mvad_status executor_stage(struct executor *executor, value_id id, const void *data,
                           mvad_error *error)
{
    const struct mvad_device *device = executor->device;
    /* What is staged replaces what is written, so that of two values for a run the later one counts. */
    if ((!executor->running && !executor->staged) || !device->backend->stage)
        return executor_write(executor, id, data, error);
    mvad_status status = check_access(executor, id, false, error);
    if (status) return status;
    const struct value *value = &executor->graph.values[id];
    executor->staged = true;
    return device->backend->stage(device->state, executor->segments[value->segment], value->offset,
                                  data, value_bytes(value), error);
}

mvad_status executor_read(struct executor *executor, value_id id, void *data, mvad_error *error)
{
    mvad_status status = check_access(executor, id, true, error);
    if (status) return status;
    const struct value *value = &executor->graph.values[id];
    const struct mvad_device *device = executor->device;
    return device->backend->read(device->state, executor->segments[value->segment], value->offset,
                                 data, value_bytes(value), error);
}

/* Memory for a real value in its own type, which doubles are converted to or from; NULL for
 * doubles. */
static mvad_status conversion_buffer(const struct executor *executor, value_id id, void **buffer,
                                     mvad_error *error)
{
    const struct value *value = &executor->graph.values[id];
    *buffer = NULL;
    if (value->dtype == DTYPE_F64) return MVAD_OK;
    if (value->dtype != DTYPE_F32 && !dtype_is_16_bit(value->dtype))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: not a floating-point value",
                         value->name ? value->name : "value");
    *buffer = memory_allocate(value_bytes(value));
    return *buffer ? MVAD_OK : error_out_of_memory(error, "conversion", value_bytes(value));
}

/* Doubles in the type of a value. What is too large for 16 bits is an error: it would become
 * infinite. */
static mvad_status convert_to(const struct value *value, const double *data, void *buffer,
                              mvad_error *error)
{
    const int64_t count = value_count_elements(value);
    if (value->dtype == DTYPE_F32) {
        for (int64_t i = 0; i < count; i++) ((float *)buffer)[i] = (float)data[i];
        return MVAD_OK;
    }
    if (value->dtype == DTYPE_BF16) {
        for (int64_t i = 0; i < count; i++)
            ((uint16_t *)buffer)[i] = bfloat16_from_float((float)data[i]);
        return MVAD_OK;
    }
    for (int64_t i = 0; i < count; i++) {
        if (fabs(data[i]) > HALF_LARGEST)
            return error_set(error, MVAD_ERROR_NUMERIC,
                             "%s: %g does not fit the 16 bits of precision f16",
                             value->name ? value->name : "value", data[i]);
        ((uint16_t *)buffer)[i] = half_from_float((float)data[i]);
    }
    return MVAD_OK;
}

/* Writes doubles as the bytes of a value's size and type at its offset in a segment. */
static mvad_status write_double_to(struct executor *executor, enum segment segment, value_id id,
                                   const double *data, mvad_error *error)
{
    const struct value *value = &executor->graph.values[id];
    const struct mvad_device *device = executor->device;
    void *buffer = NULL;
    mvad_status status = conversion_buffer(executor, id, &buffer, error);
    if (!status && buffer) status = convert_to(value, data, buffer, error);
    if (!status)
        status =
            device->backend->write(device->state, executor->segments[segment], value->offset,
                                   buffer ? (const void *)buffer : data, value_bytes(value), error);
    free(buffer);
    return status;
}

mvad_status executor_write_double(struct executor *executor, value_id id, const double *data,
                                  mvad_error *error)
{
    mvad_status status = check_access(executor, id, false, error);
    if (status) return status;
    return write_double_to(executor, executor->graph.values[id].segment, id, data, error);
}

static float real_at(enum dtype dtype, const void *buffer, int64_t i)
{
    switch (dtype) {
    case DTYPE_F16: return float_from_half(((const uint16_t *)buffer)[i]);
    case DTYPE_BF16: return float_from_bfloat16(((const uint16_t *)buffer)[i]);
    default: return ((const float *)buffer)[i];
    }
}

/* Reads the bytes of a value's size and type at its offset in a segment, as doubles. */
static mvad_status read_double_from(struct executor *executor, enum segment segment, value_id id,
                                    double *data, mvad_error *error)
{
    const struct value *value = &executor->graph.values[id];
    const struct mvad_device *device = executor->device;
    void *buffer = NULL;
    mvad_status status = conversion_buffer(executor, id, &buffer, error);
    if (status) return status;
    status = device->backend->read(device->state, executor->segments[segment], value->offset,
                                   buffer ? buffer : (void *)data, value_bytes(value), error);
    const int64_t count = status || !buffer ? 0 : value_count_elements(value);
    for (int64_t i = 0; i < count; i++) data[i] = real_at(value->dtype, buffer, i);
    free(buffer);
    return status;
}

mvad_status executor_read_double(struct executor *executor, value_id id, double *data,
                                 mvad_error *error)
{
    mvad_status status = check_access(executor, id, true, error);
    if (status) return status;
    return read_double_from(executor, executor->graph.values[id].segment, id, data, error);
}

/* Whether `segment` has a place for what belongs to a trainable parameter. */
static mvad_status check_mirror(const struct executor *executor, enum segment segment,
                                value_id parameter, mvad_error *error)
{
    mvad_status status = check_access(executor, parameter, true, error);
    if (status) return status;
    if (executor->graph.values[parameter].segment != SEGMENT_TRAINABLE ||
        !executor->segments[segment])
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: has no gradient or moments here",
                         executor->graph.values[parameter].name);
    return MVAD_OK;
}

mvad_status executor_read_mirror(struct executor *executor, enum segment segment,
                                 value_id parameter, double *data, mvad_error *error)
{
    mvad_status status = check_mirror(executor, segment, parameter, error);
    return status ? status : read_double_from(executor, segment, parameter, data, error);
}

mvad_status executor_write_mirror(struct executor *executor, enum segment segment,
                                  value_id parameter, const double *data, mvad_error *error)
{
    mvad_status status = check_mirror(executor, segment, parameter, error);
    return status ? status : write_double_to(executor, segment, parameter, data, error);
}

static mvad_status start(struct executor *executor, const struct run_profile *profile,
                         mvad_error *error)
{
    const struct mvad_device *device = executor->device;
    mvad_status status = device->backend->run(device->state, executor->program, profile, error);
    executor->running = !status;
    executor->staged = false;
    return status;
}

mvad_status executor_start(struct executor *executor, mvad_error *error)
{
    return start(executor, NULL, error);
}

mvad_status executor_wait(struct executor *executor, mvad_error *error)
{
    if (!executor->running) return MVAD_OK;
    const struct mvad_device *device = executor->device;
    executor->running = false;
    return device->backend->sync(device->state, error);
}

mvad_status executor_run(struct executor *executor, const struct run_profile *profile,
                         mvad_error *error)
{
    mvad_status status = start(executor, profile, error);
    return status ? status : executor_wait(executor, error);
}

mvad_status executor_plan_bytes(mvad_device *device, struct graph *graph, size_t *arena_bytes,
                                mvad_error *error)
{
    struct plan plan = {0};
    mvad_status status = lay_out_and_plan(device, graph, &plan, error);
    *arena_bytes = plan.arena_bytes;
    plan_free(&plan);
    return status;
}
