/* Thresholds from the scores of good parts. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/options.h"
#include "core/data/handle.h"
#include "core/data/image.h"
#include "core/data/part_hashes.h"
#include "core/score/calibration.h"
#include "core/score/map_runner.h"
#include "core/score/sample_feed.h"
#include "core/score/tolerance.h"

/* Scores of one thing, part by part. */
struct scores {
    char *name; /* of a view; owned, until it is given to the calibration */
    float *values;
    size_t count, capacity;
};

struct work {
    const struct dataset *dataset;
    const mvad_calibrate_options *options;
    size_t pixels; /* of a map */
    struct map_runner runner;
    struct sample_feed *feed;
    bool *take;
    float *sorted; /* the pixels of a part */
    uint64_t data; /* hash of what was seen */
    bool stopped;  /* asked for by options->progress */
    /* of the class at hand */
    struct scores parts,
        levels; /* `levels`: below which all but pixel_share of a part's pixels are */
    struct scores *views;
    size_t view_count, view_capacity;
    struct calibration calibration;
};

static const struct options_shape options_shape =
    OPTIONS_SHAPE_WITH(mvad_calibrate_options, session);

void mvad_calibrate_options_init(mvad_calibrate_options *options, size_t size, size_t session_size)
{
    const mvad_calibrate_options defaults = {.session = mvad_session_options_default(),
                                             .confidence = 0.95,
                                             .reject_rate = 0.01,
                                             .unsure_rate = 0.05,
                                             .pixel_share = 0.001};
    options_init(&options_shape, &defaults, options, size, session_size);
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static mvad_status add_score(struct scores *scores, float value, mvad_error *error)
{
    if (!memory_grow((void **)&scores->values, &scores->capacity, scores->count, sizeof value))
        return error_out_of_memory(error, "scores", scores->count * sizeof value);
    scores->values[scores->count++] = value;
    return MVAD_OK;
}

static mvad_status add_view_score(struct work *w, const char *name, float value, mvad_error *error)
{
    size_t v = 0;
    while (v < w->view_count && strcmp(w->views[v].name, name) != 0) v++;
    if (v == w->view_count) {
        char *copy = memory_copy_string(name);
        if (!copy || !memory_grow((void **)&w->views, &w->view_capacity, v, sizeof *w->views)) {
            free(copy);
            return error_out_of_memory(error, "scores of views", v * sizeof *w->views);
        }
        w->views[w->view_count++] = (struct scores){.name = copy};
    }
    return add_score(&w->views[v], value, error);
}

static mvad_status hash_file(struct work *w, const char *path, mvad_error *error)
{
    struct file_mapping mapping;
    mvad_status status = file_map(path, IMAGE_MAX_FILE_BYTES, &mapping, error);
    if (status) return status;
    w->data = hash_bytes(w->data, mapping.data, mapping.size);
    file_unmap(&mapping);
    return MVAD_OK;
}

static mvad_status take_sample(struct work *w, const struct sample_batch *batch, mvad_error *error)
{
    const struct dataset_sample *sample = &w->dataset->samples[batch->first];
    const size_t all = batch->views * w->pixels;
    float highest = -INFINITY;
    mvad_status status = map_runner_run(&w->runner, batch->images, batch->views, error);
    w->data = hash_text(w->data, w->dataset->classes[sample->class_index].name);
    w->data = hash_text(w->data, sample->name);
    for (size_t v = 0; v < batch->views && !status; v++) {
        const struct dataset_view *view = &w->dataset->views[sample->first_view + v];
        const float score = map_highest(w->runner.maps + v * w->pixels, w->pixels);
        if (isnan(score))
            return error_set(error, MVAD_ERROR_NUMERIC,
                             "%s: its anomaly map has a NaN or an infinity",
                             file_label(view->image));
        if (score > highest) highest = score;
        w->data = hash_text(w->data, view->name);
        status = hash_file(w, view->image, error);
        if (!status) status = add_view_score(w, view->name, score, error);
    }
    if (status) return status;
    memcpy(w->sorted, w->runner.maps, all * sizeof *w->sorted);
    qsort(w->sorted, all, sizeof *w->sorted, compare);
    const size_t above = (size_t)(w->options->pixel_share * (double)all);
    status = add_score(&w->parts, highest, error);
    return status ? status : add_score(&w->levels, w->sorted[all - 1 - above], error);
}

/* The score that no more than `rate` of all good parts exceed, and the bound that it has. */
static float threshold(const struct work *w, struct scores *scores, double rate, double *bound)
{
    size_t above;
    tolerance_above(scores->count, rate, w->options->confidence, &above);
    *bound = tolerance_bound(scores->count, above, w->options->confidence);
    return scores->values[scores->count - 1 - above];
}

/* Takes over the name, and empties the scores. */
static struct calibration_level make_level(const struct work *w, struct scores *scores, char *name)
{
    struct calibration_level level = {.name = name, .parts = scores->count};
    qsort(scores->values, scores->count, sizeof *scores->values, compare);
    level.reject = threshold(w, scores, w->options->reject_rate, &level.reject_bound);
    level.accept = threshold(w, scores, w->options->unsure_rate, &level.accept_bound);
    scores->count = 0;
    return level;
}

static mvad_status finish_class(struct work *w, const char *name, mvad_error *error)
{
    struct calibration_class *class = &w->calibration.classes[w->calibration.class_count];
    char *copy = memory_copy_string(name);
    class->views = calloc(w->view_count, sizeof *class->views);
    if (!copy || !class->views) {
        free(copy);
        free(class->views);
        return error_out_of_memory(error, "calibration", w->view_count * sizeof *class->views);
    }
    w->calibration.class_count++;
    class->part = make_level(w, &w->parts, copy);
    class->pixel = make_level(w, &w->levels, NULL).reject;
    for (size_t v = 0; v < w->view_count; v++) {
        class->views[class->view_count++] = make_level(w, &w->views[v], w->views[v].name);
        free(w->views[v].values);
    }
    w->view_count = 0;
    return MVAD_OK;
}

static mvad_status take_all(struct work *w, mvad_error *error)
{
    const mvad_calibrate_options *options = w->options;
    const size_t total = sample_feed_total(w->feed);
    struct sample_batch batch;
    size_t done = 0, class = 0;
    for (;;) {
        mvad_status status = sample_feed_next(w->feed, &batch, error);
        const size_t next =
            status || !batch.count ? 0 : w->dataset->samples[batch.first].class_index;
        if (!status && done && (!batch.count || next != class))
            status = finish_class(w, w->dataset->classes[class].name, error);
        if (status || !batch.count) return status;
        class = next;
        status = take_sample(w, &batch, error);
        if (status) return status;
        done++;
        w->stopped = options->progress && options->progress(done, total, options->user);
        if (w->stopped) return MVAD_OK;
    }
}

static mvad_status check_options(const mvad_calibrate_options *options, mvad_error *error)
{
    if (!(options->confidence > 0 && options->confidence < 1))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "confidence must be between 0 and 1");
    if (!(options->reject_rate > 0 && options->reject_rate < 1 && options->unsure_rate < 1))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "rates must be between 0 and 1");
    if (!(options->unsure_rate >= options->reject_rate))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "unsure_rate must not be below reject_rate, which it includes");
    if (!(options->pixel_share >= 0 && options->pixel_share < 1))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "pixel_share must be from 0 to below 1");
    return MVAD_OK;
}

