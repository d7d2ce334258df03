#include "core/train/run_notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/weights/header_text.h"

/* The classes trained on, stored with the model. */
static mvad_status note_classes(mvad_model *model, const struct dataset *dataset, mvad_error *error)
{
    size_t bytes = 1;
    for (size_t c = 0; c < dataset->class_count; c++)
        if (dataset->classes[c].train_count) bytes += strlen(dataset->classes[c].name) + 1;
    char *text = calloc(bytes, 1);
    if (!text) return error_out_of_memory(error, "names of classes", bytes);
    for (size_t c = 0; c < dataset->class_count; c++) {
        if (!dataset->classes[c].train_count) continue;
        if (*text) strcat(text, ",");
        strcat(text, dataset->classes[c].name);
    }
    header_text_make_utf8(text);
    mvad_status status = mvad_model_set_note(model, "mvad.classes", text, error);
    free(text);
    return status;
}

/* Its parts, whatever their names, so that a calibration knows them again. */
static mvad_status note_parts(mvad_model *model, const struct training_set *set,
                              const struct part_hashes_progress *progress, bool *stopped,
                              mvad_error *error)
{
    const struct dataset *dataset = set->dataset;
    bool *take = calloc(dataset->sample_count + 1, sizeof *take);
    uint64_t *hashes = NULL;
    char *text = NULL;
    mvad_status status = take ? MVAD_OK : error_out_of_memory(error, "parts", set->count);
    for (size_t i = 0; i < set->count && take; i++) take[set->samples[i]] = true;
    if (!status) status = part_hashes_compute(dataset, take, progress, &hashes, error);
    *stopped = !status && !hashes;
    if (hashes && !(text = part_hashes_to_text(hashes, dataset->sample_count)))
        status = error_out_of_memory(error, "hashes of parts", set->count);
    if (text) status = mvad_model_set_note(model, TRAINED_PARTS_NOTE, text, error);
    free(text);
    free(hashes);
    free(take);
    return status;
}

/* What it is trained on and what was held out of that, for a calibration. */
static mvad_status note_held_out(mvad_model *model, const struct training_set *set,
                                 const struct hold_out *held_out, mvad_error *error)
{
    char trained[HASH_TEXT], text[HOLD_OUT_BYTES] = "";
    snprintf(trained, sizeof trained, "%016" PRIx64, dataset_names_hash(set->dataset, NULL));
    mvad_status status = mvad_model_set_note(model, TRAINING_NOTE, trained, error);
    const bool any = held_out->share > 0;
    if (any) hold_out_to_text(held_out, text);
    /* What an earlier training of the model held out may be trained on now. */
    if (status || (!any && !mvad_model_note(model, HOLD_OUT_NOTE))) return status;
    return mvad_model_set_note(model, HOLD_OUT_NOTE, text, error);
}

mvad_status run_notes_write(mvad_model *model, const struct training_set *set,
                            const struct hold_out *held_out, bool keep_parts,
                            const struct part_hashes_progress *progress, bool *stopped,
                            mvad_error *error)
{
    *stopped = false;
    mvad_status status = note_classes(model, set->dataset, error);
    if (!status) status = note_held_out(model, set, held_out, error);
    if (!status && !(keep_parts && mvad_model_note(model, TRAINED_PARTS_NOTE)))
        status = note_parts(model, set, progress, stopped, error);
    return status;
}
