/* The ten metrics of a data set's test split: one pass over its samples. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/options.h"
#include "core/data/handle.h"
#include "core/score/map_folder.h"
#include "core/score/map_runner.h"
#include "core/score/metrics.h"
#include "core/score/sample_feed.h"
#include "core/score/score_list.h"

_Static_assert((int)MVAD_METRIC_COUNT == (int)METRIC_COUNT &&
                   (int)MVAD_METRIC_IMAGE_AUROC == (int)METRIC_IMAGE_AUROC &&
                   (int)MVAD_METRIC_PIXEL_AUPRO == (int)METRIC_PIXEL_AUPRO,
               "the public metrics are those of metrics.h in the same order");
_Static_assert((int)MVAD_NORMAL == (int)DATASET_NORMAL &&
                   (int)MVAD_ANOMALOUS == (int)DATASET_ANOMALOUS &&
                   (int)MVAD_UNLABELLED == (int)DATASET_UNKNOWN,
               "the public labels are those of dataset.h");

struct evaluation {
    const struct dataset *dataset;
    const mvad_evaluate_options *options;
    int32_t image_size;
    struct sample_feed *feed;
    struct map_runner runner;
    float scores[MVAD_MAX_VIEWS]; /* of the sample at hand */
    struct map_folder folder;
    /* Samples come class by class: of what is counted there is one class at a time. */
    size_t class_index;      /* the class at hand, where there are metrics */
    struct metrics *metrics; /* of its samples and pixels; NULL: no class yet */
    /* Image scores. A view may count as an image but not with its pixels, which `metrics` only takes
     * together. */
    struct score_list images;
    struct metrics_row *rows; /* of all classes */
};

const char *mvad_metric_name(mvad_metric metric)
{
    return metric_name((enum metric)metric);
}

const char *mvad_metric_key(mvad_metric metric)
{
    static const char *const keys[MVAD_METRIC_COUNT] = {
        "sample_auroc", "sample_ap",   "sample_f1_max", "image_auroc",  "image_ap",
        "image_f1_max", "pixel_auroc", "pixel_ap",      "pixel_f1_max", "pixel_aupro"};
    return (unsigned)metric < MVAD_METRIC_COUNT ? keys[metric] : NULL;
}

static const struct options_shape options_shape =
    OPTIONS_SHAPE_WITH(mvad_evaluate_options, session);

void mvad_evaluate_options_init(mvad_evaluate_options *options, size_t size, size_t session_size)
{
    const mvad_evaluate_options defaults = {.session = mvad_session_options_default()};
    options_init(&options_shape, &defaults, options, size, session_size);
}

static mvad_status prepare(struct evaluation *e, mvad_error *error)
{
    const size_t classes = e->dataset->class_count, samples = (size_t)e->options->session.samples;
    const struct sample_feed_options options = {
        .image_size = e->image_size, .per_run = samples, .marks = true};
    mvad_status status = sample_feed_create(e->dataset, &options, &e->feed, error);
    if (status) return status;
    e->rows = calloc(classes, sizeof *e->rows);
    if (!e->rows) return error_out_of_memory(error, "metrics", classes * sizeof *e->rows);
    return map_runner_reserve(&e->runner, sample_feed_max_views(e->feed), error);
}

/* Adds one view; *score is its image score. Without a label a view counts in nothing but the
 * sample's score; anomalous without a mask, nobody knows which of its pixels are. */
static mvad_status add_view(struct evaluation *e, const struct dataset_sample *sample, size_t v,
                            const float *map, const uint8_t *marks, float *score, mvad_error *error)
{
    const struct dataset_view *view = &e->dataset->views[sample->first_view + v];
    const bool anomalous = view->label == DATASET_ANOMALOUS;
    *score = map_highest(map, (size_t)e->image_size * (size_t)e->image_size);
    if (isnan(*score))
        return error_set(error, MVAD_ERROR_NUMERIC,
                         "%s, sample %s, view %s: its anomaly map has a NaN or an infinity",
                         e->dataset->classes[sample->class_index].name, sample->name, view->name);
    if (view->label == DATASET_UNKNOWN) return MVAD_OK;
    mvad_status status = score_list_add(&e->images, *score, anomalous, error);
    if (!status && (!anomalous || view->mask))
        status = metrics_add_view(e->metrics, 0, map, view->mask ? marks : NULL, anomalous, error);
    return status;
}

/* Adds sample number i of a batch. */
static mvad_status add_sample(struct evaluation *e, const struct sample_batch *batch, size_t i,
                              mvad_error *error)
{
    const struct dataset_sample *sample = &e->dataset->samples[batch->first + i];
    const char *class_name = e->dataset->classes[sample->class_index].name;
    const size_t pixels = (size_t)e->image_size * (size_t)e->image_size;
    const size_t first = i * batch->views; /* image */
    mvad_status status = MVAD_OK;
    float highest = -INFINITY;
    for (size_t v = 0; v < batch->views && !status; v++) {
        const size_t at = (first + v) * pixels;
        status =
            add_view(e, sample, v, e->runner.maps + at, batch->marks + at, &e->scores[v], error);
        if (!status && e->scores[v] > highest) highest = e->scores[v];
    }
    if (!status && sample->label != DATASET_UNKNOWN)
        status =
            metrics_add_sample(e->metrics, 0, highest, sample->label == DATASET_ANOMALOUS, error);
    if (!status && e->folder.path)
        status = map_folder_save(&e->folder, class_name, sample->name, (int64_t)batch->views,
                                 e->image_size, e->runner.maps + first * pixels, error);
    const mvad_sample_scores scores = {.class_name = class_name,
                                       .name = sample->name,
                                       .label = (mvad_label)sample->label,
                                       .score = highest,
                                       .views = (int32_t)batch->views,
                                       .view_scores = e->scores};
    if (!status && e->options->sample) e->options->sample(&scores, e->options->user);
    return status;
}

