/* Judges parts: maps, scores, regions. */
#include <math.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/options.h"
#include "core/data/handle.h"
#include "core/score/calibration.h"
#include "core/score/contours.h"
#include "core/score/map_runner.h"
#include "core/score/sample_feed.h"

struct mvad_predictor {
    mvad_predict_options options;
    int32_t image_size;
    mvad_thresholds fixed;          /* of everything, unless there is a calibration */
    struct calibration calibration; /* empty without one */
    struct map_runner runner;
    size_t reserved; /* views the runner has room for */
    struct contour_finder *finder;
    struct contours contours[MVAD_MAX_VIEWS]; /* of the part at hand */
    mvad_view_result views[MVAD_MAX_VIEWS];
    /* of the run at hand */
    const struct dataset *dataset;
    bool *take; /* which samples */
    struct sample_feed *feed;
};

static const struct options_shape options_shape = OPTIONS_SHAPE_WITH(mvad_predict_options, session);

void mvad_predict_options_init(mvad_predict_options *options, size_t size, size_t session_size)
{
    const mvad_predict_options defaults = {.session = mvad_session_options_default(),
                                           .threshold = NAN};
    options_init(&options_shape, &defaults, options, size, session_size);
}

static bool is_in_split(const struct dataset_sample *sample, mvad_split split)
{
    if (split == MVAD_SPLIT_ALL) return true;
    return (sample->split == DATASET_TRAIN) == (split == MVAD_SPLIT_TRAIN);
}

/* *any: whether a part is left. */
static mvad_status select_parts(mvad_predictor *p, bool *any, mvad_error *error)
{
    const struct dataset *dataset = p->dataset;
    bool in_split = false;
    *any = false;
    p->take = calloc(dataset->sample_count + 1, sizeof *p->take);
    if (!p->take) return error_out_of_memory(error, "parts", dataset->sample_count);
    for (size_t i = 0; i < dataset->sample_count; i++) {
        const struct dataset_sample *sample = &dataset->samples[i];
        if (!is_in_split(sample, p->options.split)) continue;
        in_split = true;
        p->take[i] =
            !p->options.select || p->options.select(dataset->classes[sample->class_index].name,
                                                    sample->name, p->options.user);
        *any |= p->take[i];
    }
    if (in_split) return MVAD_OK;
    return error_set(error, MVAD_ERROR_FORMAT, "the split has no part");
}

static mvad_status reserve(mvad_predictor *p, size_t views, mvad_error *error)
{
    if (views <= p->reserved) return MVAD_OK;
    mvad_status status = map_runner_reserve(&p->runner, views, error);
    if (!status) p->reserved = views;
    return status;
}

static mvad_status prepare(mvad_predictor *p, mvad_error *error)
{
    const struct sample_feed_options options = {.image_size = p->image_size,
                                                .per_run = 1,
                                                .take = p->take,
                                                .extents = true,
                                                .in_turn = p->options.in_turn,
                                                .keep_going = true};
    mvad_status status = sample_feed_create(p->dataset, &options, &p->feed, error);
    return status ? status : reserve(p, sample_feed_max_views(p->feed), error);
}

/* Of a part of the class, or of its view. */
static mvad_status find_thresholds(const mvad_predictor *p, const char *class_name,
                                   const char *view, mvad_thresholds *thresholds, mvad_error *error)
{
    *thresholds = p->fixed;
    if (!p->calibration.class_count) return MVAD_OK;
    return calibration_thresholds(&p->calibration, class_name, view, thresholds, error);
}

static float relative_score(float score, const mvad_thresholds *thresholds)
{
    return thresholds->reject > 0 ? score / thresholds->reject : NAN;
}

/* View v of the part at hand, which begins with `view` in the index. */
static mvad_status judge_view(mvad_predictor *p, const struct sample_batch *batch,
                              const struct dataset_view *view, size_t v,
                              const mvad_part_result *part, mvad_error *error)
{
    const size_t pixels = (size_t)p->image_size * (size_t)p->image_size;
    const float *map = p->runner.maps + v * pixels;
    const struct sample_extent *extent = &batch->extents[v];
    const float score = map_highest(map, pixels);
    mvad_thresholds thresholds;
    if (isnan(score))
        return error_set(error, MVAD_ERROR_NUMERIC, "%s: its anomaly map has a NaN or an infinity",
                         file_label(view->image));
    mvad_status status = find_thresholds(p, part->class_name, view->name, &thresholds, error);
    if (!status)
        status = contours_find(&p->contours[v], p->finder, map, part->thresholds.pixel,
                               extent->width, extent->height, error);
    p->views[v] = (mvad_view_result){.name = view->name,
                                     .image = view->image,
                                     .mask = view->mask,
                                     .label = (mvad_label)view->label,
                                     .width = extent->width,
                                     .height = extent->height,
                                     .map_size = p->image_size,
                                     .score = score,
                                     .relative = relative_score(score, &thresholds),
                                     .thresholds = thresholds,
                                     .map = map,
                                     .regions = p->contours[v].regions,
                                     .region_count = p->contours[v].count};
    return status;
}

static size_t most_responsible(const mvad_view_result *views, size_t count)
{
    size_t most = 0;
    for (size_t v = 1; v < count; v++) {
        const bool comparable = !isnan(views[v].relative) && !isnan(views[most].relative);
        if (comparable ? views[v].relative > views[most].relative
                       : views[v].score > views[most].score)
            most = v;
    }
    return most;
}

/* Fills in what the network says. A map that is not finite, or a class without thresholds, is the part's
 * own trouble, everything else that goes wrong is not. */
