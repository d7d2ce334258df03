/* What was held out of a data set, and how a model's notes tell it. */
#ifndef DATA_HOLD_OUT_H
#define DATA_HOLD_OUT_H

#include "core/data/dataset.h"

#define HOLD_OUT_NOTE "mvad.held_out"
#define HOLD_OUT_BYTES 96
#define TRAINING_NOTE \
    "mvad.trained_on" /* dataset_names_hash of the training samples, in hexadecimal */

struct hold_out {
    double share; /* of each class's good training parts; 0: nothing */
    uint64_t seed;
    uint64_t hash; /* of those held out */
    bool kept;     /* they are what is left, not what is gone */
};

/* "0.2 1 0123456789abcdef": share, seed, hash. */
void hold_out_to_text(const struct hold_out *held_out, char text[HOLD_OUT_BYTES]);
bool hold_out_from_text(const char *text, struct hold_out *held_out);

/* A hash of the names of the classes, samples and views that are taken, in their order; NULL: the
 * training samples. */
uint64_t dataset_names_hash(const struct dataset *dataset, const bool *take);

#endif
