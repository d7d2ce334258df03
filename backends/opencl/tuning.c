/* Which kernel computes a convolution: what a short search measured the first time the device met the
 * shape. */
#include "backends/opencl/tuning.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/launch/conv.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/graph/builder.h"
#include "core/graph/count.h"
#include "core/graph/executor.h"

extern const struct backend opencl_backend;

/* Work below which any kernel will do, in multiply-adds. */
#define LEAST_MACS 4e6

static bool is_weight_gradient(const struct launch_call *call)
{
    return call->node->op == OP_CONV2D_GRAD_WEIGHT || call->node->op == OP_CONVT2X2_GRAD_WEIGHT;
}

static bool can(const struct launch_call *call, enum launch_variant variant)
{
    /* Barriers split a processor's kernel into loops, and a GPU's work item has no vectors: neither
     * kernel is of use on the other kind of device. */
    const enum launch_variant foreign =
        call->device->processor ? LAUNCH_VARIANT_TILED : LAUNCH_VARIANT_DIRECT;
    if (variant == foreign) return false;
    if (variant != LAUNCH_VARIANT_BLAS) return true;
    /* CLBlast's products of halves sum in halves, and it knows no bfloat16. */
    if (dtype_is_16_bit(call->graph->real)) return false;
    return is_weight_gradient(call) || conv_can(call, variant);
}

static enum launch_variant usual(const struct launch_call *call)
{
    return call->device->processor ? LAUNCH_VARIANT_DIRECT : LAUNCH_VARIANT_TILED;
}

static void key_of(const struct launch_call *call, char key[TUNING_KEY])
{
    const struct value *x = call->in[0], *y = call->in[1];
    const bool plain = call->node->op == OP_CONV2D || call->node->op == OP_CONV2D_GRAD_INPUT ||
                       call->node->op == OP_CONV2D_GRAD_WEIGHT;
    const struct conv2d_params *p = &call->params->conv2d;
    const int64_t *w = is_weight_gradient(call) && call->out[0] ? call->out[0]->dim : y->dim;
    snprintf(key, TUNING_KEY,
             "%s:%" PRId64 "x%" PRId64 "x%" PRId64 ":%" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64
             ":s%dp%d:f%zu",
             op_name(call->node->op), x->dim[1], x->dim[2], x->dim[3], w[0], w[1], w[2], w[3],
             plain ? p->stride : 2, plain ? p->pad : 0, 8 * launch_stored_bytes(call));
}

/* A value like `value` in the graph of a measurement, of one image where it has images. */
static value_id add_like(struct graph *graph, const struct value *value, enum segment segment,
                         bool images)
{
    int64_t dim[4];
    memcpy(dim, value->dim, sizeof dim);
    if (images) dim[0] = 1;
    return graph_add_value(graph, value->dtype, segment, dim, NULL);
}

static void build_measurement(const struct launch_call *call, struct graph *graph)
{
    const bool weights = is_weight_gradient(call);
    value_id in[NODE_MAX_INPUTS], out[NODE_MAX_OUTPUTS];
    graph_init(graph, call->graph->real);
    for (int i = 0; i < NODE_MAX_INPUTS; i++)
        in[i] = call->in[i]
                    ? add_like(graph, call->in[i], SEGMENT_INPUT, weights || i == 0 || i == 3)
                    : VALUE_NONE;
    for (int i = 0; i < NODE_MAX_OUTPUTS; i++) {
        out[i] = VALUE_NONE;
        if (!call->out[i]) continue;
        out[i] =
            add_like(graph, call->out[i], weights ? SEGMENT_STATISTIC : SEGMENT_ARENA, !weights);
        graph_output(graph, out[i], "result");
    }
    graph_emit(graph, call->node->op, call->params, NODE_MAX_INPUTS, in, NODE_MAX_OUTPUTS, out);
}

double opencl_measure(const struct launch_call *call, enum launch_variant variant)
{
    enum { RUNS = 3 };
    struct opencl_tuning *tuning = opencl_device_of(call->device)->tuning;
    struct mvad_device handle = {.backend = &opencl_backend,
                                 .state = opencl_device_of(call->device)};
    struct graph graph;
    struct executor *executor = NULL;
    double least = -1;
    build_measurement(call, &graph);
    tuning->measuring = true;
    tuning->candidate = variant;
    mvad_status status = executor_create(&handle, &graph, &executor, NULL);
    for (int run = -1; run < RUNS && !status; run++) {
        const double start = clock_seconds();
        status = executor_run(executor, NULL, NULL);
        const double seconds = clock_seconds() - start;
        if (run >= 0 && !status && (least < 0 || seconds < least)) least = seconds;
    }
    executor_destroy(executor);
    tuning->measuring = false;
    return status ? -1 : least;
}

static enum launch_variant search(const struct launch_call *call)
{
    enum launch_variant best = usual(call);
    double least = -1;
    for (int v = 0; v < LAUNCH_VARIANT_COUNT; v++) {
        if (!can(call, (enum launch_variant)v)) continue;
        const double seconds = opencl_measure(call, (enum launch_variant)v);
        if (seconds < 0 || (least >= 0 && seconds >= least)) continue;
        least = seconds;
        best = (enum launch_variant)v;
    }
    return best;
}

/* MVAD_OPENCL_CONV=direct|tiled|blas: the same variant everywhere it can, for tests and comparisons. */
static bool forced(const struct launch_call *call, enum launch_variant *variant)
{
    const char *name = getenv("MVAD_OPENCL_CONV");
    for (int v = 0; name && v < LAUNCH_VARIANT_COUNT; v++) {
        if (strcmp(name, opencl_variant_name((enum launch_variant)v)) != 0) continue;
        *variant = (enum launch_variant)v;
        if (*variant == LAUNCH_VARIANT_BLAS && !can(call, *variant)) *variant = usual(call);
        return true;
    }
    return false;
}

enum launch_variant opencl_variant_of(const struct launch_call *call)
{
    struct opencl_tuning *tuning = opencl_device_of(call->device)->tuning;
    enum launch_variant variant;
    char key[TUNING_KEY];
    if (tuning->measuring) return tuning->candidate;
    if (forced(call, &variant)) return variant;
    key_of(call, key);
    for (size_t i = 0; i < tuning->count; i++)
        if (!strcmp(tuning->shape[i].key, key) && can(call, tuning->shape[i].variant))
            return tuning->shape[i].variant;
    if (count_executed_macs(call->graph, call->node) < LEAST_MACS) return usual(call);
    /* On a processor the vector kernels won for all 70 shapes of the network (docs/performance.md):
     * only who asks for a search gets one. */
    if (call->device->processor && !tuning->searching) return usual(call);
    variant = search(call);
    log_write(MVAD_LOG_INFO, "%s: measured %s: %s", call->device->id, key,
              opencl_variant_name(variant));
    opencl_tuning_add(tuning, key, variant);
    return variant;
}
