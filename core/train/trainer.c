#include "core/train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/options.h"
#include "core/base/random.h"
#include "core/graph/profile.h"
#include "core/model/cost.h"
#include "core/model/model.h"
#include "core/model/network.h"
#include "core/score/images.h"

struct mvad_trainer {
    struct executor *executor;
    struct parameter_table table;
    mvad_config config;
    mvad_trainer_options options;
    double paper_macs;
    uint64_t step; /* done so far, skipped ones included */
    struct loss_scale scale;
    double gradient_scale; /* of the last step */
    value_id images, hyper, random, loss_scale, loss, gradient_norm;
    bool has_images, started;
};

static const struct options_shape options_shape = OPTIONS_SHAPE(mvad_trainer_options);

void mvad_trainer_options_init(mvad_trainer_options *options, size_t size)
{
    static const mvad_trainer_options defaults = {.samples = 8,
                                                  .beta1 = 0.9,
                                                  .beta2 = 0.999,
                                                  .epsilon = 1e-8,
                                                  .weight_decay = 1e-4,
                                                  .clip_norm = 5,
                                                  .loss_weight = 5,
                                                  .dropout = 0.1,
                                                  .drop_path = 0.1};
    options_init(&options_shape, &defaults, options, size, 0);
}

static mvad_status check_options(const mvad_trainer_options *options, mvad_error *error)
{
    if ((unsigned)options->precision >= MVAD_PRECISION_COUNT)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "precision is out of range");
    const double betas[2] = {options->beta1, options->beta2};
    for (int i = 0; i < 2; i++)
        if (!(betas[i] >= 0 && betas[i] < 1))
            return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "beta%d must be in [0, 1)", i + 1);
    if (!(options->epsilon > 0) || !(options->weight_decay >= 0) || !(options->clip_norm > 0) ||
        !(options->learning_rate >= 0))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "epsilon and clip norm must be positive, weight decay and learning rate "
                         "not negative");
    return MVAD_OK;
}

static mvad_status find_values(mvad_trainer *trainer, mvad_error *error)
{
    const struct graph *graph = executor_graph(trainer->executor);
    trainer->images = graph_find(graph, "images");
    trainer->hyper = graph_find(graph, "hyper");
    trainer->random = graph_find(graph, "random");         /* VALUE_NONE without dropout */
    trainer->loss_scale = graph_find(graph, "loss_scale"); /* VALUE_NONE but for F16 */
    trainer->loss = graph_find(graph, "loss");
    trainer->gradient_norm = graph_find(graph, "gradient_norm");
    void *staging; /* made now, so that no step fails for want of it */
    return executor_staging(trainer->executor, value_bytes(&graph->values[trainer->images]),
                            &staging, error);
}

mvad_status mvad_trainer_create(const mvad_model *model, mvad_device *device,
                                const mvad_trainer_options *options, mvad_trainer **trainer,
                                mvad_error *error)
{
    if (!trainer) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "trainer is NULL");
    *trainer = NULL;
    if (!model || !device)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or device is NULL");
    mvad_trainer_options own = mvad_trainer_options_default();
    mvad_status status = options_read(&options_shape, options, &own, error);
    if (!status) status = check_options(&own, error);
    if (status) return status;
    mvad_trainer *t = calloc(1, sizeof *t);
    if (!t) return error_out_of_memory(error, "trainer", sizeof *t);
    t->config = model->config;
    t->options = own;
    t->gradient_scale = 1;
    t->scale.factor = own.precision == MVAD_PRECISION_F16 ? LOSS_SCALE_START : 1;
    if (!t->options.views) t->options.views = model->config.views;
    if (t->options.learning_rate == 0)
        t->options.learning_rate = 0.005 * t->options.samples * t->options.views / 16;
    struct built_graph built;
    status = network_build_training(&model->config, &t->options, &built, error);
    if (!status) status = executor_create(device, &built.graph, &t->executor, error);
    if (!status) status = model_upload(model, t->executor, error);
    if (!status) status = network_parameters(&model->config, &t->table, error);
    if (!status) status = find_values(t, error);
    if (status) {
        mvad_trainer_destroy(t);
        return status;
    }
    t->paper_macs = built.paper_macs;
    *trainer = t;
    return error_clear(error);
}

