#include "core/train/score_scale.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/data/load.h"

#define PIXEL_STEP \
    31 /* of an image's pixels every so many-th counts: a prime, so no column repeats */

struct measurement {
    mvad_session *session;
    size_t views, pixels; /* of a sample, of a map */
    float *images, *maps;
    float *samples; /* pixel scores picked out */
    size_t count;
    float highest;
};

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void take_map(struct measurement *m, const float *map)
{
    for (size_t i = 0; i < m->pixels; i++)
        if (map[i] > m->highest) m->highest = map[i];
    for (size_t i = 0; i < m->pixels; i += PIXEL_STEP) m->samples[m->count++] = map[i];
}

static mvad_status take_sample(struct measurement *m, const struct dataset *dataset, size_t index,
                               int32_t image_size, mvad_error *error)
{
    const struct dataset_sample *sample = &dataset->samples[index];
    mvad_status status = load_sample(dataset, index, image_size, m->images, NULL, error);
    if (!status) status = mvad_session_run(m->session, m->images, error);
    if (!status)
        status =
            mvad_session_read(m->session, MVAD_OUTPUT_MAP, m->maps, m->views * m->pixels, error);
    for (size_t v = 0; v < m->views && !status; v++)
        if (dataset->views[sample->first_view + v].label != DATASET_ANOMALOUS)
            take_map(m, m->maps + v * m->pixels);
    return status;
}

mvad_status score_scale_measure(mvad_model *model, mvad_device *device,
                                const struct training_set *set, mvad_error *error)
{
    const int32_t size = mvad_model_config(model).image_size;
    const size_t count = set->count < SCALE_SAMPLES ? set->count : SCALE_SAMPLES;
    struct measurement m = {
        .views = (size_t)set->views, .pixels = (size_t)size * (size_t)size, .highest = -INFINITY};
    const size_t picked = count * m.views * (m.pixels / PIXEL_STEP + 1) * sizeof *m.samples;
    mvad_session_options options = mvad_session_options_default();
    options.views = set->views;
    mvad_status status = mvad_session_create(model, device, &options, &m.session, error);
    if (status) return status;
    m.images = memory_allocate(m.views * 3 * m.pixels * sizeof *m.images);
    m.maps = memory_allocate(m.views * m.pixels * sizeof *m.maps);
    m.samples = memory_allocate(picked);
    if (!m.images || !m.maps || !m.samples)
        status = error_out_of_memory(error, "scores of training samples", picked);
    for (size_t i = 0; i < count && !status; i++)
        status = take_sample(&m, set->dataset, set->samples[i * set->count / count], size, error);
    if (!status && m.count) {
        qsort(m.samples, m.count, sizeof *m.samples, compare);
        const float low = m.samples[m.count / 2], reach = SCALE_MARGIN * (m.highest - low);
        const mvad_score_scale scale = {low, low + reach, low + 2 * reach};
        status = mvad_model_set_scale(model, &scale, error);
        if (status)
            status =
                error_set(error, MVAD_ERROR_NUMERIC,
                          "scores of good training samples go from %g to %g: no scale for them",
                          scale.low, scale.threshold);
    }
    mvad_session_destroy(m.session);
    free(m.images);
    free(m.maps);
    free(m.samples);
    return status;
}
