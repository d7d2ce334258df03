/* Reading: the file's frame, the header's JSON, the layout of the data, and only then the data. */
#include "core/weights/safetensors.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/weights/header_text.h"

#define LENGTH_BYTES 8 /* of the header length in front of the header */
#define METADATA_KEY "__metadata__"

struct reader {
    const char *path;
    mvad_tensors *tensors;
    mvad_error *error;
    uint64_t (
        *offsets)[2]; /* begin and end of each tensor, in the order of the header; bytes from the data's start */
    size_t offsets_capacity;
    const uint8_t *data; /* the bytes after the header */
    size_t data_bytes;
};

#define bad_format(reader, ...) file_bad_format((reader)->path, (reader)->error, __VA_ARGS__)

/* What a file that is no tensor file is instead: downloads that went wrong, and pickles that torch.save
 * did not write. NULL if it is none of these. */
static const char *recognise(const uint8_t *data, size_t size)
{
    static const struct {
        const char *start, *what;
    } kinds[] = {
        {"version https://git-lfs",
         "a Git LFS pointer, not the weights: fetch them with 'git lfs pull'"},
        {"<!doctype html", "an HTML page, not weights: the download went wrong"},
        {"<html", "an HTML page, not weights: the download went wrong"},
        {"\x80\x02", "a pickle, but not of torch.save"},
        {"\x80\x03", "a pickle, but not of torch.save"},
        {"\x80\x04", "a pickle, but not of torch.save"},
        {"\x80\x05", "a pickle, but not of torch.save"},
    };
    while (size && memchr(" \t\r\n", data[0], 4)) data++, size--;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i].start), k = 0;
        while (k < length && k < size) {
            int c = data[k];
            if (c >= 'A' && c <= 'Z' && kinds[i].start[0] == '<')
                c += 'a' - 'A'; /* HTML does not mind the case */
            if (c != (uint8_t)kinds[i].start[k]) break;
            k++;
        }
        if (k == length) return kinds[i].what;
    }
    return NULL;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* MVAD_ERROR_FORMAT naming a key that an object has twice. `what` says which object. */
