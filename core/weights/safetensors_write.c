/* Writing: header text, padding, and the tensors' bytes from where they are. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/weights/safetensors.h"

#define HEADER_ALIGNMENT \
    8 /* so that the widest elements, which come first, lie aligned in the file */

static int compare_tensors(const void *a, const void *b)
{
    const struct tensor *x = *(const struct tensor *const *)a,
                        *y = *(const struct tensor *const *)b;
    size_t x_bytes = stored_type_bytes(x->type), y_bytes = stored_type_bytes(y->type);
    if (x_bytes != y_bytes) return x_bytes > y_bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int compare_metadata(const void *a, const void *b)
{
    const struct metadata_entry *x = *(const struct metadata_entry *const *)a;
    const struct metadata_entry *y = *(const struct metadata_entry *const *)b;
    return strcmp(x->key, y->key);
}

/* Adds "__metadata__", sorted by key, to the header. False when there is no memory. */
static bool add_metadata(cJSON *root, const mvad_tensors *tensors)
{
    size_t count = tensors->metadata_count;
    bool added = true;
    if (count == 0) return true;
    const struct metadata_entry **sorted = malloc(count * sizeof *sorted);
    cJSON *object = cJSON_AddObjectToObject(root, "__metadata__");
    if (!sorted || !object) {
        free(sorted);
        return false;
    }
    for (size_t i = 0; i < count; i++) sorted[i] = &tensors->metadata[i];
    qsort(sorted, count, sizeof *sorted, compare_metadata);
    for (size_t i = 0; i < count && added; i++)
        added = cJSON_AddStringToObject(object, sorted[i]->key, sorted[i]->value) != NULL;
    free(sorted);
    return added;
}

/* The header's JSON for tensors laid out in this order; NULL when there is no memory. Freed with
 * cJSON_free. */
static char *print_header(const mvad_tensors *tensors, const struct tensor *const *sorted)
{
    char *text = NULL;
    uint64_t begin = 0;
    cJSON *root = cJSON_CreateObject();
    bool complete = root && add_metadata(root, tensors);

    for (size_t i = 0; i < tensors->count && complete; i++) {
        const struct tensor *tensor = sorted[i];
        char shape[TENSOR_SHAPE_TEXT], offsets[64];
        uint64_t end = begin + tensor->bytes;
        tensor_shape_text(tensor->rank, tensor->shape, shape);
        snprintf(offsets, sizeof offsets, "[%" PRIu64 ",%" PRIu64 "]", begin, end);
        /* Numbers as text: the library's own are doubles. */
        cJSON *entry = cJSON_AddObjectToObject(root, tensor->name);
        complete = entry &&
                   cJSON_AddStringToObject(entry, "dtype", stored_type_name(tensor->type)) &&
                   cJSON_AddRawToObject(entry, "shape", shape) &&
                   cJSON_AddRawToObject(entry, "data_offsets", offsets);
        begin = end;
    }
    if (complete) text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

mvad_status safetensors_write(const mvad_tensors *tensors, const char *path, mvad_error *error)
{
    static const char padding[HEADER_ALIGNMENT] = "        ";
    mvad_status status;
    size_t count = tensors->count, used = 0, json_bytes, padding_bytes;
    uint8_t prefix[8];
    char *header = NULL;
    const struct tensor **sorted = malloc((count + 1) * sizeof *sorted);
    struct file_piece *pieces = malloc((count + 3) * sizeof *pieces);

    if (!sorted || !pieces) {
        status = error_out_of_memory(error, file_label(path), (count + 3) * sizeof *pieces);
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) sorted[i] = &tensors->items[i];
    qsort(sorted, count, sizeof *sorted, compare_tensors);
    if (!(header = print_header(tensors, sorted))) {
        status = error_set(error, MVAD_ERROR_OUT_OF_MEMORY, "%s: out of memory for its header",
                           file_label(path));
        goto cleanup;
    }
    json_bytes = strlen(header);
    padding_bytes = size_align(json_bytes, HEADER_ALIGNMENT) - json_bytes;
    if (json_bytes + padding_bytes > SAFETENSORS_MAX_HEADER) {
        status = error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                           "%s: a header of %zu bytes, more than the %d a file may have",
                           file_label(path), json_bytes + padding_bytes, SAFETENSORS_MAX_HEADER);
        goto cleanup;
    }
    for (size_t i = 0; i < sizeof prefix; i++)
        prefix[i] = (uint8_t)((uint64_t)(json_bytes + padding_bytes) >> (8 * i));

    pieces[used++] = (struct file_piece){prefix, sizeof prefix};
    pieces[used++] = (struct file_piece){header, json_bytes};
    pieces[used++] = (struct file_piece){padding, padding_bytes};
    for (size_t i = 0; i < count; i++)
        pieces[used++] = (struct file_piece){sorted[i]->stored, sorted[i]->bytes};
    status = file_replace(path, pieces, used, error);

cleanup:
    cJSON_free(header);
    free(pieces);
    free(sorted);
    return status;
}
