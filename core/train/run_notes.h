/* What a run writes about its data into the model's notes. */
#ifndef TRAIN_RUN_NOTES_H
#define TRAIN_RUN_NOTES_H

#include "core/data/hold_out.h"
#include "core/train/training_set.h"

/* The classes trained on, the parts, and what was held out of them. Reads every photograph's file. */
mvad_status run_notes_write(mvad_model *model, const struct training_set *set,
                            const struct hold_out *held_out, mvad_error *error);

#endif