static mvad_status check_unique(const struct reader *reader, const cJSON *object, const char *what)
{
    size_t count = 0, i = 0;
    mvad_status status = MVAD_OK;
    const cJSON *child;
    cJSON_ArrayForEach(child, object) count++;
    if (count < 2) return MVAD_OK;
    const char **keys = malloc(count * sizeof *keys);
    if (!keys)
        return error_out_of_memory(reader->error, file_label(reader->path), count * sizeof *keys);

    cJSON_ArrayForEach(child, object) keys[i++] = child->string;
    qsort(keys, count, sizeof *keys, compare_strings);
    for (i = 1; i < count && status == MVAD_OK; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            status = bad_format(reader, "%s '%.100s' twice", what, keys[i]);
    free(keys);
    return status;
}

static mvad_status read_metadata(struct reader *reader, const cJSON *object)
{
    mvad_status status;
    const cJSON *item;
    if (!cJSON_IsObject(object)) return bad_format(reader, METADATA_KEY " is not a JSON object");
    if ((status = check_unique(reader, object, METADATA_KEY " has the key"))) return status;
    cJSON_ArrayForEach(item, object)
    {
        if (header_text_has_control(item->string))
            return bad_format(reader, "a key of " METADATA_KEY " has a control character");
        if (!cJSON_IsString(item))
            return bad_format(reader, METADATA_KEY ": the value of '%.100s' is not a string",
                              item->string);
        if ((status = tensors_append_metadata(reader->tensors, item->string, item->valuestring,
                                              reader->error)))
            return status;
    }
    return MVAD_OK;
}

/* Whether every item is a number; after header_text_check it is then an integer from 0 to 2^53. */
static bool is_number_array(const cJSON *array)
{
    const cJSON *item;
    if (!cJSON_IsArray(array)) return false;
    cJSON_ArrayForEach(item, array) if (!cJSON_IsNumber(item)) return false;
    return true;
}

static mvad_status read_entry(struct reader *reader, const cJSON *entry)
{
    const cJSON *type = NULL, *shape = NULL, *offsets = NULL, *item;
    const char *name = entry->string;
    mvad_tensors *set = reader->tensors;
    struct tensor tensor = {0};
    char text[TENSOR_SHAPE_TEXT];

    if (header_text_has_control(name))
        return bad_format(reader, "a tensor's name has a control character");
    if (!cJSON_IsObject(entry))
        return bad_format(reader, "tensor '%.100s': not a JSON object", name);
    cJSON_ArrayForEach(item, entry)
    {
        const cJSON **slot = strcmp(item->string, "dtype") == 0          ? &type
                             : strcmp(item->string, "shape") == 0        ? &shape
                             : strcmp(item->string, "data_offsets") == 0 ? &offsets
                                                                         : NULL;
        if (!slot && header_text_has_control(item->string))
            return bad_format(reader, "tensor '%.100s': a key has a control character", name);
        if (!slot)
            return bad_format(reader, "tensor '%.100s': unknown key '%.100s'", name, item->string);
        if (*slot) return bad_format(reader, "tensor '%.100s': key '%s' twice", name, item->string);
        *slot = item;
    }
    if (!type || !shape || !offsets)
        return bad_format(reader, "tensor '%.100s': no '%s'", name,
                          !type    ? "dtype"
                          : !shape ? "shape"
                                   : "data_offsets");

    if (!cJSON_IsString(type))
        return bad_format(reader, "tensor '%.100s': dtype is not a string", name);
    if (header_text_has_control(type->valuestring))
        return bad_format(reader, "tensor '%.100s': dtype has a control character", name);
    if (!stored_type_from_name(type->valuestring, &tensor.type))
        return bad_format(reader, "tensor '%.100s': unknown dtype '%.100s'", name,
                          type->valuestring);

    if (!is_number_array(shape))
        return bad_format(reader, "tensor '%.100s': shape is not an array of integers", name);
    cJSON_ArrayForEach(item, shape)
    {
        if (tensor.rank == SAFETENSORS_MAX_RANK)
            return bad_format(reader, "tensor '%.100s': shape has more than %d dimensions", name,
                              SAFETENSORS_MAX_RANK);
        tensor.shape[tensor.rank++] = (int64_t)item->valuedouble;
    }
    tensor_shape_text(tensor.rank, tensor.shape, text);
    if (!tensor_measure(tensor.type, tensor.rank, tensor.shape, &tensor.count, &tensor.bytes))
        return bad_format(reader, "tensor '%.100s': the size of shape %s overflows", name, text);

    if (!is_number_array(offsets) || cJSON_GetArraySize(offsets) != 2)
        return bad_format(reader, "tensor '%.100s': data_offsets are not two integers", name);
    uint64_t begin = (uint64_t)offsets->child->valuedouble,
             end = (uint64_t)offsets->child->next->valuedouble;
    if (begin > end || end - begin != tensor.bytes)
        return bad_format(reader,
                          "tensor '%.100s': data_offsets [%" PRIu64 ", %" PRIu64
                          ") do not match shape %s of %s (%zu bytes)",
                          name, begin, end, text, stored_type_name(tensor.type), tensor.bytes);

    if (!memory_grow((void **)&reader->offsets, &reader->offsets_capacity, set->count,
                     sizeof *reader->offsets) ||
        !memory_grow((void **)&set->items, &set->capacity, set->count, sizeof *set->items) ||
        !(tensor.name = memory_copy_string(name)))
        return error_out_of_memory(reader->error, file_label(reader->path), sizeof tensor);
    reader->offsets[set->count][0] = begin;
    reader->offsets[set->count][1] = end;
    set->items[set->count++] = tensor;
    return MVAD_OK;
}

static mvad_status read_header(struct reader *reader, const cJSON *root)
{
    mvad_status status = check_unique(reader, root, "the header names");
    const cJSON *entry;
    if (status) return status;
    cJSON_ArrayForEach(entry, root)
    {
        bool is_metadata = strcmp(entry->string, METADATA_KEY) == 0;
        if ((status = is_metadata ? read_metadata(reader, entry) : read_entry(reader, entry)))
            return status;
    }
    return MVAD_OK;
}

/* Turns the header's text into tensors and metadata. */
static mvad_status parse_header(struct reader *reader, const char *header, size_t length)
{
    mvad_status status;
    size_t position;
    const char *problem = header_text_check(header, length, &position), *end = NULL;
    if (problem) return bad_format(reader, "byte %zu of the header %s", position, problem);

    /* A copy that ends in NUL: some versions of the library read past the end of text given by its
     * length. */
    char *text = malloc(length + 1);
    if (!text) return error_out_of_memory(reader->error, file_label(reader->path), length + 1);
    memcpy(text, header, length);
    text[length] = 0;
    cJSON *root = cJSON_ParseWithOpts(text, &end, 0);
    if (root) {
        position = (size_t)(end - text);
        position += strspn(end, " ");
        if (position < length)
            status = bad_format(reader, "byte %zu of the header follows its end", position);
        else
            status = read_header(reader, root);
    } else {
        position = end && end >= text ? (size_t)(end - text) : 0;
        status = bad_format(reader, "the header is not valid JSON at byte %zu", position);
    }
    cJSON_Delete(root);
    free(text);
    return status;
}

struct extent {
    uint64_t begin, end;
    size_t index;
};

static int compare_extents(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1; /* empty tensors lie before the one that starts there */
    return 0;
}

/* The tensors must fill the data from its first byte to its last, in whatever order. */
static mvad_status check_layout(struct reader *reader)
{
    mvad_status status = MVAD_OK;
    size_t count = reader->tensors->count;
    uint64_t end = 0;
    struct extent *extents = malloc((count ? count : 1) * sizeof *extents);
    if (!extents)
        return error_out_of_memory(reader->error, file_label(reader->path), count * sizeof *extents);

    for (size_t i = 0; i < count; i++)
        extents[i] = (struct extent){reader->offsets[i][0], reader->offsets[i][1], i};
    qsort(extents, count, sizeof *extents, compare_extents);
    for (size_t i = 0; i < count && status == MVAD_OK; i++) {
        const struct extent *extent = &extents[i];
        if (extent->begin != end)
            status = bad_format(
                reader, "tensor '%.100s': data_offsets [%" PRIu64 ", %" PRIu64 ") %s byte %" PRIu64,
                reader->tensors->items[extent->index].name, extent->begin, extent->end,
                extent->begin > end ? "leave a hole from" : "overlap other data up to", end);
        end = extent->end;
    }
    if (status == MVAD_OK && end != reader->data_bytes)
        status =
            bad_format(reader, "the header describes %" PRIu64 " bytes of data, the file has %zu%s",
                       end, reader->data_bytes, end > reader->data_bytes ? ": it is cut off" : "");
    free(extents);
    return status;
}

static mvad_status attach_data(struct reader *reader)
{
    mvad_status status = MVAD_OK;
    /* All tensors may be empty, and there may be no data at all: the pointer then stands for zero
     * bytes. */
    for (size_t i = 0; i < reader->tensors->count && !status; i++)
        status = tensor_attach(&reader->tensors->items[i], reader->data + reader->offsets[i][0],
                               reader->path, reader->error);
    return status;
}

mvad_status safetensors_read_bytes(const char *name, const uint8_t *data, size_t size,
                                   mvad_tensors *tensors, mvad_error *error)
{
    struct reader reader = {.path = name, .tensors = tensors, .error = error};
    uint64_t length = 0;
    mvad_status status;

    if (size == 0) return bad_format(&reader, "the file is empty");
    for (size_t i = 0; i < LENGTH_BYTES && i < size; i++) length |= (uint64_t)data[i] << (8 * i);

    bool is_framed = size > LENGTH_BYTES && length > 0 && length <= SAFETENSORS_MAX_HEADER &&
                     data[LENGTH_BYTES] == '{';
    const char *other = is_framed ? NULL : recognise(data, size);
    if (other) return bad_format(&reader, "this is %s", other);
    if (size < LENGTH_BYTES)
        return bad_format(&reader, "%zu bytes are too few for a safetensors file", size);
    if (length > SAFETENSORS_MAX_HEADER)
        return bad_format(&reader,
                          "neither a PyTorch nor a safetensors file: its header would have %" PRIu64
                          " bytes, more than %d",
                          length, SAFETENSORS_MAX_HEADER);
    if (length > size - LENGTH_BYTES)
        return bad_format(
            &reader, "the header should have %" PRIu64 " bytes, only %zu follow: it is cut off",
            length, size - LENGTH_BYTES);
    if (!is_framed)
        return bad_format(
            &reader,
            "neither a PyTorch nor a safetensors file: its header does not start with '{'");

    reader.data = data + LENGTH_BYTES + length;
    reader.data_bytes = size - LENGTH_BYTES - (size_t)length;
    if ((status = parse_header(&reader, (const char *)data + LENGTH_BYTES, (size_t)length)) ==
            MVAD_OK &&
        (status = check_layout(&reader)) == MVAD_OK)
        status = attach_data(&reader);
    free(reader.offsets);
    return status;
}
