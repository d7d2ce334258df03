/* The tables of storages and tensors, and the way from a part of a storage to a tensor. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/weights/torch_file.h"

mvad_status torch_add_storage(struct torch_file *file, const struct torch_storage *storage,
                              size_t *index)
{
    if (file->storage_count == TORCH_MAX_TENSORS)
        return torch_fail(file, "more than %d storages", TORCH_MAX_TENSORS);
    if (!memory_grow((void **)&file->storages, &file->storage_capacity, file->storage_count,
                     sizeof *storage))
        return error_out_of_memory(file->error, file_label(file->path), sizeof *storage);
    if (index) *index = file->storage_count;
    file->storages[file->storage_count++] = *storage;
    return MVAD_OK;
}

mvad_status torch_add_tensor(struct torch_file *file, const struct torch_tensor *tensor,
                             size_t *index)
{
    if (file->tensor_count == TORCH_MAX_TENSORS)
        return torch_fail(file, "more than %d tensors", TORCH_MAX_TENSORS);
    if (!memory_grow((void **)&file->tensors, &file->tensor_capacity, file->tensor_count,
                     sizeof *tensor))
        return error_out_of_memory(file->error, file_label(file->path), sizeof *tensor);
    if (index) *index = file->tensor_count;
    file->tensors[file->tensor_count++] = *tensor;
    return MVAD_OK;
}

int torch_compare_keys(const struct torch_storage *a, const struct torch_storage *b)
{
    const size_t shorter = a->key_length < b->key_length ? a->key_length : b->key_length;
    const int order = memcmp(a->key, b->key, shorter);
    return order ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

static int compare_keys(const void *a, const void *b, void *user)
{
    const struct torch_file *file = user;
    return torch_compare_keys(&file->storages[*(const size_t *)a],
                              &file->storages[*(const size_t *)b]);
}

mvad_status torch_storages_by_key(const struct torch_file *file, size_t **order)
{
    const size_t count = file->storage_count;
    if (!(*order = malloc((count ? count : 1) * sizeof **order)))
        return error_out_of_memory(file->error, file_label(file->path), count * sizeof **order);
    for (size_t i = 0; i < count; i++) (*order)[i] = i;
    qsort_r(*order, count, sizeof **order, compare_keys, (void *)(uintptr_t)file);
    for (size_t i = 1; i < count; i++) {
        const struct torch_storage *last = &file->storages[(*order)[i - 1]];
        const struct torch_storage *next = &file->storages[(*order)[i]];
        if (torch_compare_keys(last, next) ||
            (last->type == next->type && last->count == next->count))
            continue;
        free(*order);
        *order = NULL;
        return torch_fail(file, "storage '%.*s' has two types or sizes",
                          next->key_length < 100 ? (int)next->key_length : 100, next->key);
    }
    return MVAD_OK;
}

/* Whether the tensor lies within its storage, and the first element's place in the whole array. */
static bool place(const struct torch_storage *storage, const struct torch_tensor *tensor,
                  size_t count, uint64_t *first)
{
    uint64_t last;
    if (tensor->offset < 0 || (uint64_t)tensor->offset > storage->view_count) return false;
    *first = storage->view_first + (uint64_t)tensor->offset;
    last = (uint64_t)tensor->offset;
    for (int32_t i = 0; i < tensor->rank; i++) {
        uint64_t reach;
        if (tensor->strides[i] < 0) return false;
        if (count && (__builtin_mul_overflow((uint64_t)tensor->sizes[i] - 1,
                                             (uint64_t)tensor->strides[i], &reach) ||
                      __builtin_add_overflow(last, reach, &last)))
            return false;
    }
    return !count || last < storage->view_count;
}

static bool is_contiguous(const struct torch_tensor *tensor)
{
    uint64_t expected = 1;
    for (int32_t i = tensor->rank; i-- > 0;) {
        if (tensor->sizes[i] != 1 && (uint64_t)tensor->strides[i] != expected) return false;
        expected *= (uint64_t)tensor->sizes[i]; /* its product is the tensor's count at most */
    }
    return true;
}

/* Copies an element, its bytes the other way round where the file is big-endian. */
static void copy_element(uint8_t *to, const uint8_t *from, size_t bytes, bool reversed)
{
    if (!reversed) {
        memcpy(to, from, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i++) to[i] = from[bytes - 1 - i];
}

/* Elements in row-major order, from wherever they lie. */
static void gather(const struct torch_tensor *tensor, const uint8_t *first, size_t count,
                   size_t bytes, bool reversed, uint8_t *to)
{
    int64_t at[SAFETENSORS_MAX_RANK] = {0};
    uint64_t offset = 0; /* elements from `first` */
    for (size_t done = 0; done < count; done++, to += bytes) {
        copy_element(to, first + offset * bytes, bytes, reversed);
        for (int32_t i = tensor->rank; i-- > 0;) {
            offset += (uint64_t)tensor->strides[i];
            if (++at[i] < tensor->sizes[i]) break;
            offset -= (uint64_t)tensor->strides[i] * (uint64_t)tensor->sizes[i];
            at[i] = 0;
        }
    }
}

mvad_status torch_extract(const struct torch_file *file, const struct torch_tensor *from,
                          const char *name, uint64_t *elements_left, struct tensor *tensor)
{
    const struct torch_storage *storage = &file->storages[from->storage];
    const size_t bytes = stored_type_bytes(storage->type);
    uint64_t first;
    tensor->type = storage->type;
    tensor->rank = from->rank;
    memcpy(tensor->shape, from->sizes, sizeof tensor->shape);
    if (!tensor_measure(tensor->type, tensor->rank, tensor->shape, &tensor->count, &tensor->bytes))
        return torch_fail(file, "tensor '%.100s': a size is negative, or all are too large", name);
    if (!place(storage, from, tensor->count, &first))
        return torch_fail(file, "tensor '%.100s' does not lie within its storage", name);
    if (tensor->count > *elements_left)
        return torch_fail(file, "tensor '%.100s': the file's tensors repeat its elements too often",
                          name);
    *elements_left -= tensor->count;

    const uint8_t *stored = storage->data + first * bytes;
    if (!tensor->count) {
        stored = storage->data;
    } else if (!is_contiguous(from) || (file->is_big_endian && bytes > 1)) {
        if (!(tensor->owned_stored = memory_allocate(tensor->bytes)))
            return error_out_of_memory(file->error, file_label(file->path), tensor->bytes);
        gather(from, stored, tensor->count, bytes, file->is_big_endian, tensor->owned_stored);
        stored = tensor->owned_stored;
    }
    return tensor_attach(tensor, stored, file->path, file->error);
}
