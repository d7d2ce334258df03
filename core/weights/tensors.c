/* The public set of named tensors. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/weights/header_text.h"
#include "core/weights/safetensors.h"
#include "core/weights/torch.h"

bool tensor_measure(enum stored_type type, int32_t rank, const int64_t *shape, size_t *count,
                    size_t *bytes)
{
    size_t product = 1;
    if (rank < 0 || rank > SAFETENSORS_MAX_RANK) return false;
    for (int32_t i = 0; i < rank; i++)
        if (shape[i] < 0 || shape[i] > HEADER_TEXT_MAX_NUMBER ||
            !size_multiply(product, (size_t)shape[i], &product))
            return false;
    *count = product;
    return size_multiply(product, stored_type_bytes(type), bytes);
}

void tensor_shape_text(int32_t rank, const int64_t *shape, char text[TENSOR_SHAPE_TEXT])
{
    size_t used = 0;
    text[used++] = '[';
    for (int32_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, TENSOR_SHAPE_TEXT - used,
                                 i ? ",%" PRId64 : "%" PRId64, shape[i]);
    text[used++] = ']';
    text[used] = 0;
}

bool tensor_name_is_allowed(const char *name, size_t length)
{
    size_t position;
    return strlen(name) == length && header_text_is_utf8(name, length, &position) &&
           !header_text_has_control(name) && strcmp(name, "__metadata__") != 0;
}

mvad_status mvad_tensors_create(mvad_tensors **tensors, mvad_error *error)
{
    if (!(*tensors = calloc(1, sizeof **tensors)))
        return error_out_of_memory(error, "tensors", sizeof **tensors);
    return error_clear(error);
}

mvad_status tensor_attach(struct tensor *tensor, const uint8_t *stored, const char *path,
                          mvad_error *error)
{
    bool is_read_in_place = tensor->type == STORED_F32 || tensor->type == STORED_F64;
    if (is_read_in_place && (uintptr_t)stored % stored_type_bytes(tensor->type) != 0) {
        if (!(tensor->owned_stored = memory_allocate(tensor->bytes)))
            return error_out_of_memory(error, file_label(path), tensor->bytes);
        memcpy(tensor->owned_stored, stored, tensor->bytes);
        stored = tensor->owned_stored;
    }
    tensor->stored = stored;
    if (tensor->type == STORED_F32) {
        tensor->values = tensor->stored;
    } else if (stored_type_is_float(tensor->type)) {
        /* An element has at least two bytes, so four times the count cannot overflow. */
        if (!(tensor->owned_values = memory_allocate(tensor->count * sizeof(float))))
            return error_out_of_memory(error, file_label(path), tensor->count * sizeof(float));
        stored_type_to_float(tensor->type, stored, tensor->count, tensor->owned_values);
        tensor->values = tensor->owned_values;
    }
    return MVAD_OK;
}

mvad_status tensors_read_bytes(const char *name, const uint8_t *data, size_t size,
                               mvad_tensors *tensors, mvad_error *error)
{
    if (!(tensors->path = memory_copy_string(name)))
        return error_out_of_memory(error, file_label(name), strlen(name) + 1);
    return (torch_is(data, size) ? torch_read_bytes : safetensors_read_bytes)(name, data, size,
                                                                              tensors, error);
}

mvad_status mvad_tensors_load(const char *path, mvad_tensors **tensors, mvad_error *error)
{
    mvad_status status = mvad_tensors_create(tensors, error);
    if (status) return status;
    struct file_mapping *mapping = &(*tensors)->mapping;
    status = file_map(path, SIZE_MAX, mapping, error);
    if (!status) status = tensors_read_bytes(path, mapping->data, mapping->size, *tensors, error);
    if (status) {
        mvad_tensors_destroy(*tensors);
        *tensors = NULL;
        return status;
    }
    return error_clear(error);
}

mvad_status mvad_tensors_save(const mvad_tensors *tensors, const char *path, mvad_error *error)
{
    mvad_status status = safetensors_write(tensors, path, error);
    return status ? status : error_clear(error);
}