/* What a step reads beside the images that changes from step to step: random state, optimizer settings. */
static mvad_status write_settings(mvad_trainer *trainer, mvad_error *error)
{
    const mvad_trainer_options *options = &trainer->options;
    /* The optimizer has not seen the skipped steps. */
    const double step = (double)(trainer->step - trainer->scale.skipped + 1);
    double beta[2] = {options->beta1, options->beta2};
    /* The moments decay by the betas as the device has them; their bias corrections have to agree
     * with that. */
    if (options->precision != MVAD_PRECISION_F64)
        for (int i = 0; i < 2; i++) beta[i] = (double)(float)beta[i];
    const double hyper[ADAMW_HYPER_COUNT] = {
        [ADAMW_LEARNING_RATE] = options->learning_rate,
        [ADAMW_BETA1] = beta[0],
        [ADAMW_BETA2] = beta[1],
        [ADAMW_EPSILON] = options->epsilon,
        [ADAMW_WEIGHT_DECAY] = options->weight_decay,
        [ADAMW_BIAS1] = 1 - pow(beta[0], step),
        [ADAMW_BIAS2] = 1 - pow(beta[1], step),
        [ADAMW_CLIP_NORM] = options->clip_norm,
        [ADAMW_UNSCALE] = 1 / trainer->scale.factor,
    };
    const struct random_state random = {(uint32_t)options->seed, (uint32_t)(options->seed >> 32),
                                        (uint32_t)trainer->step, 0};
    mvad_status status = executor_write_double(trainer->executor, trainer->hyper, hyper, error);
    if (!status && value_present(trainer->random))
        status = executor_write(trainer->executor, trainer->random, &random, error);
    if (!status && value_present(trainer->loss_scale))
        status = executor_write_double(trainer->executor, trainer->loss_scale,
                                       &trainer->scale.factor, error);
    return status;
}

mvad_status mvad_trainer_stage(mvad_trainer *trainer, const float *images, mvad_error *error)
{
    if (!trainer || !images)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "trainer or images are NULL");
    mvad_status status = images_stage(trainer->executor, trainer->images, images, error);
    trainer->has_images |= !status;
    return status;
}

mvad_status mvad_trainer_start(mvad_trainer *trainer, mvad_error *error)
{
    if (!trainer || !trainer->has_images || trainer->started)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "trainer is NULL, has no images yet, or its last step was not finished");
    mvad_status status = write_settings(trainer, error);
    if (!status) status = executor_start(trainer->executor, error);
    trainer->started = !status;
    return status;
}

mvad_status mvad_trainer_finish(mvad_trainer *trainer, mvad_step_result *result, mvad_error *error)
{
    if (!trainer || !result || !trainer->started)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "trainer or result is NULL, or no step was started");
    *result = (mvad_step_result){0};
    trainer->started = false;
    mvad_status status = executor_wait(trainer->executor, error);
    if (!status)
        status = executor_read_double(trainer->executor, trainer->loss, &result->loss, error);
    if (!status)
        status = executor_read_double(trainer->executor, trainer->gradient_norm,
                                      &result->gradient_norm, error);
    if (status) return status;
    trainer->step++;
    trainer->gradient_scale = trainer->scale.factor;
    result->gradient_norm /= trainer->scale.factor;
    result->skipped = !isfinite(result->gradient_norm);
    const bool can_go_on = value_present(trainer->loss_scale)
                               ? loss_scale_update(&trainer->scale, !result->skipped)
                               : !result->skipped;
    if (!isfinite(result->loss) || !can_go_on)
        return error_set(error, MVAD_ERROR_NUMERIC, "step %llu: loss %g, gradient norm %g",
                         (unsigned long long)trainer->step, result->loss, result->gradient_norm);
    if (result->skipped) result->gradient_norm = INFINITY;
    return MVAD_OK;
}

mvad_status mvad_trainer_step(mvad_trainer *trainer, const float *images, mvad_step_result *result,
                              mvad_error *error)
{
    if (!result) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "result is NULL");
    mvad_status status = mvad_trainer_stage(trainer, images, error);
    if (!status) status = mvad_trainer_start(trainer, error);
    return status ? status : mvad_trainer_finish(trainer, result, error);
}

mvad_status mvad_trainer_set_learning_rate(mvad_trainer *trainer, double learning_rate,
                                           mvad_error *error)
{
    if (!trainer || !(learning_rate >= 0) || isinf(learning_rate))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "trainer is NULL or the learning rate is not a non-negative number");
    trainer->options.learning_rate = learning_rate;
    return error_clear(error);
}

/* Which segment holds what for a trainable parameter; the parameter itself is where its value says.
 * */
static const enum segment mirrors[] = {
    [MVAD_TRAINER_GRADIENT] = SEGMENT_GRADIENT,
    [MVAD_TRAINER_MOMENT1] = SEGMENT_MOMENT1,
    [MVAD_TRAINER_MOMENT2] = SEGMENT_MOMENT2,
};

static mvad_status find_parameter(const mvad_trainer *trainer, const char *name, size_t count,
                                  const struct parameter **parameter, value_id *id,
                                  mvad_error *error)
{
    *parameter = parameter_table_find(&trainer->table, name);
    *id = graph_find(executor_graph(trainer->executor), name);
    if (!*parameter || *id == VALUE_NONE || (*parameter)->kind == MVAD_PARAMETER_FROZEN)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: nothing the trainer trains", name);
    if ((*parameter)->count != count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: has %zu elements, not %zu", name,
                         (*parameter)->count, count);
    return MVAD_OK;
}

