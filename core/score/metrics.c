#include "core/score/metrics.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/score/pixel_histogram.h"
#include "core/score/regions.h"
#include "core/score/score_list.h"
#include "core/score/strips.h"

/* More would overflow the sum of a tally's weights. */
#define MAX_REGIONS (((uint64_t)1 << (64 - TALLY_WEIGHT_BITS)) - 1)

struct class_metrics {
    struct score_list samples, images;
    struct pixel_histogram *pixels;
    uint64_t regions;
};

struct metrics {
    uint32_t classes, image_size;
    size_t pixel_bytes;
    struct class_metrics *list;
    struct regions *regions;
    uint64_t *weights; /* one for each region a mask can have */
};

const char *metric_name(enum metric metric)
{
    static const char *const names[] = {
        [METRIC_SAMPLE_AUROC] = "sample AUROC",   [METRIC_SAMPLE_AP] = "sample AP",
        [METRIC_SAMPLE_F1_MAX] = "sample F1-max", [METRIC_IMAGE_AUROC] = "image AUROC",
        [METRIC_IMAGE_AP] = "image AP",           [METRIC_IMAGE_F1_MAX] = "image F1-max",
        [METRIC_PIXEL_AUROC] = "pixel AUROC",     [METRIC_PIXEL_AP] = "pixel AP",
        [METRIC_PIXEL_F1_MAX] = "pixel F1-max",   [METRIC_PIXEL_AUPRO] = "pixel AUPRO",
    };
    return (unsigned)metric < METRIC_COUNT ? names[metric] : NULL;
}

mvad_status metrics_create(uint32_t classes, uint32_t image_size, size_t pixel_bytes,
                           struct metrics **metrics, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    *metrics = NULL;
    if (!classes) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "metrics: no classes");
    if (!image_size || image_size > MVAD_MAX_IMAGE_SIZE)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "metrics: image size %u, must be from 1 to %d", image_size,
                         MVAD_MAX_IMAGE_SIZE);
    struct metrics *created = calloc(1, sizeof *created);
    if (!created) return error_out_of_memory(error, "metrics", sizeof *created);
    size_t half = (image_size + 1) / 2;
    created->classes = classes;
    created->image_size = image_size;
    created->pixel_bytes = pixel_bytes ? pixel_bytes : PIXEL_HISTOGRAM_BYTES;
    created->list = calloc(classes, sizeof *created->list);
    created->weights = malloc(half * half * sizeof *created->weights);
    if (!created->list || !created->weights) {
        status = error_out_of_memory(error, "metrics",
                                     classes * sizeof *created->list +
                                         half * half * sizeof *created->weights);
        goto cleanup;
    }
    status = regions_create(image_size, image_size, &created->regions, error);
    if (status) goto cleanup;
    for (uint32_t i = 0; i < classes; i++) {
        status = pixel_histogram_create(created->pixel_bytes, &created->list[i].pixels, error);
        if (status) goto cleanup;
    }
    *metrics = created;
    created = NULL;
cleanup:
    metrics_destroy(created);
    return status;
}

void metrics_destroy(struct metrics *metrics)
{
    if (!metrics) return;
    for (uint32_t i = 0; metrics->list && i < metrics->classes; i++) {
        score_list_clear(&metrics->list[i].samples);
        score_list_clear(&metrics->list[i].images);
        pixel_histogram_destroy(metrics->list[i].pixels);
    }
    free(metrics->list);
    free(metrics->weights);
    regions_destroy(metrics->regions);
    free(metrics);
}

static mvad_status check_class(const struct metrics *metrics, uint32_t class_index,
                               mvad_error *error)
{
    if (class_index < metrics->classes) return MVAD_OK;
    return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "metrics: class %u, must be below %u",
                     class_index, metrics->classes);
}

static mvad_status too_many_regions(uint32_t class_index, mvad_error *error)
{
    return error_set(error, MVAD_ERROR_UNSUPPORTED,
                     "metrics: class %u has more than %" PRIu64 " ground-truth regions",
                     class_index, MAX_REGIONS);
}

/* The largest score of a map. */
static mvad_status check_map(const struct metrics *metrics, uint32_t class_index, const float *map,
                             float *highest, mvad_error *error)
{
    size_t count = (size_t)metrics->image_size * metrics->image_size;
    float best = map[0];
    size_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        best = map[i] > best ? map[i] : best;
        bad += !(fabsf(map[i]) <= FLT_MAX);
    }
    *highest = best;
    for (size_t i = 0; bad && i < count; i++) {
        if (isfinite(map[i])) continue;
        return error_set(error, MVAD_ERROR_NUMERIC,
                         "metrics: class %u, view %zu: the score of pixel (row %zu, column %zu) is "
                         "%f, not a finite number",
                         class_index, metrics->list[class_index].images.count,
                         i / metrics->image_size, i % metrics->image_size, (double)map[i]);
    }
    return MVAD_OK;
}

mvad_status metrics_add_view(struct metrics *metrics, uint32_t class_index, const float *map,
                             const uint8_t *mask, bool anomalous, mvad_error *error)
{
    float highest;
    mvad_status status = check_class(metrics, class_index, error);
    if (!status) status = check_map(metrics, class_index, map, &highest, error);
    if (status) return status;
    struct class_metrics *class = &metrics->list[class_index];
    size_t pixels = (size_t)metrics->image_size * metrics->image_size;
    uint32_t regions = 0;
    if (mask) {
        regions_find(metrics->regions, mask);
        regions = regions_count(metrics->regions);
        if (class->regions + regions > MAX_REGIONS) return too_many_regions(class_index, error);
    }
    status = score_list_add(&class->images, highest, anomalous, error);
    if (status) return status;
    for (uint32_t i = 0; i < regions; i++) {
        uint64_t area = regions_at(metrics->regions, i)->area;
        metrics->weights[i] = (((uint64_t)1 << TALLY_WEIGHT_BITS) + area / 2) / area;
    }
    class->regions += regions;
    pixel_histogram_add(class->pixels, map, pixels,
                        regions ? regions_labels(metrics->regions) : NULL, metrics->weights);
    return MVAD_OK;
}

