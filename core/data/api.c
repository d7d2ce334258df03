/* The public functions of data sets. */
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/options.h"
#include "core/data/cache.h"
#include "core/data/check.h"
#include "core/data/handle.h"

static const struct options_shape open_shape = OPTIONS_SHAPE(mvad_dataset_options);
static const struct options_shape check_shape = OPTIONS_SHAPE(mvad_dataset_check_options);
static const struct options_shape cache_shape = OPTIONS_SHAPE(mvad_cache_options);

void mvad_dataset_options_init(mvad_dataset_options *options, size_t size)
{
    options_init(&open_shape, &(mvad_dataset_options){0}, options, size, 0);
}

void mvad_dataset_check_options_init(mvad_dataset_check_options *options, size_t size)
{
    options_init(&check_shape, &(mvad_dataset_check_options){0}, options, size, 0);
}

void mvad_cache_options_init(mvad_cache_options *options, size_t size)
{
    options_init(&cache_shape, &(mvad_cache_options){0}, options, size, 0);
}

mvad_status mvad_dataset_open(const char *path, const mvad_dataset_options *options,
                              mvad_dataset **dataset, mvad_error *error)
{
    if (!dataset) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "data set is NULL");
    *dataset = NULL;
    if (!path) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "path is NULL");
    mvad_dataset_options own = mvad_dataset_options_default();
    mvad_status status = options_read(&open_shape, options, &own, error);
    if (status) return status;
    mvad_dataset *opened = calloc(1, sizeof *opened);
    if (!opened) return error_out_of_memory(error, "data set", sizeof *opened);
    const struct dataset_options index_options = {
        .root = path, .variant = own.variant, .classes = own.classes, .image_size = own.image_size};
    status = dataset_open(&index_options, &opened->index, error);
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
    if (!dataset || !fatal)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "data set or result is NULL");
    mvad_dataset_check_options own = mvad_dataset_check_options_default();
    mvad_status status = options_read(&check_shape, options, &own, error);
    if (status) return status;
    struct dataset_report report;
    const struct dataset_check_options check = {
        .threads = own.threads, .progress = own.progress, .user = own.user};
    status = dataset_check(&dataset->index, &check, &report, error);
    *fatal = status ? 0 : report.fatal_count;
    if (status) return status;
    for (size_t i = 0; own.problem && i < report.problem_count; i++) {
        const struct dataset_problem *found = &report.problems[i];
        const mvad_dataset_problem problem = {.kind = dataset_problem_name(found->kind),
                                              .text = found->text,
                                              .fatal = dataset_problem_is_fatal(found->kind)};
        own.problem(&problem, own.user);
    }
    if (own.remove && !report.stopped) status = remove_unusable(&dataset->index, &report, error);
    dataset_report_free(&report);
    return status ? status : error_clear(error);
}

mvad_status mvad_dataset_cache(mvad_dataset *dataset, const mvad_cache_options *options,
                               int32_t *built, mvad_error *error)
{
    if (built) *built = 0;
    if (!dataset) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "data set is NULL");
    mvad_cache_options own = mvad_cache_options_default();
    mvad_status status = options_read(&cache_shape, options, &own, error);
    if (status) return status;
    if (!own.folder) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "folder is NULL");
    if (own.image_size < 1 || own.image_size > MVAD_MAX_IMAGE_SIZE)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "image_size %d of a cache: must be 1 to %d", own.image_size,
                         MVAD_MAX_IMAGE_SIZE);
    struct image_cache *cache;
    bool is_new;
    status = image_cache_open(&dataset->index, &own, &cache, &is_new, error);
    if (status) return status;
    if (!cache) return error_clear(error); /* stopped */
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
