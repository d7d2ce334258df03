/* The metrics straight from their definitions, for short lists: quadratic time, double
 * precision. */
#ifndef TESTS_PLAIN_METRICS_H
#define TESTS_PLAIN_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plain_scores {
    size_t count, capacity;
    float *score;
    double *weight; /* 0: normal; else 1 / pixels of its region, or 1 where there are no regions */
    size_t regions;
};

struct plain_metrics {
    double auroc, ap, f1_max, aupro;
};

void plain_add(struct plain_scores *scores, float score, double weight);

/* Adds the pixels of a map; `marks` of 0 and 1, regions touch at sides and corners. */
void plain_add_map(struct plain_scores *scores, const float *map, const uint8_t *marks, int size);

/* Both labels are there. */
struct plain_metrics plain_measure(const struct plain_scores *scores);
void plain_free(struct plain_scores *scores);

#endif