mvad_status metrics_add_sample(struct metrics *metrics, uint32_t class_index, float score,
                               bool anomalous, mvad_error *error)
{
    mvad_status status = check_class(metrics, class_index, error);
    if (status) return status;
    struct score_list *samples = &metrics->list[class_index].samples;
    if (!isfinite(score))
        return error_set(error, MVAD_ERROR_NUMERIC,
                         "metrics: class %u, sample %zu: its score is %f, not a finite number",
                         class_index, samples->count, (double)score);
    return score_list_add(samples, score, anomalous, error);
}

mvad_status metrics_merge(struct metrics *metrics, const struct metrics *other, mvad_error *error)
{
    if (metrics == other || metrics->classes != other->classes ||
        metrics->image_size != other->image_size || metrics->pixel_bytes != other->pixel_bytes)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "metrics: only two objects made with the same arguments can be merged");
    for (uint32_t i = 0; i < metrics->classes; i++) {
        struct class_metrics *to = &metrics->list[i];
        const struct class_metrics *from = &other->list[i];
        if (to->regions + from->regions > MAX_REGIONS) return too_many_regions(i, error);
        mvad_status status = score_list_append(&to->samples, &from->samples, error);
        if (!status) status = score_list_append(&to->images, &from->images, error);
        if (status) return status;
        pixel_histogram_merge(to->pixels, from->pixels);
        to->regions += from->regions;
    }
    return MVAD_OK;
}

static void set_value(struct metrics_row *row, enum metric metric, double value, double error)
{
    bool defined = !isnan(value);
    row->value[metric] = value;
    row->error[metric] = defined ? error : 0;
    row->defined[metric] = defined;
}

/* The three metrics every level has, starting at `first`. */
static void set_level(struct metrics_row *row, enum metric first, const struct curve_metrics *curve)
{
    set_value(row, first, curve->auroc, curve->error.auroc);
    set_value(row, first + 1, curve->ap, curve->error.ap);
    set_value(row, first + 2, curve->f1_max, curve->error.f1_max);
}

static mvad_status result(struct metrics *metrics, uint32_t class_index,
                          void (*measure_pixels)(struct pixel_histogram *histogram,
                                                 struct curve_metrics *metrics),
                          struct metrics_row *row, mvad_error *error)
{
    mvad_status status = check_class(metrics, class_index, error);
    if (status) return status;
    struct class_metrics *class = &metrics->list[class_index];
    struct curve_metrics curve;
    score_list_measure(&class->samples, &curve);
    set_level(row, METRIC_SAMPLE_AUROC, &curve);
    score_list_measure(&class->images, &curve);
    set_level(row, METRIC_IMAGE_AUROC, &curve);
    measure_pixels(class->pixels, &curve);
    set_level(row, METRIC_PIXEL_AUROC, &curve);
    set_value(row, METRIC_PIXEL_AUPRO, curve.aupro, curve.error.aupro);
    return MVAD_OK;
}

mvad_status metrics_result(struct metrics *metrics, uint32_t class_index, struct metrics_row *row,
                           mvad_error *error)
{
    return result(metrics, class_index, pixel_histogram_measure, row, error);
}

mvad_status metrics_result_strips(struct metrics *metrics, uint32_t class_index,
                                  struct metrics_row *row, mvad_error *error)
{
    return result(metrics, class_index, strips_measure, row, error);
}

mvad_status metrics_counts(const struct metrics *metrics, uint32_t class_index,
                           struct metrics_counts *counts, mvad_error *error)
{
    mvad_status status = check_class(metrics, class_index, error);
    if (status) return status;
    const struct class_metrics *class = &metrics->list[class_index];
    struct pixel_histogram_range range;
    pixel_histogram_range(class->pixels, &range);
    *counts = (struct metrics_counts){.samples = class->samples.count,
                                      .views = class->images.count,
                                      .normal_pixels = range.total.normal,
                                      .anomalous_pixels = range.total.anomalous,
                                      .regions = class->regions};
    return MVAD_OK;
}

void metrics_mean(const struct metrics_row *rows, size_t count, struct metrics_row *mean)
{
    for (int metric = 0; metric < METRIC_COUNT; metric++) {
        double value = 0, error = 0;
        uint32_t defined = 0;
        for (size_t i = 0; i < count; i++) {
            if (isnan(rows[i].value[metric])) continue;
            value += rows[i].value[metric];
            error += rows[i].error[metric];
            defined++;
        }
        mean->value[metric] = defined ? value / defined : NAN;
        mean->error[metric] = defined ? error / defined : 0;
        mean->defined[metric] = defined;
    }
}

size_t metrics_pixel_bytes(const struct metrics *metrics)
{
    size_t half = (metrics->image_size + 1) / 2;
    size_t bytes = half * half * sizeof *metrics->weights + regions_bytes(metrics->regions);
    for (uint32_t i = 0; i < metrics->classes; i++)
        bytes += pixel_histogram_bytes(metrics->list[i].pixels);
    return bytes;
}
