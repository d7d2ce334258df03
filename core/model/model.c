#include "core/model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/model/config.h"
#include "core/model/network.h"

/* A model with room for its parameters and no values yet. */
static mvad_status allocate_model(const mvad_config *config, mvad_model **model, mvad_error *error)
{
    mvad_model *m = calloc(1, sizeof *m);
    if (!m) return error_out_of_memory(error, "model", sizeof *m);
    m->config = *config;
    mvad_status status = network_parameters(config, &m->table, error);
    if (!status) {
        m->values = memory_allocate(m->table.elements * sizeof *m->values);
        if (!m->values)
            status = error_out_of_memory(error, "model", m->table.elements * sizeof *m->values);
    }
    if (status) {
        mvad_model_destroy(m);
        return status;
    }
    *model = m;
    return MVAD_OK;
}

mvad_status mvad_model_create(const mvad_config *config, uint64_t seed, mvad_model **model,
                              mvad_error *error)
{
    if (!model) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model is NULL");
    *model = NULL;
    mvad_status status = mvad_config_check(config, error);
    if (!status) status = allocate_model(config, model, error);
    if (status) return status;
    for (size_t i = 0; i < (*model)->table.count; i++) {
        const struct parameter *parameter = &(*model)->table.items[i];
        parameter_initialise(parameter, seed, (*model)->values + parameter->offset);
    }
    status = mvad_model_set_note(*model, "mvad.teacher", "random", error);
    if (status) {
        mvad_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

/* The configuration to load with: the file's, checked against the caller's where there is one. */
static mvad_status resolve_config(const mvad_tensors *tensors, const char *path,
                                  const mvad_config *given, mvad_config *config, mvad_error *error)
{
    mvad_error detail;
    int missing;
    const char *first_missing;
    *config = given ? *given : mvad_config_default();
    if (config_from_metadata(tensors, config, &missing, &first_missing, &detail))
        return error_set(error, MVAD_ERROR_FORMAT, "%s: %s", path, detail.message);
    if (missing && !given)
        return error_set(error, MVAD_ERROR_FORMAT,
                         "%s: metadata %s is missing (%d missing in all); give the configuration "
                         "as options",
                         path, first_missing, missing);
    if (given && memcmp(config, given, sizeof *config))
        return error_set(error, MVAD_ERROR_FORMAT,
                         "%s: the configuration asked for contradicts the file's metadata", path);
    if (mvad_config_check(config, &detail))
        return error_set(error, MVAD_ERROR_FORMAT, "%s: %s", path, detail.message);
    return MVAD_OK;
}

static void shape_text(const int64_t *shape, int32_t rank, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "(");
    for (int32_t i = 0; i < rank && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, i ? ",%lld" : "%lld",
                                   (long long)shape[i]);
    if (length < size) snprintf(text + length, size - length, ")");
}

mvad_status model_take_tensor(mvad_model *model, const struct parameter *parameter,
                              const mvad_tensors *tensors, const char *name, const char *path,
                              bool take, mvad_error *error)
{
    mvad_tensor_view view;
    mvad_status status = mvad_tensors_find(tensors, name, &view, error);
    if (status) return status;
    if (view.rank != parameter->rank ||
        memcmp(view.shape, parameter->shape, (size_t)view.rank * sizeof *view.shape)) {
        char has[96], wants[96];
        shape_text(view.shape, view.rank, has, sizeof has);
        shape_text(parameter->shape, parameter->rank, wants, sizeof wants);
        return error_set(error, MVAD_ERROR_FORMAT, "%s: tensor '%s' has shape %s, the model %s",
                         path, name, has, wants);
    }
    for (size_t i = 0; i < view.count; i++)
        if (!isfinite(view.data[i]))
            return error_set(error, MVAD_ERROR_FORMAT,
                             "%s: tensor '%s' has a NaN or an infinity at element %zu", path, name,
                             i);
    if (take) memcpy(model->values + parameter->offset, view.data, view.count * sizeof *view.data);
    return MVAD_OK;
}

static bool has_suffix(const char *text, const char *suffix)
{
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && !strcmp(text + length - end, suffix);
}

/* Names in the file that the model lacks, but for batch norm's step counters, which nothing uses.
 * */
static mvad_status check_unexpected(const mvad_model *model, const mvad_tensors *tensors,
                                    const char *path, mvad_error *error)
{
    size_t unexpected = 0;
    char first[128] = "";
    for (size_t i = 0; i < mvad_tensors_count(tensors); i++) {
        mvad_tensor_view view;
        if (mvad_tensors_at(tensors, i, &view, NULL)) continue;
        const char *name = view.name;
        if (parameter_table_find(&model->table, name) || has_suffix(name, ".num_batches_tracked"))
            continue;
        if (!unexpected++) snprintf(first, sizeof first, "%s", name);
    }
    if (!unexpected) return MVAD_OK;
    return error_set(error, MVAD_ERROR_FORMAT,
                     "%s: unexpected tensor '%s' (%zu unexpected in all) for %s, projection %s",
                     path, first, unexpected, mvad_backbone_name(model->config.backbone),
                     mvad_projection_name(model->config.projection));
}

static bool has_tensor(const mvad_tensors *tensors, const char *name)
{
    for (size_t i = 0; i < mvad_tensors_count(tensors); i++) {
        mvad_tensor_view view;
        if (!mvad_tensors_at(tensors, i, &view, NULL) && !strcmp(view.name, name)) return true;
    }
    return false;
}

static mvad_status check_missing(const mvad_model *model, const mvad_tensors *tensors,
                                 const char *path, mvad_error *error)
{
    size_t missing = 0;
    const char *first = NULL;
    for (size_t i = 0; i < model->table.count; i++) {
        mvad_tensor_view view;
        mvad_error detail;
        if (!mvad_tensors_find(tensors, model->table.items[i].name, &view, &detail)) continue;
        if (has_tensor(tensors, model->table.items[i].name)) /* but of a type that is no number */
            return error_set(error, MVAD_ERROR_FORMAT, "%s", detail.message);
        if (!missing++) first = model->table.items[i].name;
    }
    if (!missing) return MVAD_OK;
    return error_set(error, MVAD_ERROR_FORMAT,
                     "%s: tensor '%s' is missing (%zu missing in all) for %s, projection %s", path,
                     first, missing, mvad_backbone_name(model->config.backbone),
                     mvad_projection_name(model->config.projection));
}

mvad_status mvad_model_load(const char *path, const mvad_config *config, mvad_model **model,
                            mvad_error *error)
{
    if (!path || !model)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "path or model is NULL");
    *model = NULL;
    mvad_tensors *tensors = NULL;
    mvad_config resolved;
    mvad_model *loaded = NULL;
    mvad_status status = config ? mvad_config_check(config, error) : MVAD_OK;
    if (!status) status = mvad_tensors_load(path, &tensors, error);
    if (!status) status = resolve_config(tensors, path, config, &resolved, error);
    if (!status) status = allocate_model(&resolved, &loaded, error);
    if (!status) status = check_missing(loaded, tensors, path, error);
    if (!status) status = check_unexpected(loaded, tensors, path, error);
    for (size_t i = 0; !status && i < loaded->table.count; i++)
        status = model_take_tensor(loaded, &loaded->table.items[i], tensors,
                                   loaded->table.items[i].name, path, true, error);
    if (!status) status = notes_from_metadata(loaded, tensors, error);
    mvad_tensors_destroy(tensors);
    if (status) {
        mvad_model_destroy(loaded);
        return status;
    }
    *model = loaded;
    return error_clear(error);
}

