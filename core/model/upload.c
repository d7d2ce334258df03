#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/graph/passes.h"
#include "core/model/model.h"

/* A parameter by name in the graph's layout; the caller frees it. */
static mvad_status graph_values(const struct mvad_model *model, const char *name, double **values,
                                mvad_error *error)
{
    const struct parameter *parameter = parameter_table_find(&model->table, name);
    *values = NULL;
    if (!parameter)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: the model has no such parameter",
                         name);
    *values = memory_allocate(parameter->count * sizeof **values);
    if (!*values) return error_out_of_memory(error, name, parameter->count * sizeof **values);
    parameter_to_graph(parameter, model->values + parameter->offset, *values);
    return MVAD_OK;
}

static mvad_status write_position(struct executor *executor, value_id id, mvad_error *error)
{
    const struct value *value = &executor_graph(executor)->values[id];
    size_t bytes = (size_t)value_count_elements(value) * sizeof(double);
    double *values = memory_allocate(bytes);
    if (!values) return error_out_of_memory(error, value->name, bytes);
    position_encoding(value->dim[1], value->dim[2], value->dim[3], values);
    mvad_status status = executor_write_double(executor, id, values, error);
    free(values);
    return status;
}

static mvad_status write_parameter(const struct mvad_model *model, struct executor *executor,
                                   value_id id, mvad_error *error)
{
    double *values;
    const char *name = executor_graph(executor)->values[id].name;
    mvad_status status = graph_values(model, name, &values, error);
    if (!status) status = executor_write_double(executor, id, values, error);
    free(values);
    return status;
}

static mvad_status write_fold(const struct mvad_model *model, struct executor *executor,
                              const struct fold *fold, mvad_error *error)
{
    const struct graph *graph = executor_graph(executor);
    enum { WEIGHT, GAMMA, BETA, MEAN, VAR, BIAS, SOURCES };
    const value_id ids[SOURCES] = {fold->source_weight, fold->gamma, fold->beta,
                                   fold->mean,          fold->var,   fold->source_bias};
    double *sources[SOURCES] = {NULL}, *weight = NULL, *bias = NULL;
    mvad_status status = MVAD_OK;
    for (int i = 0; i < SOURCES && !status; i++)
        if (value_present(ids[i]))
            status = graph_values(model, graph->values[ids[i]].name, &sources[i], error);
    if (status) goto cleanup;
    size_t weight_bytes =
        (size_t)value_count_elements(&graph->values[fold->weight]) * sizeof(double);
    size_t bias_bytes = (size_t)value_count_elements(&graph->values[fold->bias]) * sizeof(double);
    weight = memory_allocate(weight_bytes);
    bias = memory_allocate(bias_bytes);
    if (!weight || !bias) {
        status = error_out_of_memory(error, "folded weights", weight_bytes);
        goto cleanup;
    }
    fold_compute(graph, fold, sources[WEIGHT], sources[BIAS], sources[GAMMA], sources[BETA],
                 sources[MEAN], sources[VAR], weight, bias);
    status = executor_write_double(executor, fold->weight, weight, error);
    if (!status) status = executor_write_double(executor, fold->bias, bias, error);
cleanup:
    for (int i = 0; i < SOURCES; i++) free(sources[i]);
    free(weight);
    free(bias);
    return status;
}

static bool is_folded(const struct graph *graph, value_id id)
{
    for (size_t i = 0; i < graph->fold_count; i++)
        if (graph->folds[i].weight == id || graph->folds[i].bias == id) return true;
    return false;
}

mvad_status model_upload(const struct mvad_model *model, struct executor *executor,
                         mvad_error *error)
{
    const struct graph *graph = executor_graph(executor);
    mvad_status status = error_clear(error);
    for (value_id id = 0; id < graph->value_count && !status; id++) {
        const struct value *value = &graph->values[id];
        bool parameter = value->segment == SEGMENT_CONSTANT ||
                         value->segment == SEGMENT_TRAINABLE || value->segment == SEGMENT_STATISTIC;
        if (!parameter || !value->name || value->offset == OFFSET_UNUSED || is_folded(graph, id))
            continue;
        status = strncmp(value->name, "position.", 9) ? write_parameter(model, executor, id, error)
                                                      : write_position(executor, id, error);
    }
    for (size_t i = 0; i < graph->fold_count && !status; i++)
        status = write_fold(model, executor, &graph->folds[i], error);
    return status;
}
