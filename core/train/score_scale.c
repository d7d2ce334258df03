#include "core/train/score_scale.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/data/load.h"
#include "core/score/calibration.h"
#include "core/score/map_runner.h"
#include "core/weights/header_text.h"

#define PIXEL_STEP \
    31 /* of an image's pixels every so many-th counts: a prime, so no column repeats */

struct measurement {
    struct map_runner runner;
    size_t views, pixels; /* of a sample, of a map */
    float *images;
    float *samples; /* pixel scores picked out */
    size_t count;
    float highest;
    float *class_highest; /* by the data set's classes */
};

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static mvad_status take_map(struct measurement *m, const struct dataset_view *view, size_t class,
                            const float *map, mvad_error *error)
{
    const float highest = map_highest(map, m->pixels);
    if (isnan(highest))
        return error_set(error, MVAD_ERROR_NUMERIC, "%s: its anomaly map has a NaN or an infinity",
                         file_label(view->image));
    if (highest > m->highest) m->highest = highest;
    if (highest > m->class_highest[class]) m->class_highest[class] = highest;
    for (size_t i = 0; i < m->pixels; i += PIXEL_STEP) m->samples[m->count++] = map[i];
    return MVAD_OK;
}

static mvad_status take_sample(struct measurement *m, const struct dataset *dataset, size_t index,
                               int32_t image_size, mvad_error *error)
{
    const size_t class = dataset->samples[index].class_index;
    const struct dataset_view *views = &dataset->views[dataset->samples[index].first_view];
    mvad_status status = load_sample(dataset, index, image_size, m->images, NULL, error);
    if (!status) status = map_runner_run(&m->runner, m->images, m->views, error);
    for (size_t v = 0; v < m->views && !status; v++)
        if (views[v].label != DATASET_ANOMALOUS)
            status = take_map(m, &views[v], class, m->runner.maps + v * m->pixels, error);
    return status;
}

/* Of each class that was measured, and not below the low end. */
static mvad_status note_classes(const struct measurement *m, const struct dataset *dataset,
                                float low, mvad_model *model, mvad_error *error)
{
    struct calibration thresholds = {.classes =
                                         calloc(dataset->class_count, sizeof *thresholds.classes)};
    mvad_status status = MVAD_OK;
    if (!thresholds.classes)
        return error_out_of_memory(error, "thresholds of classes", dataset->class_count);
    for (size_t c = 0; c < dataset->class_count && !status; c++) {
        struct calibration_level *part = &thresholds.classes[thresholds.class_count].part;
        if (!(m->class_highest[c] > low)) continue;
        part->reject = low + SCALE_MARGIN * (m->class_highest[c] - low);
        part->name = memory_copy_string(dataset->classes[c].name);
        if (!part->name) status = error_out_of_memory(error, "thresholds of classes", 0);
        thresholds.class_count++;
    }
    char *text = status ? NULL : class_thresholds_to_text(&thresholds);
    if (!status && !text) status = error_out_of_memory(error, "thresholds of classes", 0);
    if (!status) header_text_make_utf8(text);
    if (!status) status = mvad_model_set_note(model, CLASS_THRESHOLDS_NOTE, text, error);
    cJSON_free(text);
    calibration_free(&thresholds);
    return status;
}

mvad_status score_scale_measure(mvad_model *model, mvad_device *device,
                                const struct training_set *set, bool (*stop)(void *user),
                                void *user, bool *stopped, mvad_error *error)
{
    const int32_t size = mvad_model_config(model).image_size;
    const size_t count = set->count < SCALE_SAMPLES ? set->count : SCALE_SAMPLES;
    struct measurement m = {
        .runner = {.model = model, .device = device, .options = mvad_session_options_default()},
        .views = (size_t)set->views,
        .pixels = (size_t)size * (size_t)size,
        .highest = -INFINITY};
    *stopped = false;
    const size_t picked = count * m.views * (m.pixels / PIXEL_STEP + 1) * sizeof *m.samples;
    mvad_status status = map_runner_reserve(&m.runner, m.views, error);
    if (status) return status;
    m.images = memory_allocate(m.views * 3 * m.pixels * sizeof *m.images);
    m.samples = memory_allocate(picked);
    m.class_highest = malloc(set->dataset->class_count * sizeof *m.class_highest);
    for (size_t c = 0; m.class_highest && c < set->dataset->class_count; c++)
        m.class_highest[c] = -INFINITY;
    if (!m.images || !m.samples || !m.class_highest)
        status = error_out_of_memory(error, "scores of training samples", picked);
    for (size_t i = 0; i < count && !status && !*stopped; i++) {
        status = take_sample(&m, set->dataset, set->samples[i * set->count / count], size, error);
        *stopped = !status && stop(user);
    }
    if (!status && !*stopped && m.count) {
        qsort(m.samples, m.count, sizeof *m.samples, compare);
        const float low = m.samples[m.count / 2], reach = SCALE_MARGIN * (m.highest - low);
        const mvad_score_scale scale = {low, low + reach, low + 2 * reach};
        status = mvad_model_set_scale(model, &scale, error);
        if (status)
            status =
                error_set(error, MVAD_ERROR_NUMERIC,
                          "scores of good training samples go from %g to %g: no scale for them",
                          scale.low, scale.threshold);
        else
            status = note_classes(&m, set->dataset, low, model, error);
    }
    map_runner_free(&m.runner);
    free(m.images);
    free(m.samples);
    free(m.class_highest);
    return status;
}
