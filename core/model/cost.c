#include "core/model/cost.h"

#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/options.h"
#include "core/graph/count.h"
#include "core/graph/executor.h"

void cost_from_graph(const struct graph *graph, double paper_macs, mvad_cost *cost)
{
    cost->macs = paper_macs;
    cost->macs_executed = count_graph_executed_macs(graph);
    cost->traffic_bytes = count_graph_bytes(graph);
    cost->nodes = graph->node_count;
    cost->weights_bytes = 0;
    for (int s = 0; s < SEGMENT_COUNT; s++)
        if (s != SEGMENT_ARENA) cost->weights_bytes += graph->segment_bytes[s];
}

void cost_from_parameters(const struct parameter_table *table, mvad_cost *cost)
{
    cost->parameters = cost->parameters_trainable = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct parameter *parameter = &table->items[i];
        if (!parameter->statistic) cost->parameters += parameter->count;
        if (parameter->kind == MVAD_PARAMETER_TRAINABLE)
            cost->parameters_trainable += parameter->count;
    }
}

/* Plans a built graph on a device and frees it. */
static mvad_status cost_of(const mvad_config *config, mvad_device *device,
                           struct built_graph *built, mvad_cost *cost, mvad_error *error)
{
    struct parameter_table table = {0};
    size_t arena = 0;
    mvad_status status = executor_plan_bytes(device, &built->graph, &arena, error);
    if (!status) status = network_parameters(config, &table, error);
    if (!status) {
        cost_from_graph(&built->graph, built->paper_macs, cost);
        cost_from_parameters(&table, cost);
        cost->activations_bytes = arena;
    }
    parameter_table_free(&table);
    graph_free(&built->graph);
    return status;
}

static mvad_status check_precision(mvad_precision precision, mvad_error *error)
{
    if ((unsigned)precision < MVAD_PRECISION_COUNT) return MVAD_OK;
    return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "precision is out of range");
}

static mvad_status read_session_options(const mvad_session_options *given,
                                        mvad_session_options *own, mvad_error *error)
{
    static const struct options_shape shape = OPTIONS_SHAPE(mvad_session_options);
    *own = mvad_session_options_default();
    const mvad_status status = options_read(&shape, given, own, error);
    return status ? status : check_precision(own->precision, error);
}

mvad_status mvad_cost_inference(const mvad_config *config, mvad_device *device,
                                const mvad_session_options *options, mvad_cost *cost,
                                mvad_error *error)
{
    if (!config || !device || !options || !cost)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    *cost = (mvad_cost){0};
    mvad_session_options own;
    struct built_graph built;
    mvad_status status = read_session_options(options, &own, error);
    if (status) return status;
    status =
        network_build_inference(config, own.samples, own.views, own.precision, NULL, &built, error);
    return status ? status : cost_of(config, device, &built, cost, error);
}

mvad_status mvad_cost_training(const mvad_config *config, mvad_device *device,
                               const mvad_trainer_options *options, mvad_cost *cost,
                               mvad_error *error)
{
    if (!config || !device || !options || !cost)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    *cost = (mvad_cost){0};
    static const struct options_shape shape = OPTIONS_SHAPE(mvad_trainer_options);
    mvad_trainer_options own = mvad_trainer_options_default();
    struct built_graph built;
    mvad_status status = options_read(&shape, options, &own, error);
    if (!status) status = check_precision(own.precision, error);
    if (status) return status;
    status = network_build_training(config, &own, &built, error);
    return status ? status : cost_of(config, device, &built, cost, error);
}

mvad_status mvad_cost_layers(const mvad_config *config, const mvad_session_options *options,
                             void (*visit)(const mvad_layer_cost *layer, void *user), void *user,
                             mvad_error *error)
{
    if (!config || !options || !visit)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    mvad_session_options own;
    struct graph graph;
    struct parameter_table table = {0};
    mvad_status status = read_session_options(options, &own, error);
    if (status) return status;
    status = network_build_unfused(config, own.samples, own.views, &table, &graph, error);
    if (!status) {
        for (size_t s = 0; s < graph.scope_count; s++) {
            mvad_layer_cost layer = {.parameters = 0};
            bool any = false;
            snprintf(layer.name, sizeof layer.name, "%s", graph.scopes[s]);
            for (size_t i = 0; i < graph.node_count; i++) {
                if (graph.nodes[i].scope != s) continue;
                any = true;
                layer.macs += count_paper_macs(&graph, &graph.nodes[i]);
            }
            for (size_t i = 0; i < table.count; i++)
                if (table.items[i].scope == s && !table.items[i].statistic)
                    layer.parameters += table.items[i].count;
            if (any) visit(&layer, user);
        }
        graph_free(&graph);
    }
    parameter_table_free(&table);
    return status;
}