/* What is found of the parts trained on, `found` of `count`, of which `first` is one. */
static mvad_status treat_trained(struct work *w, const struct part_hashes *trained, size_t found,
                                 size_t count, const struct dataset_sample *first, mvad_error *error)
{
    const bool all_known = trained->count == trained->parts;
    if (!found) return MVAD_OK;
    if (found == count)
        return error_set(error, MVAD_ERROR_FORMAT,
                         "the model was trained on these parts, which score lower than new ones");
    if (!w->options->skip_trained || !all_known)
        return error_set(
            error, MVAD_ERROR_FORMAT,
            "the model was trained on %s%zu of these %zu parts, which score lower than "
            "new ones: class %.100s, part %.100s%s",
            all_known ? "" : "at least ", found, count, w->dataset->classes[first->class_index].name,
            first->name, found > 1 ? " and others" : "");
    log_write(MVAD_LOG_WARNING, "%zu of %zu parts are left out: the model was trained on them",
              found, count);
    return MVAD_OK;
}

/* No part is scored yet, but the caller can stop. */
static int32_t tick(size_t done, size_t total, void *user)
{
    const struct work *w = user;
    (void)done;
    return w->options->progress(0, total, w->options->user);
}

/* Parts whose photographs were trained on, whatever they are called here. */
static mvad_status look_for_trained(struct work *w, const mvad_model *model, mvad_error *error)
{
    const struct dataset *dataset = w->dataset;
    const char *note = mvad_model_note(model, TRAINED_PARTS_NOTE);
    struct part_hashes trained;
    uint64_t *hashes = NULL;
    size_t found = 0, count = 0, first = 0;
    if (!note) return MVAD_OK; /* of an older version */
    if (!part_hashes_from_text(note, &trained))
        return error_set(error, MVAD_ERROR_FORMAT,
                         "metadata " TRAINED_PARTS_NOTE " is '%.40s', not hashes of parts", note);
    const struct part_hashes_progress progress = {w->options->progress ? tick : NULL, w};
    mvad_status status = part_hashes_compute(dataset, w->take, &progress, &hashes, error);
    w->stopped = !status && !hashes;
    for (size_t i = 0; hashes && i < dataset->sample_count; i++) {
        count += w->take[i];
        if (!hashes[i] || !part_hashes_have(&trained, hashes[i])) continue;
        if (!found++) first = i;
        w->take[i] = false;
    }
    if (hashes) status = treat_trained(w, &trained, found, count, &dataset->samples[first], error);
    part_hashes_free(&trained);
    free(hashes);
    return status;
}