static const struct tensor *find(const mvad_tensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->count; i++)
        if (strcmp(tensors->items[i].name, name) == 0) return &tensors->items[i];
    return NULL;
}

/* The rule for what the header writes as a string: UTF-8, and for keys no control characters. */
static mvad_status check_text(const char *what, const char *text, bool is_key, mvad_error *error)
{
    size_t position;
    if (!header_text_is_utf8(text, strlen(text), &position))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s is not UTF-8 at byte %zu", what,
                         position);
    if (is_key && header_text_has_control(text))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s has a control character", what);
    return MVAD_OK;
}

mvad_status mvad_tensors_add(mvad_tensors *tensors, const char *name, int32_t rank,
                             const int64_t *shape, const float *data, mvad_error *error)
{
    struct tensor tensor = {.type = STORED_F32, .rank = rank};
    mvad_status status = check_text("the tensor's name", name, true, error);
    if (status) return status;
    if (strcmp(name, "__metadata__") == 0)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "a tensor cannot be named '%s'", name);
    if (find(tensors, name))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "tensor '%.100s' is already in the set", name);
    if (rank < 0 || rank > SAFETENSORS_MAX_RANK)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "tensor '%.100s': rank %" PRId32 " is not 0 to %d", name, rank,
                         SAFETENSORS_MAX_RANK);
    if (rank) memcpy(tensor.shape, shape, (size_t)rank * sizeof *shape);
    if (!tensor_measure(STORED_F32, rank, shape, &tensor.count, &tensor.bytes)) {
        char text[TENSOR_SHAPE_TEXT];
        tensor_shape_text(rank, shape, text);
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "tensor '%.100s': shape %s is negative or too large", name, text);
    }

    tensor.name = memory_copy_string(name);
    tensor.owned_stored = memory_allocate(tensor.bytes);
    if (!tensor.name || !tensor.owned_stored ||
        !memory_grow((void **)&tensors->items, &tensors->capacity, tensors->count, sizeof tensor)) {
        free(tensor.name);
        free(tensor.owned_stored);
        return error_out_of_memory(error, "tensors", tensor.bytes);
    }
    if (tensor.bytes) memcpy(tensor.owned_stored, data, tensor.bytes);
    tensor.stored = tensor.owned_stored;
    tensor.values = tensor.owned_stored;
    tensors->items[tensors->count++] = tensor;
    return error_clear(error);
}

void mvad_tensors_make_float32(mvad_tensors *tensors)
{
    for (size_t i = 0; i < tensors->count; i++) {
        struct tensor *tensor = &tensors->items[i];
        if (!tensor->owned_values) continue;
        free(tensor->owned_stored);
        tensor->type = STORED_F32;
        tensor->bytes = tensor->count * sizeof(float);
        tensor->stored = tensor->owned_stored = tensor->owned_values;
        tensor->owned_values = NULL;
    }
}

size_t mvad_tensors_count(const mvad_tensors *tensors)
{
    return tensors->count;
}

static void fill_view(const struct tensor *tensor, mvad_tensor_view *view)
{
    *view = (mvad_tensor_view){
        .name = tensor->name, .data = tensor->values, .rank = tensor->rank, .count = tensor->count};
    memcpy(view->shape, tensor->shape, sizeof view->shape);
}

mvad_status mvad_tensors_at(const mvad_tensors *tensors, size_t index, mvad_tensor_view *view,
                            mvad_error *error)
{
    *view = (mvad_tensor_view){0};
    if (index >= tensors->count)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "tensor %zu of a set of %zu", index,
                         tensors->count);
    fill_view(&tensors->items[index], view);
    return error_clear(error);
}

/* NULL where it is missing, with an error that names the set's file and the tensor. */
static const struct tensor *find_or_explain(const mvad_tensors *tensors, const char *name,
                                            mvad_error *error)
{
    const struct tensor *tensor = find(tensors, name);
    const char *file = tensors->path ? file_label(tensors->path) : "tensors in memory";
    if (!tensor) error_set(error, MVAD_ERROR_FORMAT, "%s: no tensor '%.100s'", file, name);
    return tensor;
}

