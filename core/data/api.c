/* The public functions of data sets. */
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/data/cache.h"
#include "core/data/check.h"
#include "core/data/handle.h"

mvad_dataset_options mvad_dataset_options_default(void)
{
    return (mvad_dataset_options){.size = sizeof(mvad_dataset_options)};
}

mvad_dataset_check_options mvad_dataset_check_options_default(void)
{
    return (mvad_dataset_check_options){.size = sizeof(mvad_dataset_check_options)};
}

mvad_status mvad_dataset_open(const char *path, const mvad_dataset_options *options,
                              mvad_dataset **dataset, mvad_error *error)
{
    if (!dataset) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "data set is NULL");
    *dataset = NULL;
    if (!path || !options || options->size != sizeof *options)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "path or options are NULL or not initialised");
    mvad_dataset *opened = calloc(1, sizeof *opened);
    if (!opened) return error_out_of_memory(error, "data set", sizeof *opened);
    const struct dataset_options index_options = {.root = path,
                                                  .variant = options->variant,
                                                  .classes = options->classes,
                                                  .image_size = options->image_size};
    mvad_status status = dataset_open(&index_options, &opened->index, error);
    if (status) {
        free(opened);
        return status;
    }
    *dataset = opened;
    return error_clear(error);
}

static mvad_status open_part(const struct dataset_part *part, mvad_dataset **dataset,
                             mvad_error *error)
{
    if (!dataset) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "data set is NULL");
    *dataset = NULL;
    if (!part->class_name || !part->name || !part->images)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "class, name or images are NULL");
    mvad_dataset *made = calloc(1, sizeof *made);
    if (!made) return error_out_of_memory(error, "data set", sizeof *made);
    mvad_status status = dataset_from_part(part, &made->index, error);
    if (status) {
        free(made);
        return status;
    }
    *dataset = made;
    return error_clear(error);
}

mvad_status mvad_dataset_from_images(const char *name, const char *const *images, size_t count,
                                     mvad_dataset **dataset, mvad_error *error)
{
    const struct dataset_part part = {
        .class_name = "", .name = name, .images = images, .count = count};
    return open_part(&part, dataset, error);
}

mvad_status mvad_dataset_from_views(const char *class_name, const char *name,
                                    const char *const *views, const char *const *images,
                                    size_t count, mvad_dataset **dataset, mvad_error *error)
{
    const struct dataset_part part = {class_name, name, views, images, count};
    return open_part(&part, dataset, error);
}

const char *mvad_dataset_kind(const mvad_dataset *dataset)
{
    return dataset ? dataset->index.kind : NULL;
}

size_t mvad_dataset_class_count(const mvad_dataset *dataset)
{
    return dataset ? dataset->index.class_count : 0;
}

mvad_status mvad_dataset_class_at(const mvad_dataset *dataset, size_t index,
                                  mvad_dataset_class *result, mvad_error *error)
{
    if (!dataset || !result || index >= dataset->index.class_count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "class %zu: no such class", index);
    const struct dataset_class *c = &dataset->index.classes[index];
    *result = (mvad_dataset_class){
        .name = c->name, .train_samples = c->train_count, .test_samples = c->test_count};
    for (size_t i = 0; i < c->train_count + c->test_count; i++) {
        const struct dataset_sample *sample = &dataset->index.samples[c->first_sample + i];
        result->anomalous_samples += sample->label == DATASET_ANOMALOUS;
        result->views += sample->view_count;
        for (size_t v = 0; v < sample->view_count; v++)
            result->anomalous_views +=
                dataset->index.views[sample->first_view + v].label == DATASET_ANOMALOUS;
    }
    return error_clear(error);
}

static mvad_status remove_unusable(struct dataset *index, const struct dataset_report *report,
                                   mvad_error *error)
{
    bool *remove = calloc(index->sample_count + 1, sizeof *remove);
    if (!remove) return error_out_of_memory(error, "data set check", index->sample_count);
    dataset_report_mark(report, index, remove);
    dataset_remove_samples(index, remove);
    free(remove);
    return MVAD_OK;
}

mvad_status mvad_dataset_check(mvad_dataset *dataset, const mvad_dataset_check_options *options,
                               size_t *fatal, mvad_error *error)
{
    if (!dataset || !fatal || !options || options->size != sizeof *options)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "data set, options or result are NULL or not initialised");
    struct dataset_report report;
    const struct dataset_check_options check = {
        .threads = options->threads, .progress = options->progress, .user = options->user};
    mvad_status status = dataset_check(&dataset->index, &check, &report, error);
    if (status) return status;
    *fatal = report.fatal_count;
    for (size_t i = 0; options->problem && i < report.problem_count; i++) {
        const struct dataset_problem *found = &report.problems[i];
        const mvad_dataset_problem problem = {.kind = dataset_problem_name(found->kind),
                                              .text = found->text,
                                              .fatal = dataset_problem_is_fatal(found->kind)};
        options->problem(&problem, options->user);
    }
    if (options->remove) status = remove_unusable(&dataset->index, &report, error);
    dataset_report_free(&report);
    return status ? status : error_clear(error);
}

mvad_cache_options mvad_cache_options_default(void)
{
    return (mvad_cache_options){.size = sizeof(mvad_cache_options)};
}

mvad_status mvad_dataset_cache(mvad_dataset *dataset, const mvad_cache_options *options,
                               int32_t *built, mvad_error *error)
{
    if (built) *built = 0;
    if (!dataset || !options || options->size != sizeof *options || !options->folder)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "data set, options or folder are NULL or not initialised");
    if (options->image_size < 1 || options->image_size > MVAD_MAX_IMAGE_SIZE)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "image_size %d of a cache: must be 1 to %d", options->image_size,
                         MVAD_MAX_IMAGE_SIZE);
    struct image_cache *cache;
    bool is_new;
    mvad_status status = image_cache_open(&dataset->index, options, &cache, &is_new, error);
    if (status) return status;
    image_cache_close(dataset->index.cache);
    dataset->index.cache = cache;
    for (size_t i = 0; i < dataset->index.view_count; i++) dataset->index.views[i].cached = i;
    if (built) *built = is_new;
    return error_clear(error);
}

void mvad_dataset_close(mvad_dataset *dataset)
{
    if (!dataset) return;
    dataset_close(&dataset->index);
    free(dataset);
}
