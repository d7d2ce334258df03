/* The samples a run trains on. */
#ifndef TRAIN_TRAINING_SET_H
#define TRAIN_TRAINING_SET_H

#include "core/data/dataset.h"

struct training_set {
    const struct dataset *dataset;
    size_t *samples; /* owned: indices of the training samples, whatever their label */
    size_t count;
    int32_t views; /* of every sample */
};

/* MVAD_ERROR_INVALID_ARGUMENT names the first sample that has not `views` views. The data set
 * outlives the training set. On failure *set is empty. */
mvad_status training_set_make(const struct dataset *dataset, int32_t views,
                              struct training_set *set, mvad_error *error);

/* Accepts an empty set, and leaves one. */
void training_set_free(struct training_set *set);

#endif