static mvad_status wrong_type(const mvad_tensors *tensors, const struct tensor *tensor,
                              const char *wanted, mvad_error *error)
{
    const char *file = tensors->path ? file_label(tensors->path) : "tensors in memory";
    return error_set(error, MVAD_ERROR_FORMAT, "%s: tensor '%.100s' is %s, not %s", file,
                     tensor->name, stored_type_name(tensor->type), wanted);
}

mvad_status mvad_tensors_find(const mvad_tensors *tensors, const char *name, mvad_tensor_view *view,
                              mvad_error *error)
{
    const struct tensor *tensor = find_or_explain(tensors, name, error);
    *view = (mvad_tensor_view){0};
    if (!tensor) return MVAD_ERROR_FORMAT;
    if (!stored_type_is_float(tensor->type))
        return wrong_type(tensors, tensor, "a float type", error);
    fill_view(tensor, view);
    return error_clear(error);
}

mvad_status tensors_find_double(const mvad_tensors *tensors, const char *name,
                                const double **values, size_t *count, mvad_error *error)
{
    const struct tensor *tensor = find_or_explain(tensors, name, error);
    *values = NULL;
    *count = 0;
    if (!tensor) return MVAD_ERROR_FORMAT;
    if (tensor->type != STORED_F64) return wrong_type(tensors, tensor, "F64", error);
    *values = tensor->stored;
    *count = tensor->count;
    return error_clear(error);
}

static struct metadata_entry *find_metadata(const mvad_tensors *tensors, const char *key)
{
    for (size_t i = 0; i < tensors->metadata_count; i++)
        if (strcmp(tensors->metadata[i].key, key) == 0) return &tensors->metadata[i];
    return NULL;
}

const char *mvad_tensors_metadata(const mvad_tensors *tensors, const char *key)
{
    const struct metadata_entry *entry = find_metadata(tensors, key);
    return entry ? entry->value : NULL;
}

mvad_status tensors_append_metadata(mvad_tensors *tensors, const char *key, const char *value,
                                    mvad_error *error)
{
    struct metadata_entry added = {memory_copy_string(key), memory_copy_string(value)};
    if (!added.key || !added.value ||
        !memory_grow((void **)&tensors->metadata, &tensors->metadata_capacity,
                     tensors->metadata_count, sizeof added)) {
        free(added.key);
        free(added.value);
        return error_out_of_memory(error, "metadata", strlen(key) + strlen(value) + 2);
    }
    tensors->metadata[tensors->metadata_count++] = added;
    return MVAD_OK;
}

mvad_status mvad_tensors_set_metadata(mvad_tensors *tensors, const char *key, const char *value,
                                      mvad_error *error)
{
    mvad_status status;
    if ((status = check_text("the metadata key", key, true, error)) ||
        (status = check_text("the metadata value", value, false, error)))
        return status;

    struct metadata_entry *old = find_metadata(tensors, key);
    if (old) {
        char *copy = memory_copy_string(value);
        if (!copy) return error_out_of_memory(error, "metadata", strlen(value) + 1);
        free(old->value);
        old->value = copy;
    } else if ((status = tensors_append_metadata(tensors, key, value, error))) {
        return status;
    }
    return error_clear(error);
}

void mvad_tensors_destroy(mvad_tensors *tensors)
{
    if (!tensors) return;
    for (size_t i = 0; i < tensors->count; i++) {
        free(tensors->items[i].name);
        free(tensors->items[i].owned_stored);
        free(tensors->items[i].owned_values);
    }
    for (size_t i = 0; i < tensors->metadata_count; i++) {
        free(tensors->metadata[i].key);
        free(tensors->metadata[i].value);
    }
    free(tensors->items);
    free(tensors->metadata);
    free(tensors->path);
    file_unmap(&tensors->mapping);
    free(tensors);
}
