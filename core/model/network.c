#include "core/model/network.h"

#include <stdio.h>

#include "core/base/error.h"
#include "core/graph/autodiff.h"
#include "core/graph/count.h"
#include "core/graph/passes.h"

#define MAX_SAMPLES 4096

static mvad_status check_batch(const mvad_config *config, int32_t samples, int32_t views,
                               mvad_error *error)
{
    mvad_status status = mvad_config_check(config, error);
    if (status) return status;
    if (samples < 1 || samples > MAX_SAMPLES)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "samples is %d; 1 to %d", samples,
                         MAX_SAMPLES);
    if (views < 0 || views > MVAD_MAX_VIEWS)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "views is %d; 1 to %d", views,
                         MVAD_MAX_VIEWS);
    return MVAD_OK;
}

static value_id images_input(struct network *network, int32_t samples)
{
    int64_t size = network->config.image_size;
    return graph_input(network->graph, "images", network->graph->real,
                       (int64_t[4]){(int64_t)samples * network->views, size, size, 3});
}

static void name_features(struct graph *graph, const char *side, const struct features *features)
{
    for (int s = 0; s < MVAD_SCALES; s++) {
        char name[32];
        snprintf(name, sizeof name, "%s.%d", side, s);
        graph_output(graph, features->scale[s], name);
    }
}

static void build_evaluation(struct network *network, int32_t samples)
{
    struct features teacher = network_teacher(network, images_input(network, samples));
    value_id embedding = network_fusion(network, &teacher);
    struct features student = network_student(network, embedding);
    name_features(network->graph, "teacher", &teacher);
    name_features(network->graph, "student", &student);
    network_anomaly_maps(network, &teacher, &student);
}

static mvad_status build_evaluation_checked(const mvad_config *config, int32_t samples,
                                            int32_t views, mvad_precision precision,
                                            struct parameter_table *table, struct graph *graph,
                                            mvad_error *error)
{
    graph_init(graph, precision_dtype(precision));
    graph->tf32 = precision == MVAD_PRECISION_TF32;
    mvad_status status = check_batch(config, samples, views, error);
    if (status) return status;
    struct network network = {
        .graph = graph, .table = table, .config = *config, .views = views ? views : config->views};
    build_evaluation(&network, samples);
    return graph_status(graph, error);
}

mvad_status network_build_unfused(const mvad_config *config, int32_t samples, int32_t views,
                                  struct parameter_table *table, struct graph *graph,
                                  mvad_error *error)
{
    mvad_status status =
        build_evaluation_checked(config, samples, views, MVAD_PRECISION_F32, table, graph, error);
    if (status) graph_free(graph);
    return status;
}

mvad_status network_build_inference(const mvad_config *config, int32_t samples, int32_t views,
                                    mvad_precision precision, struct parameter_table *table,
                                    struct built_graph *built, mvad_error *error)
{
    mvad_status status =
        build_evaluation_checked(config, samples, views, precision, table, &built->graph, error);
    if (!status) {
        built->paper_macs = count_graph_paper_macs(&built->graph, false);
        graph_fuse(&built->graph);
        status = graph_status(&built->graph, error);
    }
    if (status) graph_free(&built->graph);
    return status;
}

static mvad_status check_training(const mvad_trainer_options *options, mvad_error *error)
{
    if (!(options->dropout >= 0 && options->dropout < 1) ||
        !(options->drop_path >= 0 && options->drop_path < 1))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "dropout and drop path must be in [0, 1)");
    if (!(options->loss_weight > 0))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "loss weight must be positive");
    return MVAD_OK;
}

mvad_status network_build_training(const mvad_config *config, const mvad_trainer_options *options,
                                   struct built_graph *built, mvad_error *error)
{
    struct graph *graph = &built->graph;
    graph_init(graph, precision_dtype(options->precision));
    graph->tf32 = options->precision == MVAD_PRECISION_TF32;
    mvad_status status = check_batch(config, options->samples, options->views, error);
    if (!status) status = check_training(options, error);
    if (status) return status;
    struct network network = {.graph = graph,
                              .config = *config,
                              .views = options->views ? options->views : config->views,
                              .training = true,
                              .dropout = options->dropout,
                              .drop_path = options->drop_path};
    struct features teacher = network_teacher(&network, images_input(&network, options->samples));
    value_id loss = network_student_loss(&network, network_fusion(&network, &teacher), &teacher,
                                         options->loss_weight);
    graph_output(graph, loss, "loss");
    built->paper_macs = count_graph_paper_macs(graph, true);
    if (!graph->error.status && !graph_differentiate(graph, loss) && !graph_append_adamw(graph) &&
        !graph_fuse(graph))
        graph_recompute(graph, options->recompute ? RECOMPUTE_CHEAP : RECOMPUTE_SUMS);
    status = graph_status(graph, error);
    if (status) graph_free(graph);
    return status;
}

mvad_status network_build_adaptation(const mvad_config *config, int32_t images,
                                     struct built_graph *built, mvad_error *error)
{
    struct graph *graph = &built->graph;
    graph_init(graph, DTYPE_F32);
    mvad_status status = check_batch(config, images, 1, error);
    if (status) return status;
    struct network network = {
        .graph = graph, .config = *config, .views = 1, .training = true, .adapt = true};
    struct features teacher = network_teacher(&network, images_input(&network, images));
    graph_output(graph, teacher.scale[MVAD_SCALES - 1], "teacher.2");
    built->paper_macs = count_graph_paper_macs(graph, false);
    if (!graph->error.status) graph_fuse(graph);
    status = graph_status(graph, error);
    if (status) graph_free(graph);
    return status;
}

mvad_status network_parameters(const mvad_config *config, struct parameter_table *table,
                               mvad_error *error)
{
    struct graph graph;
    *table = (struct parameter_table){0};
    mvad_status status = network_build_unfused(config, 1, 0, table, &graph, error);
    if (status)
        parameter_table_free(table);
    else
        graph_free(&graph);
    return status;
}
