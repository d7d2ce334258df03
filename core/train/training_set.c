#include "core/train/training_set.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"

mvad_status training_set_make(const struct dataset *dataset, int32_t views,
                              struct training_set *set, mvad_error *error)
{
    *set = (struct training_set){.dataset = dataset, .views = views};
    const size_t bytes = (dataset->sample_count + 1) * sizeof *set->samples;
    set->samples = malloc(bytes);
    if (!set->samples) return error_out_of_memory(error, "training samples", bytes);
    for (size_t i = 0; i < dataset->sample_count; i++) {
        const struct dataset_sample *sample = &dataset->samples[i];
        if (sample->split != DATASET_TRAIN) continue;
        if (sample->view_count != (size_t)views) {
            training_set_free(set);
            return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                             "class %.100s, sample %.100s: has %zu views; training takes %d",
                             dataset->classes[sample->class_index].name, sample->name,
                             sample->view_count, views);
        }
        set->samples[set->count++] = i;
    }
    return MVAD_OK;
}

void training_set_free(struct training_set *set)
{
    free(set->samples);
    *set = (struct training_set){0};
}
