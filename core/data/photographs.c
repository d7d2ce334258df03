/* A data set of one part, made from a list of photographs. */
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/data/records.h"

/* `record` has the part's class and name. A view without a name of its own is called by its number,
 * from 1, so that sorting the records keeps the order. */
static mvad_status add_view(struct record_set *set, struct record record,
                            const struct dataset_part *part, size_t i)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", i + 1);
    const char *name = part->views ? part->views[i] : number, *image = part->images[i];
    if (!image || !*image)
        return error_set(set->error, MVAD_ERROR_INVALID_ARGUMENT,
                         "photograph %zu of %zu has no file name", i + 1, part->count);
    if (!name)
        return error_set(set->error, MVAD_ERROR_INVALID_ARGUMENT, "view %zu of %zu has no name",
                         i + 1, part->count);
    record.view = records_copy(set, name, strlen(name));
    record.image = records_copy(set, image, strlen(image));
    if (!record.view || !record.image) return records_out_of_memory(set);
    return records_add(set, &record);
}

mvad_status dataset_from_part(const struct dataset_part *part, struct dataset *dataset,
                              mvad_error *error)
{
    const struct dataset_options options = {.root = part->name};
    struct record_set set = {.options = &options, .error = error};
    struct record record = {.defect = "", .split = DATASET_TEST, .label = DATASET_UNKNOWN};
    *dataset = (struct dataset){0};
    if (!part->count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "a part without a photograph");
    record.class_name = records_copy(&set, part->class_name, strlen(part->class_name));
    record.sample = records_copy(&set, part->name, strlen(part->name));
    mvad_status status = record.class_name && record.sample ? MVAD_OK : records_out_of_memory(&set);
    for (size_t i = 0; i < part->count && !status; i++) status = add_view(&set, record, part, i);
    if (!status) status = records_finish(&set, dataset);
    if (!status) dataset->kind = "images";
    records_free(&set);
    return status;
}
