/* The teacher's batch norms, fitted to the training images (Li et al. 2016, "Revisiting batch
 * normalization for practical domain adaptation"). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/data/handle.h"
#include "core/data/load.h"
#include "core/model/model.h"
#include "core/model/network.h"
#include "core/score/images.h"
#include "core/train/shuffle.h"
#include "core/train/training_set.h"

#define BATCH_IMAGES 32
#define MAX_IMAGES 4096 /* each gives thousands of pixels: more change nothing but the time */

struct estimate {
    mvad_model *model;
    struct executor *executor;
    value_id images;
    size_t *order; /* training images, shuffled: indices of the data set's views */
    size_t batches, batch_images;
    uint8_t *pixels;
    float *batch;           /* (batch_images, 3, S, S) */
    double *sums, *squares; /* over the batches, of every parameter's elements at its offset */
};

static bool is_statistic(const struct parameter *parameter)
{
    return parameter->statistic && !strncmp(parameter->name, "net_t.", 6);
}

static mvad_status list_images(struct estimate *e, const struct dataset *dataset, mvad_error *error)
{
    size_t count = 0;
    size_t *views = malloc((dataset->view_count + 1) * sizeof *views);
    size_t *shuffled = malloc((dataset->view_count + 1) * sizeof *shuffled);
    e->order = views;
    if (!views || !shuffled) {
        free(shuffled);
        return error_out_of_memory(error, "training images", dataset->view_count * sizeof *views);
    }
    for (size_t i = 0; i < dataset->sample_count; i++)
        if (dataset->samples[i].split == DATASET_TRAIN)
            for (size_t v = 0; v < dataset->samples[i].view_count; v++)
                views[count++] = dataset->samples[i].first_view + v;
    shuffle_order(0, 0, shuffled, count);
    for (size_t i = 0; i < count; i++) shuffled[i] = views[shuffled[i]];
    free(views);
    e->order = shuffled;
    if (!count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "there are no training images");
    if (count > MAX_IMAGES) count = MAX_IMAGES;
    e->batch_images = count < BATCH_IMAGES ? count : BATCH_IMAGES;
    e->batches = count / e->batch_images;
    return MVAD_OK;
}

static mvad_status prepare(struct estimate *e, mvad_device *device, const struct dataset *dataset,
                           mvad_error *error)
{
    const mvad_config *config = &e->model->config;
    const size_t pixels = 3 * (size_t)config->image_size * (size_t)config->image_size;
    struct built_graph built;
    mvad_status status = list_images(e, dataset, error);
    if (!status) status = network_build_adaptation(config, (int32_t)e->batch_images, &built, error);
    if (!status) status = executor_create(device, &built.graph, &e->executor, error);
    if (!status) status = model_upload(e->model, e->executor, error);
    if (status) return status;
    const size_t sums = e->model->table.elements * sizeof *e->sums;
    e->images = graph_find(executor_graph(e->executor), "images");
    e->pixels = malloc(pixels);
    e->batch = memory_allocate(e->batch_images * pixels * sizeof *e->batch);
    e->sums = calloc(1, sums);
    e->squares = calloc(1, sums);
    if (!e->pixels || !e->batch || !e->sums || !e->squares)
        return error_out_of_memory(error, "training images",
                                   e->batch_images * pixels * sizeof *e->batch + 2 * sums);
    return MVAD_OK;
}

static mvad_status run_batch(struct estimate *e, const struct dataset *dataset, size_t number,
                             mvad_error *error)
{
    const int32_t size = e->model->config.image_size;
    mvad_status status = MVAD_OK;
    for (size_t i = 0; i < e->batch_images && !status; i++) {
        const size_t view = e->order[number * e->batch_images + i];
        status = load_view(dataset, view, size, e->pixels, NULL, error);
        if (!status)
            load_normalize(e->pixels, size, e->batch + i * 3 * (size_t)size * (size_t)size);
    }
    if (!status) status = images_stage(e->executor, e->images, e->batch, error);
    return status ? status : executor_run(e->executor, NULL, error);
}

static mvad_status add_batch(struct estimate *e, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    for (size_t i = 0; i < e->model->table.count && !status; i++) {
        const struct parameter *parameter = &e->model->table.items[i];
        if (!is_statistic(parameter)) continue;
        double *raw = malloc(parameter->count * sizeof *raw);
        if (!raw)
            return error_out_of_memory(error, parameter->name, parameter->count * sizeof *raw);
        const value_id id = graph_find(executor_graph(e->executor), parameter->name);
        status = executor_read_double(e->executor, id, raw, error);
        for (size_t c = 0; c < parameter->count && !status; c++) {
            if (!isfinite(raw[c]))
                status = error_set(error, MVAD_ERROR_NUMERIC,
                                   "%s: the training images give it a NaN or an infinity",
                                   parameter->name);
            e->sums[parameter->offset + c] += raw[c];
            e->squares[parameter->offset + c] += raw[c] * raw[c];
        }
        free(raw);
    }
    return status;
}

/* The mean that belongs to a variance; NULL where the parameter is a mean itself. */
static const struct parameter *mean_of(const struct estimate *e, const struct parameter *parameter)
{
    char name[sizeof parameter->name + 8];
    const char *suffix = strstr(parameter->name, ".running_var");
    if (!suffix) return NULL;
    snprintf(name, sizeof name, "%.*s.running_mean", (int)(suffix - parameter->name),
             parameter->name);
    return parameter_table_find(&e->model->table, name);
}

/* Mean of the means; mean of the variances within the batches plus the variance between them. */
static void take_over(struct estimate *e)
{
    const double batches = (double)e->batches;
    for (size_t i = 0; i < e->model->table.count; i++) {
        const struct parameter *parameter = &e->model->table.items[i];
        if (!is_statistic(parameter)) continue;
        const struct parameter *mean = mean_of(e, parameter);
        for (size_t c = 0; c < parameter->count; c++) {
            double value = e->sums[parameter->offset + c] / batches;
            if (mean) {
                const double average = e->sums[mean->offset + c] / batches;
                const double between = e->squares[mean->offset + c] / batches - average * average;
                if (between > 0) value += between;
            }
            e->model->values[parameter->offset + c] = (float)value;
        }
    }
}

mvad_status mvad_model_estimate_teacher_norms(mvad_model *model, mvad_device *device,
                                              const mvad_dataset *dataset,
                                              int32_t (*progress)(size_t done, size_t total,
                                                                  void *user),
                                              void *user, int32_t *finished, mvad_error *error)
{
    if (!model || !device || !dataset || !finished)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    struct estimate e = {.model = model};
    bool stopped = false;
    *finished = 0;
    mvad_status status = prepare(&e, device, &dataset->index, error);
    for (size_t b = 0; b < e.batches && !status && !stopped; b++) {
        status = run_batch(&e, &dataset->index, b, error);
        if (!status) status = add_batch(&e, error);
        if (!status && progress) stopped = progress(b + 1, e.batches, user);
    }
    if (!status && !stopped)
        status = mvad_model_set_note(model, "mvad.teacher_norm", "data", error);
    if (!status && !stopped) {
        take_over(&e);
        *finished = 1;
    }
    executor_destroy(e.executor);
    free(e.order);
    free(e.pixels);
    free(e.batch);
    free(e.sums);
    free(e.squares);
    return status ? status : error_clear(error);
}
