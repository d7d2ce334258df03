/* The ten metrics of a class and their mean, in one pass over the views.
 *
 *     struct metrics *metrics;
 *     struct metrics_row row;
 *     status = metrics_create(classes, 256, 0, &metrics, error);
 *     for (each sample of class c) {
 *         for (each view) status = metrics_add_view(metrics, c, map, mask, anomalous, error);
 *         status = metrics_add_sample(metrics, c, sample_score, sample_anomalous, error);
 *     }
 *     status = metrics_result(metrics, c, &row, error);
 *     printf("AUPRO %.3f\n", row.value[METRIC_PIXEL_AUPRO]);
 *     metrics_destroy(metrics);
 *
 * curve.h has the formulas. Sample and image metrics are exact; those of pixels are within
 * row.error, a bound computed from the counts (pixel_histogram.h says what it depends on): 0 where
 * the distinct scores fit the memory one by one.
 *
 * Memory: pixel_histogram.h's share for each class and the labels of one view, taken at creation,
 * whatever is added later; about 48 MiB a class by default. Besides, 8 bytes a view and a sample.
 *
 * Threads: an object belongs to one thread at a time. Let each thread fill its own and merge them;
 * the result does not depend on who added what, nor on the order, to the last bit.
 */
#ifndef SCORE_METRICS_H
#define SCORE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

/* In the order of the paper's tables; the three levels have AUROC, AP and F1-max in this order. */
enum metric {
    METRIC_SAMPLE_AUROC = 0,
    METRIC_SAMPLE_AP,
    METRIC_SAMPLE_F1_MAX,
    METRIC_IMAGE_AUROC,
    METRIC_IMAGE_AP,
    METRIC_IMAGE_F1_MAX,
    METRIC_PIXEL_AUROC,
    METRIC_PIXEL_AP,
    METRIC_PIXEL_F1_MAX,
    METRIC_PIXEL_AUPRO,
    METRIC_COUNT
};

/* "sample AUROC", .. "pixel AUPRO"; NULL for a value out of range. */
const char *metric_name(enum metric metric);

/* One line of the table. A metric is NaN where it is undefined: one of the two labels is missing,
 * or, for AUPRO, there is no region. */
struct metrics_row {
    double value[METRIC_COUNT];     /* in [0, 1] */
    double error[METRIC_COUNT];     /* how far `value` can be from exact; 0 where it is undefined */
    uint32_t defined[METRIC_COUNT]; /* classes `value` is the mean of: 0 or 1 for a class */
};

struct metrics;

/* What a class has been given so far. */
struct metrics_counts {
    uint64_t samples, views;
    uint64_t normal_pixels, anomalous_pixels, regions;
};

/* For maps of image_size x image_size pixels and classes 0 .. classes - 1. `pixel_bytes` of memory
 * for the pixels of each class, 0 for the default; pixel_histogram_create says what is possible. */
mvad_status metrics_create(uint32_t classes, uint32_t image_size, size_t pixel_bytes,
                           struct metrics **metrics, mvad_error *error);
void metrics_destroy(struct metrics *metrics);

/* Adds one view of a class: its pixels, and its largest score as an image score with the label
 * `anomalous`. map: image_size^2 scores, rows first. mask: as many bytes, anything but 0 is
 * anomalous; NULL: all normal. The label is the record's, and need not agree with the mask.
 * MVAD_ERROR_NUMERIC names the view (counted from 0 within the class, in the order of adding) and
 * the pixel of a score that is not finite. After any error the object is as it was before. */
mvad_status metrics_add_view(struct metrics *metrics, uint32_t class_index, const float *map,
                             const uint8_t *mask, bool anomalous, mvad_error *error);

/* Adds one sample; MVAD_ERROR_NUMERIC names it in the same way. */
mvad_status metrics_add_sample(struct metrics *metrics, uint32_t class_index, float score,
                               bool anomalous, mvad_error *error);

/* Adds everything that was added to `other`, which has the same classes, size and memory and is
 * left as it is. After an error `metrics` holds some classes of `other` and is only to be
 * destroyed. */
mvad_status metrics_merge(struct metrics *metrics, const struct metrics *other, mvad_error *error);

/* The ten metrics of a class. May be called at any time, and more can be added afterwards. */
mvad_status metrics_result(struct metrics *metrics, uint32_t class_index, struct metrics_row *row,
                           mvad_error *error);

/* The same with the four pixel metrics the way the paper's code takes them, an approximation that
 * can be far off: strips.h. */
mvad_status metrics_result_strips(struct metrics *metrics, uint32_t class_index,
                                  struct metrics_row *row, mvad_error *error);

mvad_status metrics_counts(const struct metrics *metrics, uint32_t class_index,
                           struct metrics_counts *counts, mvad_error *error);

/* The mean of each metric over the rows in which it is defined, NaN where there is none; the errors
 * are averaged alike, and `defined` counts those rows. */
void metrics_mean(const struct metrics_row *rows, size_t count, struct metrics_row *mean);

/* Bytes held for pixels: the same from creation to destruction. */
size_t metrics_pixel_bytes(const struct metrics *metrics);

#endif
