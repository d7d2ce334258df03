/* How a trained model's scores are to be read. */
#ifndef TRAIN_SCORE_SCALE_H
#define TRAIN_SCORE_SCALE_H

#include <stdbool.h>

#include "core/train/training_set.h"

#define SCALE_SAMPLES 256 /* at most so many are scored, evenly over the set */
/* Parts that were not trained on score higher than those that were. Of 42 good and 48 defective test
 * parts of six classes of turntable photographs a margin of 1 rejects 21 and 43, 1.2 rejects 6 and
 * 35. */
#define SCALE_MARGIN 1.2f

/* Scores good training samples and stores with the model what they tell: the median of their pixel
 * scores as the low end, and as the threshold what lies SCALE_MARGIN times as far above it as the
 * highest image score; likewise for each class, in a note of its own: one class's scores tell nothing of
 * another's. Views known to be anomalous are left out; where all are, the model keeps what
 * it has. `stop` is asked after every sample: once it says true, nothing is stored and *stopped is
 * true. MVAD_ERROR_NUMERIC where the scores are not finite or all the same. */
mvad_status score_scale_measure(mvad_model *model, mvad_device *device,
                                const struct training_set *set, bool (*stop)(void *user),
                                void *user, bool *stopped, mvad_error *error);

#endif
