/* How many steps a training run has, and its learning rate in each epoch. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include <stddef.h>

#include "mvad.h"

struct schedule {
    int32_t epochs, decay_epoch; /* epochs count from 0: the first one with the decayed rate */
    int64_t steps_per_epoch, steps;
    double learning_rate, decay_factor;
};

/* `samples` are shuffled into batches of options->step.samples, a last short one is dropped. The
 * rate decays after decay_at * epochs epochs, rounded up to whole ones. MVAD_ERROR_INVALID_ARGUMENT
 * where an option is out of range or there are fewer samples than one batch. `learning_rate` is the
 * one of the first epoch. */
mvad_status schedule_make(const mvad_train_options *options, size_t samples, double learning_rate,
                          struct schedule *schedule, mvad_error *error);

/* In an epoch, counted from 0. */
double schedule_learning_rate(const struct schedule *schedule, int32_t epoch);

#endif
