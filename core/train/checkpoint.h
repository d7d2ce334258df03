/* The state of a training run in a file: parameters, running statistics, both moments, the
 * position, and the facts that a run going on from there has to share. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "mvad.h"

struct checkpoint_fact {
    const char *name; /* static: "batch"; in messages, and as metadata "mvad.train.batch" */
    char text[64];
    const char *former; /* static: what it was before checkpoints said so; NULL: they always did */
};

struct checkpoint {
    const mvad_config *config; /* of the model */
    const struct checkpoint_fact *facts;
    size_t fact_count;
};

/* Writes a trainer whose parameters are floats, with the epoch (from 1) and the batches done in it for whoever
 * looks into the file. Guarantees of mvad_tensors_save. */
mvad_status checkpoint_save(const struct checkpoint *checkpoint, mvad_trainer *trainer,
                            int64_t steps_per_epoch, const char *path, mvad_error *error);

/* Restores the trainer, its number of steps included. MVAD_ERROR_IO or MVAD_ERROR_FORMAT where the
 * file cannot be read, MVAD_ERROR_INVALID_ARGUMENT where it contradicts the configuration or a
 * fact; each names the file. On failure the trainer is not to be used. */
mvad_status checkpoint_load(const struct checkpoint *checkpoint, mvad_trainer *trainer,
                            const char *path, mvad_error *error);

#endif
