/* A data set of one part, made from a list of photographs. */
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/data/records.h"

/* View number i, from 1: its number is its name, so that sorting the records keeps the order. */
static mvad_status add_image(struct record_set *set, const char *sample, const char *image, size_t i)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", i);
    const struct record record = {.class_name = "",
                                  .sample = sample,
                                  .view = records_copy(set, number, strlen(number)),
                                  .image = records_copy(set, image, strlen(image)),
                                  .defect = "",
                                  .split = DATASET_TEST,
                                  .label = DATASET_UNKNOWN};
    if (!record.view || !record.image) return records_out_of_memory(set);
    return records_add(set, &record);
}

mvad_status dataset_from_images(const char *name, const char *const *images, size_t count,
                                struct dataset *dataset, mvad_error *error)
{
    const struct dataset_options options = {.root = name};
    struct record_set set = {.options = &options, .error = error};
    *dataset = (struct dataset){0};
    if (!count) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "a part without a photograph");
    const char *sample = records_copy(&set, name, strlen(name));
    mvad_status status = sample ? MVAD_OK : records_out_of_memory(&set);
    for (size_t i = 0; i < count && !status; i++) {
        if (!images[i] || !*images[i])
            status = error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                               "photograph %zu of %zu has no file name", i + 1, count);
        else
            status = add_image(&set, sample, images[i], i + 1);
    }
    if (!status) status = records_finish(&set, dataset);
    if (!status) dataset->kind = "images";
    records_free(&set);
    return status;
}