mvad_status mvad_model_save(const mvad_model *model, const char *path, mvad_error *error)
{
    if (!model || !path)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or path is NULL");
    mvad_tensors *tensors = NULL;
    mvad_status status = mvad_tensors_create(&tensors, error);
    if (!status) status = config_to_metadata(&model->config, tensors, error);
    if (!status) status = notes_to_metadata(model, tensors, error);
    for (size_t i = 0; !status && i < model->table.count; i++) {
        const struct parameter *parameter = &model->table.items[i];
        status = mvad_tensors_add(tensors, parameter->name, parameter->rank, parameter->shape,
                                  model->values + parameter->offset, error);
    }
    if (!status) status = mvad_tensors_save(tensors, path, error);
    mvad_tensors_destroy(tensors);
    return status;
}

mvad_config mvad_model_config(const mvad_model *model)
{
    return model ? model->config : (mvad_config){0};
}

size_t mvad_model_parameter_count(const mvad_model *model)
{
    return model ? model->table.count : 0;
}

mvad_status mvad_model_parameter_at(const mvad_model *model, size_t index,
                                    mvad_parameter *parameter, mvad_error *error)
{
    if (!model || !parameter || index >= model->table.count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "parameter %zu: no such parameter",
                         index);
    const struct parameter *found = &model->table.items[index];
    *parameter = (mvad_parameter){
        .name = found->name, .kind = found->kind, .rank = found->rank, .count = found->count};
    memcpy(parameter->shape, found->shape, sizeof parameter->shape);
    return error_clear(error);
}

/* The parameter `name`, if it has `count` elements. */
static mvad_status find_sized(const mvad_model *model, const char *name, size_t count,
                              const struct parameter **parameter, mvad_error *error)
{
    if (!model || !name)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or name is NULL");
    *parameter = parameter_table_find(&model->table, name);
    if (!*parameter)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: the model has no such parameter",
                         name);
    if ((*parameter)->count != count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: has %zu elements, not %zu", name,
                         (*parameter)->count, count);
    return error_clear(error);
}

mvad_status mvad_model_read_parameter(const mvad_model *model, const char *name, float *values,
                                      size_t count, mvad_error *error)
{
    const struct parameter *parameter = NULL;
    mvad_status status = find_sized(model, name, count, &parameter, error);
    if (!status) memcpy(values, model->values + parameter->offset, count * sizeof *values);
    return status;
}

mvad_status mvad_model_write_parameter(mvad_model *model, const char *name, const float *values,
                                       size_t count, mvad_error *error)
{
    const struct parameter *parameter = NULL;
    mvad_status status = find_sized(model, name, count, &parameter, error);
    if (!status) memcpy(model->values + parameter->offset, values, count * sizeof *values);
    return status;
}

void mvad_model_destroy(mvad_model *model)
{
    if (!model) return;
    parameter_table_free(&model->table);
    mvad_tensors_destroy(model->notes);
    free(model->values);
    free(model);
}
