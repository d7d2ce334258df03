/* What a run writes about its data into the model's notes. */
#ifndef TRAIN_RUN_NOTES_H
#define TRAIN_RUN_NOTES_H

#include "core/data/hold_out.h"
#include "core/data/part_hashes.h"
#include "core/train/training_set.h"

/* The classes trained on, the parts, and what was held out of them. Reads every photograph's file, unless
 * `keep_parts` and the model has a note of its parts. Stopped: MVAD_OK, *stopped true, and some notes only. */
mvad_status run_notes_write(mvad_model *model, const struct training_set *set,
                            const struct hold_out *held_out, bool keep_parts,
                            const struct part_hashes_progress *progress, bool *stopped,
                            mvad_error *error);

#endif
