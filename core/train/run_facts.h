/* What a training run and one that goes on from its checkpoint have to share. */
#ifndef TRAIN_RUN_FACTS_H
#define TRAIN_RUN_FACTS_H

#include "core/train/checkpoint.h"
#include "core/train/schedule.h"
#include "core/train/training_set.h"

#define RUN_MAX_FACTS 24

/* All that decides what comes out of the run, but the device and its threads. Returns how many facts
 * there are. `step` has views and learning rate filled in. */
size_t run_facts_gather(const mvad_model *model, const struct training_set *set,
                        const struct schedule *schedule, const mvad_train_options *options,
                        const mvad_trainer_options *step,
                        struct checkpoint_fact facts[RUN_MAX_FACTS]);

#endif
