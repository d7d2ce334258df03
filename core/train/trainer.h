/* A trainer's state, for checkpoints. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "core/model/parameters.h"
#include "core/train/loss_scale.h"

/* The inverse of mvad_trainer_read: `values` in PyTorch's layout, of a trainable parameter, its
 * moments, or a running statistic (MVAD_TRAINER_PARAMETER). Same errors. */
mvad_status trainer_write(mvad_trainer *trainer, mvad_trainer_value what, const char *name,
                          const float *values, size_t count, mvad_error *error);

/* All parameters of its network, in the order of a model's; owned by the trainer. */
const struct parameter_table *trainer_parameters(const mvad_trainer *trainer);

/* The options, with views and learning rate filled in where they were left to the default. */
const mvad_trainer_options *trainer_options(const mvad_trainer *trainer);

/* Steps done. Dropout's random state and the optimizer's bias correction follow from it. */
uint64_t trainer_step_count(const mvad_trainer *trainer);
void trainer_set_step_count(mvad_trainer *trainer, uint64_t step);

/* The trainer's own; NULL where its precision needs none. */
struct loss_scale *trainer_loss_scale(mvad_trainer *trainer);

#endif
