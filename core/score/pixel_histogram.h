/* Labelled pixel scores, counted in a fixed amount of memory however many there are.
 *
 *     struct pixel_histogram *histogram;
 *     status = pixel_histogram_create(PIXEL_HISTOGRAM_BYTES, &histogram, error);
 *     pixel_histogram_add(histogram, scores, count, NULL, NULL);           // a normal view
 *     pixel_histogram_add(histogram, scores, count, labels, weights);      // one with regions
 *     pixel_histogram_measure(histogram, &metrics);
 *
 * Resolution. A bin holds the scores that agree in all but the lowest `shift` bits of their float
 * (in the order of score_key.h): 2^(23 - shift) bins between a power of two and the next. Bins lie
 * in pages of 256 neighbours, and a page takes memory only once a score falls into it. `shift`
 * starts at 0, one bin for each float, and grows by one, joining pairs of bins, whenever a new page
 * is needed and none is free. It therefore ends as the smallest for which the pages touched by the
 * scores fit the memory: it adapts to the range that the scores really take, and neither it nor any
 * count depends on the order of the scores or on how they were split between histograms that were
 * merged.
 *
 * Error. None while shift is 0. Above, only the order of scores that share a bin is lost, and only
 * bins with both labels matter; curve.h bounds the effect on each metric from the counts
 * themselves, and pixel_histogram_measure returns that bound. With the default memory, scores
 * spread over six powers of two have 2^18 bins between a power of two and the next, a relative
 * resolution of 4e-6, and the bound is of the order of 1e-5. Scores that crowd into a sliver of a
 * much wider range (half of them within 1e-5 of each other, the rest over many powers of two) can
 * exceed 1e-4; the bound then says so, and more memory cures it.
 */
#ifndef SCORE_PIXEL_HISTOGRAM_H
#define SCORE_PIXEL_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "core/score/curve.h"
#include "mvad.h"

/* A good size: two million bins. */
#define PIXEL_HISTOGRAM_BYTES ((size_t)48 << 20)

struct pixel_histogram;

/* `bytes` for the pages, at least 64 KiB and at most 4 GiB; taken and touched now. */
mvad_status pixel_histogram_create(size_t bytes, struct pixel_histogram **histogram,
                                   mvad_error *error);
void pixel_histogram_destroy(struct pixel_histogram *histogram);

/* Adds `count` finite scores. `labels` NULL: all normal. Otherwise labels[i] is 0 for a normal
 * score and a region's index + 1 for an anomalous one, and region_weights[index] is the weight of
 * each of its scores, in the unit of a tally's. The caller keeps the sum of all weights below 2^64.
 * */
void pixel_histogram_add(struct pixel_histogram *histogram, const float *scores, size_t count,
                         const uint32_t *labels, const uint64_t *region_weights);

/* Adds all scores of another histogram. Where the two have the same memory the result is, to the
 * bit, that of one histogram given all scores in any order. */
void pixel_histogram_merge(struct pixel_histogram *histogram, const struct pixel_histogram *other);

/* The metrics, with the bound of their error. */
void pixel_histogram_measure(struct pixel_histogram *histogram, struct curve_metrics *metrics);

/* What was added so far. */
struct pixel_histogram_range {
    struct tally total;
    float lowest, highest;   /* exact; 0 where nothing was added */
    struct tally at_highest; /* the scores equal to the highest */
    uint32_t shift;          /* bits lost of each score */
};
void pixel_histogram_range(const struct pixel_histogram *histogram,
                           struct pixel_histogram_range *range);

/* Calls `visit` for each bin that holds a score, highest first, with the bin's lowest score, or the
 * lowest of all where that is higher. */
void pixel_histogram_visit(struct pixel_histogram *histogram,
                           void (*visit)(const struct tally *bin, float score, void *user),
                           void *user);

/* Bytes held: the same from creation to destruction. */
size_t pixel_histogram_bytes(const struct pixel_histogram *histogram);

#endif
