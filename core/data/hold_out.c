/* Good parts that are kept out of training. */
#include "core/data/hold_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/random.h"
#include "core/data/handle.h"

#define HOLD_OUT_SALT 0x484f4c44u /* keeps these numbers apart from others of the same seed */

struct candidate {
    uint64_t rank;
    size_t sample;
};

static int compare(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static uint64_t rank_of(const struct dataset *dataset, size_t sample, uint64_t seed)
{
    uint64_t name =
        hash_text(HASH_START, dataset->classes[dataset->samples[sample].class_index].name);
    name = hash_text(name, dataset->samples[sample].name);
    const uint32_t counter[4] = {(uint32_t)name, (uint32_t)(name >> 32), HOLD_OUT_SALT, 0};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t bits[4];
    philox4x32(counter, key, bits);
    return (uint64_t)bits[1] << 32 | bits[0];
}

/* At least one of two or more, and never all. */
static size_t count_held_out(size_t good, double share)
{
    if (good < 2) return 0;
    const size_t count = (size_t)(share * (double)good + 0.5);
    return count < 1 ? 1 : count < good ? count : good - 1;
}

/* Sets held[i] for the samples of a class that are held out; returns their number. */
static size_t choose(const struct dataset *dataset, const struct dataset_class *class, double share,
                     uint64_t seed, struct candidate *candidates, bool *held)
{
    size_t good = 0;
    for (size_t i = class->first_sample; i < class->first_sample + class->train_count; i++)
        if (dataset->samples[i].label == DATASET_NORMAL)
            candidates[good++] = (struct candidate){rank_of(dataset, i, seed), i};
    const size_t count = count_held_out(good, share);
    if (good) qsort(candidates, good, sizeof *candidates, compare);
    for (size_t i = 0; i < count; i++) held[candidates[i].sample] = true;
    return count;
}

static mvad_status split(struct mvad_dataset *dataset, double share, uint64_t seed, bool keep,
                         size_t *count, mvad_error *error)
{
    struct dataset *index = &dataset->index;
    struct candidate *candidates = calloc(index->sample_count + 1, sizeof *candidates);
    bool *held = calloc(index->sample_count + 1, sizeof *held);
    mvad_status status = MVAD_OK;
    *count = 0;
    if (!candidates || !held)
        status = error_out_of_memory(error, "held-out parts", index->sample_count);
    for (size_t c = 0; c < index->class_count && !status; c++)
        *count += choose(index, &index->classes[c], share, seed, candidates, held);
    if (!status && !*count)
        status = error_set(error, MVAD_ERROR_FORMAT,
                           "no class has two good training parts, of which one can be held out");
    if (!status) {
        dataset->held_out = (struct hold_out){share, seed, dataset_names_hash(index, held), keep};
        for (size_t i = 0; i < index->sample_count && keep; i++) held[i] = !held[i];
        dataset_remove_samples(index, held);
    }
    free(candidates);
    free(held);
    return status;
}

uint64_t dataset_names_hash(const struct dataset *dataset, const bool *take)
{
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < dataset->sample_count; i++) {
        const struct dataset_sample *sample = &dataset->samples[i];
        if (take ? !take[i] : sample->split != DATASET_TRAIN) continue;
        hash = hash_text(hash, dataset->classes[sample->class_index].name);
        hash = hash_text(hash, sample->name);
        for (size_t v = 0; v < sample->view_count; v++)
            hash = hash_text(hash, dataset->views[sample->first_view + v].name);
    }
    return hash;
}

mvad_status mvad_dataset_hold_out(mvad_dataset *dataset, double share, uint64_t seed, size_t *count,
                                  mvad_error *error)
{
    if (!dataset || !count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "data set or count is NULL");
    *count = 0;
    if (!(share > 0 && share < 1))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "the share of parts held out is %g; it must be between 0 and 1", share);
    if (dataset->held_out.share > 0)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "parts are held out already");
    mvad_status status = split(dataset, share, seed, false, count, error);
    return status ? status : error_clear(error);
}

mvad_status mvad_dataset_keep_held_out(mvad_dataset *dataset, const mvad_model *model,
                                       size_t *count, mvad_error *error)
{
    struct hold_out told;
    if (!dataset || !model || !count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "data set, model or count is NULL");
    *count = 0;
    if (dataset->held_out.share > 0)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "parts are held out already");
    const char *note = mvad_model_note(model, HOLD_OUT_NOTE);
    if (!note || !*note)
        return error_set(error, MVAD_ERROR_FORMAT,
                         "the model was trained on all good parts, none was held out");
    if (!hold_out_from_text(note, &told))
        return error_set(error, MVAD_ERROR_FORMAT,
                         "metadata " HOLD_OUT_NOTE " is '%.60s', not a share, a seed and a hash",
                         note);
    mvad_status status = split(dataset, told.share, told.seed, true, count, error);
    if (!status && dataset->held_out.hash != told.hash)
        status =
            error_set(error, MVAD_ERROR_FORMAT,
                      "the parts held out are not those of the training: its data have changed "
                      "since, or are others");
    return status ? status : error_clear(error);
}