static mvad_status judge(mvad_predictor *p, const struct sample_batch *batch,
                         mvad_part_result *part, mvad_error *fault, mvad_error *error)
{
    const struct dataset_view *views =
        &p->dataset->views[p->dataset->samples[batch->first].first_view];
    if (find_thresholds(p, part->class_name, NULL, &part->thresholds, fault)) {
        part->fault = fault->message;
        return MVAD_OK;
    }
    const double begin = clock_seconds();
    mvad_status status = map_runner_run(&p->runner, batch->images, batch->views, error);
    if (status) return status;
    part->times.network = clock_seconds() - begin;
    part->score = -INFINITY;
    for (size_t v = 0; v < batch->views && !status; v++) {
        status = judge_view(p, batch, &views[v], v, part, fault);
        if (!status && p->views[v].score > part->score) part->score = p->views[v].score;
    }
    if (status == MVAD_ERROR_NUMERIC) {
        part->fault = fault->message;
        return MVAD_OK;
    }
    if (status) return error_set(error, status, "%s", fault->message);
    part->verdict = mvad_thresholds_judge(&part->thresholds, part->score);
    part->anomalous = part->verdict == MVAD_VERDICT_NG;
    part->relative = relative_score(part->score, &part->thresholds);
    part->responsible = most_responsible(p->views, batch->views);
    part->views = p->views;
    part->view_count = batch->views;
    return MVAD_OK;
}

static void mark_unjudged(mvad_part_result *part)
{
    part->score = part->relative = NAN;
    part->verdict = MVAD_VERDICT_ERROR;
    part->thresholds = (mvad_thresholds){0};
}

static mvad_status judge_all(mvad_predictor *p, mvad_error *error)
{
    struct sample_batch batch;
    mvad_error fault;
    for (;;) {
        mvad_status status = sample_feed_next(p->feed, &batch, error);
        if (status || !batch.count) return status;
        const double begin = clock_seconds();
        const struct dataset_sample *sample = &p->dataset->samples[batch.first];
        mvad_part_result part = {.class_name = p->dataset->classes[sample->class_index].name,
                                 .name = sample->name,
                                 .label = (mvad_label)sample->label,
                                 .fault = batch.fault,
                                 .times = {.decode = batch.times.decode,
                                           .resize = batch.times.resize,
                                           .normalise = batch.times.normalize}};
        if (!part.fault) status = judge(p, &batch, &part, &fault, error);
        if (status) return status;
        if (part.fault) mark_unjudged(&part);
        const double judging = clock_seconds() - begin;
        part.seconds = batch.seconds + judging;
        part.times.score = judging - part.times.network;
        if (p->options.part && p->options.part(&part, p->options.user)) return MVAD_OK;
    }
}

static mvad_status check(const mvad_model *model, mvad_predictor *p, mvad_error *error)
{
    const mvad_predict_options *options = &p->options;
    const float threshold = options->threshold;
    if (options->split < MVAD_SPLIT_TEST || options->split > MVAD_SPLIT_ALL)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "split is out of range");
    if (isinf(threshold))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "threshold is infinite");
    p->fixed = (mvad_thresholds){threshold, threshold, threshold};
    return isnan(threshold) ? calibration_find(model, &p->calibration, error) : MVAD_OK;
}

mvad_status mvad_predictor_create(const mvad_model *model, mvad_device *device,
                                  const mvad_predict_options *options, mvad_predictor **predictor,
                                  mvad_error *error)
{
    if (!predictor) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "predictor is NULL");
    *predictor = NULL;
    if (!model || !device)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or device is NULL");
    mvad_predict_options own = mvad_predict_options_default();
    mvad_status status = options_read(&options_shape, options, &own, error);
    if (status) return status;
    mvad_predictor *p = calloc(1, sizeof *p);
    if (!p) return error_out_of_memory(error, "predictor", sizeof *p);
    p->options = own;
    p->image_size = mvad_model_config(model).image_size;
    p->runner = (struct map_runner){.model = model, .device = device, .options = own.session};
    p->runner.options.samples = 1;
    status = check(model, p, error);
    if (!status) status = contour_finder_create(p->image_size, &p->finder, error);
    if (status) {
        mvad_predictor_destroy(p);
        return status;
    }
    *predictor = p;
    return error_clear(error);
}

mvad_status mvad_predictor_run(mvad_predictor *predictor, const mvad_dataset *dataset,
                               mvad_error *error)
{
    if (!predictor || !dataset)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "predictor or data set is NULL");
    bool any = false;
    predictor->dataset = &dataset->index;
    mvad_status status = select_parts(predictor, &any, error);
    if (!status && any) status = prepare(predictor, error);
    if (!status && any) status = judge_all(predictor, error);
    sample_feed_destroy(predictor->feed);
    free(predictor->take);
    predictor->feed = NULL;
    predictor->take = NULL;
    predictor->dataset = NULL;
    return status ? status : error_clear(error);
}

void mvad_predictor_destroy(mvad_predictor *predictor)
{
    if (!predictor) return;
    map_runner_free(&predictor->runner);
    contour_finder_destroy(predictor->finder);
    calibration_free(&predictor->calibration);
    for (size_t v = 0; v < MVAD_MAX_VIEWS; v++) contours_free(&predictor->contours[v]);
    free(predictor);
}

mvad_status mvad_predict(const mvad_model *model, mvad_device *device, const mvad_dataset *dataset,
                         const mvad_predict_options *options, mvad_error *error)
{
    mvad_predictor *predictor;
    if (!dataset) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "data set is NULL");
    mvad_status status = mvad_predictor_create(model, device, options, &predictor, error);
    if (!status) status = mvad_predictor_run(predictor, dataset, error);
    mvad_predictor_destroy(predictor);
    return status;
}
