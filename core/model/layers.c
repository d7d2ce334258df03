#include <stdio.h>
#include <string.h>

#include "core/model/network.h"

#define BATCH_NORM_EPS 1e-5
#define BATCH_NORM_MOMENTUM 0.1
#define LAYER_NORM_EPS 1e-6

struct parameter_spec {
    const char *module, *suffix; /* name = module + suffix */
    mvad_parameter_kind kind;
    enum parameter_layout layout;
    enum parameter_init init;
    int64_t fan;
    int64_t dim[4];
};

/* Registers a parameter and makes its value: trained, a running statistic, or a constant. A weight comes as
 * convolutions read it. */
static value_id parameter(struct network *network, struct parameter_spec spec)
{
    struct graph *graph = network->graph;
    char name[96];
    snprintf(name, sizeof name, "%s%s", spec.module, spec.suffix);
    if (graph->error.status) return VALUE_NONE;
    if (network->table) {
        if (parameter_table_add(network->table, name, spec.kind, spec.layout, spec.init, spec.fan,
                                spec.dim, &graph->error))
            return VALUE_NONE;
        struct parameter *added = &network->table->items[network->table->count - 1];
        added->scope = (uint32_t)graph->scope_count - 1;
        added->statistic = !strncmp(spec.suffix, ".running_", 9);
    }
    const bool is_vector = spec.layout == LAYOUT_VECTOR;
    if (!network->training || spec.kind == MVAD_PARAMETER_FROZEN)
        return is_vector ? graph_constant_wide(graph, name, spec.dim)
                         : graph_constant(graph, name, spec.dim);
    if (spec.kind == MVAD_PARAMETER_STATISTIC) return graph_statistic(graph, name, spec.dim);
    const value_id trained = graph_trainable(graph, name, spec.dim);
    return is_vector ? trained : graph_narrow(graph, trained);
}

static value_id vector(struct network *network, mvad_parameter_kind kind, const char *module,
                       const char *suffix, enum parameter_init init, int64_t fan, int64_t channels)
{
    return parameter(network,
                     (struct parameter_spec){
                         module, suffix, kind, LAYOUT_VECTOR, init, fan, {1, 1, 1, channels}});
}

static mvad_parameter_kind kind_of(bool frozen)
{
    return frozen ? MVAD_PARAMETER_FROZEN : MVAD_PARAMETER_TRAINABLE;
}

static int64_t channels_of(const struct network *network, value_id x)
{
    return value_present(x) ? network->graph->values[x].dim[3] : 1;
}

value_id network_conv(struct network *network, bool frozen, const char *name, value_id x,
                      int64_t outputs, int32_t kernel, int32_t stride, bool bias)
{
    int64_t inputs = channels_of(network, x), taps = (int64_t)kernel * kernel;
    value_id w = parameter(network, (struct parameter_spec){name,
                                                            ".weight",
                                                            kind_of(frozen),
                                                            LAYOUT_CONV,
                                                            INIT_KAIMING_NORMAL,
                                                            outputs * taps,
                                                            {outputs, kernel, kernel, inputs}});
    value_id b =
        bias ? vector(network, kind_of(frozen), name, ".bias", INIT_UNIFORM, inputs * taps, outputs)
             : VALUE_NONE;
    return graph_conv2d(network->graph, x, w, b, stride, kernel / 2);
}

value_id network_convt(struct network *network, const char *name, value_id x, int64_t outputs)
{
    int64_t inputs = channels_of(network, x);
    value_id w = parameter(network, (struct parameter_spec){name,
                                                            ".weight",
                                                            MVAD_PARAMETER_TRAINABLE,
                                                            LAYOUT_CONVT,
                                                            INIT_KAIMING_NORMAL,
                                                            outputs * 4,
                                                            {inputs, 2, 2, outputs}});
    return graph_convt2x2(network->graph, x, w);
}

static value_id linear(struct network *network, bool frozen, const char *name, value_id x,
                       int64_t outputs)
{
    int64_t inputs = channels_of(network, x);
    value_id w = parameter(network, (struct parameter_spec){name,
                                                            ".weight",
                                                            kind_of(frozen),
                                                            LAYOUT_LINEAR,
                                                            INIT_UNIFORM,
                                                            inputs,
                                                            {outputs, 1, 1, inputs}});
    value_id b = vector(network, kind_of(frozen), name, ".bias", INIT_UNIFORM, inputs, outputs);
    return graph_conv2d(network->graph, x, w, b, 1, 0);
}

value_id network_linear(struct network *network, const char *name, value_id x, int64_t outputs)
{
    return linear(network, false, name, x, outputs);
}

value_id network_frozen_linear(struct network *network, const char *name, value_id x,
                               int64_t outputs)
{
    return linear(network, true, name, x, outputs);
}

value_id network_batch_norm(struct network *network, bool frozen, const char *name, value_id x)
{
    int64_t c = channels_of(network, x);
    const bool eval = frozen ? !network->adapt : !network->training;
    mvad_parameter_kind statistic =
        frozen && !network->adapt ? MVAD_PARAMETER_FROZEN : MVAD_PARAMETER_STATISTIC;
    struct batch_norm_inputs inputs = {
        .gamma = vector(network, kind_of(frozen), name, ".weight", INIT_ONE, 1, c),
        .beta = vector(network, kind_of(frozen), name, ".bias", INIT_ZERO, 1, c),
        .mean = vector(network, statistic, name, ".running_mean", INIT_ZERO, 1, c),
        .var = vector(network, statistic, name, ".running_var", INIT_ONE, 1, c),
    };
    if (eval) return graph_batch_norm_eval(network->graph, x, inputs, BATCH_NORM_EPS);
    return graph_batch_norm(network->graph, x, inputs, BATCH_NORM_EPS,
                            network->adapt ? 1 : BATCH_NORM_MOMENTUM);
}

value_id network_layer_norm(struct network *network, const char *name, value_id x)
{
    int64_t c = channels_of(network, x);
    value_id gamma = vector(network, MVAD_PARAMETER_TRAINABLE, name, ".weight", INIT_ONE, 1, c);
    value_id beta = vector(network, MVAD_PARAMETER_TRAINABLE, name, ".bias", INIT_ZERO, 1, c);
    return graph_layer_norm(network->graph, x, gamma, beta, LAYER_NORM_EPS);
}