mvad_status mvad_trainer_read(mvad_trainer *trainer, mvad_trainer_value what, const char *name,
                              double *values, size_t count, mvad_error *error)
{
    if (!trainer || !name || !values || (unsigned)what > MVAD_TRAINER_MOMENT2)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL or out of range");
    const struct parameter *parameter;
    value_id id;
    mvad_status status = find_parameter(trainer, name, count, &parameter, &id, error);
    if (status) return status;
    double *raw = memory_allocate(count * sizeof *raw);
    if (!raw) return error_out_of_memory(error, name, count * sizeof *raw);
    status = what == MVAD_TRAINER_PARAMETER
                 ? executor_read_double(trainer->executor, id, raw, error)
                 : executor_read_mirror(trainer->executor, mirrors[what], id, raw, error);
    for (size_t i = 0; what == MVAD_TRAINER_GRADIENT && i < count; i++)
        raw[i] /= trainer->gradient_scale;
    if (!status) parameter_from_graph(parameter, raw, values);
    free(raw);
    return status;
}

mvad_status trainer_write(mvad_trainer *trainer, mvad_trainer_value what, const char *name,
                          const float *values, size_t count, mvad_error *error)
{
    const struct parameter *parameter;
    value_id id;
    mvad_status status = find_parameter(trainer, name, count, &parameter, &id, error);
    if (status) return status;
    double *raw = memory_allocate(count * sizeof *raw);
    if (!raw) return error_out_of_memory(error, name, count * sizeof *raw);
    parameter_to_graph(parameter, values, raw);
    status = what == MVAD_TRAINER_PARAMETER
                 ? executor_write_double(trainer->executor, id, raw, error)
                 : executor_write_mirror(trainer->executor, mirrors[what], id, raw, error);
    free(raw);
    return status;
}

const struct parameter_table *trainer_parameters(const mvad_trainer *trainer)
{
    return &trainer->table;
}

const mvad_trainer_options *trainer_options(const mvad_trainer *trainer)
{
    return &trainer->options;
}

uint64_t trainer_step_count(const mvad_trainer *trainer)
{
    return trainer->step;
}

void trainer_set_step_count(mvad_trainer *trainer, uint64_t step)
{
    trainer->step = step;
}

struct loss_scale *trainer_loss_scale(mvad_trainer *trainer)
{
    return value_present(trainer->loss_scale) ? &trainer->scale : NULL;
}

mvad_status mvad_trainer_export(mvad_trainer *trainer, mvad_model *model, mvad_error *error)
{
    if (!trainer || !model)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "trainer or model is NULL");
    if (memcmp(&trainer->config, &model->config, sizeof model->config))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "the model's configuration is not the trainer's");
    mvad_status status = error_clear(error);
    for (size_t i = 0; i < model->table.count && !status; i++) {
        const struct parameter *parameter = &model->table.items[i];
        if (parameter->kind == MVAD_PARAMETER_FROZEN) continue;
        double *values = memory_allocate(parameter->count * sizeof *values);
        if (!values) return error_out_of_memory(error, parameter->name, parameter->count * 8);
        status = mvad_trainer_read(trainer, MVAD_TRAINER_PARAMETER, parameter->name, values,
                                   parameter->count, error);
        for (size_t e = 0; e < parameter->count && !status; e++)
            model->values[parameter->offset + e] = (float)values[e];
        free(values);
    }
    return status;
}

mvad_status mvad_trainer_cost(const mvad_trainer *trainer, mvad_cost *cost, mvad_error *error)
{
    if (!trainer || !cost)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "trainer or cost is NULL");
    *cost = (mvad_cost){.activations_bytes = executor_plan(trainer->executor)->arena_bytes};
    cost_from_graph(executor_graph(trainer->executor), trainer->paper_macs, cost);
    cost_from_parameters(&trainer->table, cost);
    return error_clear(error);
}

mvad_status mvad_trainer_profile(mvad_trainer *trainer, const float *images,
                                 void (*visit)(const mvad_op_time *row, void *user), void *user,
                                 mvad_error *error)
{
    if (!trainer || !images || !visit)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    mvad_status status = mvad_trainer_stage(trainer, images, error);
    if (!status) status = write_settings(trainer, error);
    if (!status) status = profile_run(trainer->executor, visit, user, error);
    mvad_step_result result;
    trainer->started = !status;
    return status ? status : mvad_trainer_finish(trainer, &result, error);
}

void mvad_trainer_destroy(mvad_trainer *trainer)
{
    if (!trainer) return;
    executor_destroy(trainer->executor);
    parameter_table_free(&trainer->table);
    free(trainer);
}