/* Good parts, and not those that the model has seen. */
static mvad_status choose(struct work *w, const mvad_model *model, bool held_out, mvad_error *error)
{
    const struct dataset *dataset = w->dataset;
    char hash[HASH_TEXT];
    bool any = false;
    w->take = calloc(dataset->sample_count + 1, sizeof *w->take);
    if (!w->take) return error_out_of_memory(error, "parts", dataset->sample_count);
    for (size_t i = 0; i < dataset->sample_count; i++) {
        const struct dataset_sample *sample = &dataset->samples[i];
        if (sample->split != DATASET_TRAIN) continue;
        if (sample->label != DATASET_NORMAL)
            return error_set(error, MVAD_ERROR_FORMAT,
                             "class %.100s, part %.100s: %s; thresholds come from good parts only",
                             dataset->classes[sample->class_index].name, sample->name,
                             sample->label == DATASET_ANOMALOUS ? "has a defect"
                                                                : "is not known to be good");
        w->take[i] = any = true;
    }
    if (!any)
        return error_set(error, MVAD_ERROR_FORMAT,
                         "there are no training parts; thresholds never come from test parts");
    const char *trained = mvad_model_note(model, TRAINING_NOTE);
    snprintf(hash, sizeof hash, "%016" PRIx64, dataset_names_hash(dataset, NULL));
    if (!held_out && trained && !strcmp(trained, hash))
        return error_set(error, MVAD_ERROR_FORMAT,
                         "the model was trained on these parts, which score lower than new ones");
    return look_for_trained(w, model, error);
}

static mvad_status prepare(struct work *w, const mvad_model *model, mvad_error *error)
{
    const struct sample_feed_options options = {
        .image_size = mvad_model_config(model).image_size, .per_run = 1, .take = w->take};
    mvad_status status = sample_feed_create(w->dataset, &options, &w->feed, error);
    if (status) return status;
    const size_t views = sample_feed_max_views(w->feed);
    status = map_runner_reserve(&w->runner, views, error);
    if (status) return status;
    w->sorted = memory_allocate(views * w->pixels * sizeof *w->sorted);
    w->calibration.classes = calloc(w->dataset->class_count, sizeof *w->calibration.classes);
    return w->sorted && w->calibration.classes
               ? MVAD_OK
               : error_out_of_memory(error, "calibration", views * w->pixels * sizeof *w->sorted);
}

static mvad_status store(struct work *w, mvad_model *model, mvad_error *error)
{
    mvad_calibration *facts = &w->calibration.facts;
    const time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(facts->date, sizeof facts->date, "%Y-%m-%dT%H:%M:%SZ", &parts);
    snprintf(facts->data, sizeof facts->data, "%016" PRIx64, w->data);
    facts->confidence = w->options->confidence;
    facts->reject_rate = w->options->reject_rate;
    facts->unsure_rate = w->options->unsure_rate;
    facts->pixel_share = w->options->pixel_share;
    mvad_status status = mvad_model_identity(model, facts->model, error);
    return status ? status : calibration_write(&w->calibration, model, error);
}

static void release(struct work *w)
{
    sample_feed_destroy(w->feed);
    map_runner_free(&w->runner);
    for (size_t v = 0; v < w->view_count; v++) {
        free(w->views[v].name);
        free(w->views[v].values);
    }
    free(w->views);
    free(w->parts.values);
    free(w->levels.values);
    free(w->sorted);
    free(w->take);
    calibration_free(&w->calibration);
}

mvad_status mvad_calibrate(mvad_model *model, mvad_device *device, const mvad_dataset *dataset,
                           const mvad_calibrate_options *options, int32_t *finished,
                           mvad_error *error)
{
    if (!model || !device || !dataset || !finished)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    *finished = 0;
    mvad_calibrate_options own = mvad_calibrate_options_default();
    mvad_status status = options_read(&options_shape, options, &own, error);
    if (!status) status = check_options(&own, error);
    if (status) return status;
    const size_t size = (size_t)mvad_model_config(model).image_size;
    struct work w = {.dataset = &dataset->index,
                     .options = &own,
                     .pixels = size * size,
                     .runner = {.model = model, .device = device, .options = own.session},
                     .data = HASH_START};
    w.runner.options.samples = 1;
    status = choose(&w, model, dataset->held_out.kept, error);
    if (!status && !w.stopped) status = prepare(&w, model, error);
    if (!status && !w.stopped) status = take_all(&w, error);
    if (!status && !w.stopped) status = store(&w, model, error);
    *finished = !status && !w.stopped;
    release(&w);
    return status ? status : error_clear(error);
}
