/* A growing list of labelled scores, and its exact metrics: O(n log n), eight bytes a score. */
#ifndef SCORE_SCORE_LIST_H
#define SCORE_SCORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/score/curve.h"
#include "mvad.h"

/* Zero it to begin. */
struct score_list {
    uint64_t *items; /* the score's key, shifted left by one, with the label in bit 0 */
    size_t count, capacity;
};

/* MVAD_ERROR_OUT_OF_MEMORY leaves the list as it was. The score is not NaN. */
mvad_status score_list_add(struct score_list *list, float score, bool anomalous, mvad_error *error);

/* Appends another list. */
mvad_status score_list_append(struct score_list *list, const struct score_list *other,
                              mvad_error *error);

/* Sorts the list and measures it; aupro is NaN. */
void score_list_measure(struct score_list *list, struct curve_metrics *metrics);

/* Frees what the list holds and empties it. */
void score_list_clear(struct score_list *list);

#endif