static mvad_status end_class(struct evaluation *e, mvad_error *error)
{
    struct curve_metrics curve;
    if (!e->metrics) return MVAD_OK;
    struct metrics_row *row = &e->rows[e->class_index];
    mvad_status status = e->options->strips ? metrics_result_strips(e->metrics, 0, row, error)
                                            : metrics_result(e->metrics, 0, row, error);
    if (!status) {
        score_list_measure(&e->images, &curve);
        row->value[METRIC_IMAGE_AUROC] = curve.auroc;
        row->value[METRIC_IMAGE_AP] = curve.ap;
        row->value[METRIC_IMAGE_F1_MAX] = curve.f1_max;
    }
    metrics_destroy(e->metrics);
    e->metrics = NULL;
    score_list_clear(&e->images);
    return status;
}

/* Measures the class at hand when the samples of another one come. */
static mvad_status enter_class(struct evaluation *e, size_t class_index, mvad_error *error)
{
    if (e->metrics && e->class_index == class_index) return MVAD_OK;
    mvad_status status = end_class(e, error);
    e->class_index = class_index;
    return status ? status : metrics_create(1, (uint32_t)e->image_size, 0, &e->metrics, error);
}

static mvad_status score_all(struct evaluation *e, bool *stopped, mvad_error *error)
{
    const mvad_evaluate_options *options = e->options;
    struct sample_batch batch;
    size_t done = 0;
    for (;;) {
        mvad_status status = sample_feed_next(e->feed, &batch, error);
        if (!status && !batch.count) return end_class(e, error);
        if (!status) status = enter_class(e, e->dataset->samples[batch.first].class_index, error);
        if (!status) status = map_runner_run(&e->runner, batch.images, batch.views, error);
        for (size_t i = 0; i < batch.count && !status; i++)
            status = add_sample(e, &batch, i, error);
        if (status) return status;
        done += batch.count;
        *stopped =
            options->progress && options->progress(done, sample_feed_total(e->feed), options->user);
        if (*stopped) return MVAD_OK;
    }
}

static void visit_row(const struct metrics_row *values, mvad_metrics_row *row,
                      void (*visit)(const mvad_metrics_row *row, void *user), void *user)
{
    memcpy(row->value, values->value, sizeof row->value);
    memcpy(row->error, values->error, sizeof row->error);
    visit(row, user);
}

/* The rows, once all of them are there. */
static void report(struct evaluation *e, void (*visit)(const mvad_metrics_row *row, void *user),
                   void *user)
{
    const struct dataset *dataset = e->dataset;
    size_t count = 0;
    struct metrics_row mean, *rows = e->rows;
    mvad_metrics_row total = {.name = "mean"};
    for (size_t c = 0; c < dataset->class_count; c++)
        if (dataset->classes[c].test_count) rows[count++] = rows[c];
    metrics_mean(rows, count, &mean);
    count = 0;
    for (size_t c = 0; c < dataset->class_count; c++) {
        const struct dataset_class *class = &dataset->classes[c];
        mvad_metrics_row row = {.name = class->name, .samples = class->test_count};
        if (!class->test_count) continue;
        for (size_t i = 0; i < class->test_count; i++)
            row.views += dataset->samples[class->first_sample + class->train_count + i].view_count;
        total.samples += row.samples;
        total.views += row.views;
        visit_row(&rows[count++], &row, visit, user);
    }
    visit_row(&mean, &total, visit, user);
}

static void free_evaluation(struct evaluation *e)
{
    sample_feed_destroy(e->feed);
    map_runner_free(&e->runner);
    metrics_destroy(e->metrics);
    map_folder_free(&e->folder);
    score_list_clear(&e->images);
    free(e->rows);
}

mvad_status mvad_evaluate(const mvad_model *model, mvad_device *device, const mvad_dataset *dataset,
                          const mvad_evaluate_options *options,
                          void (*visit)(const mvad_metrics_row *row, void *user), void *user,
                          mvad_error *error)
{
    if (!model || !device || !dataset || !visit)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "model, device, data set or visit is NULL");
    mvad_evaluate_options own = mvad_evaluate_options_default();
    mvad_status status = options_read(&options_shape, options, &own, error);
    if (status) return status;
    if (own.session.samples < 1)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "samples is %d; at least 1",
                         own.session.samples);
    struct evaluation e = {.dataset = &dataset->index,
                           .options = &own,
                           .image_size = mvad_model_config(model).image_size,
                           .runner = {.model = model, .device = device, .options = own.session},
                           .folder = {.path = own.maps}};
    bool stopped = false;
    status = prepare(&e, error);
    if (!status) status = score_all(&e, &stopped, error);
    if (!status && !stopped) report(&e, visit, user);
    free_evaluation(&e);
    return status ? status : error_clear(error);
}
