#include "core/weights/torch.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/weights/torch_file.h"
#include "core/weights/zip_index.h"

/* Tensors that share their elements (tied weights), or repeat them (expanded ones), may need this many
 * elements beyond one for each byte of the file. */
#define EXTRA_ELEMENTS (UINT64_C(1) << 20)

bool torch_is(const uint8_t *data, size_t size)
{
    return zip_is(data, size) || torch_stream_is(data, size) || torch_tar_is(data, size);
}

mvad_status torch_read_bytes(const char *name, const uint8_t *data, size_t size,
                             mvad_tensors *tensors, mvad_error *error)
{
    uint32_t root;
    struct torch_file file = {.path = name, .data = data, .size = size, .error = error};
    file.pickle = (struct pickle){
        .path = name, .start = data, .host = &torch_host, .user = &file, .error = error};
    mvad_status status = zip_is(data, size)            ? torch_zip_read(&file, &root)
                         : torch_stream_is(data, size) ? torch_stream_read(&file, &root)
                                                       : torch_tar_read(&file, &root);
    if (!status) status = torch_collect(&file, root, tensors);
    pickle_free(&file.pickle);
    free(file.storages);
    free(file.tensors);
    return status;
}

/* ---- the state dict ---- */

struct named_tensor {
    const char *name; /* in the file, not NUL-terminated */
    size_t length, order, tensor;
};

static int compare_names(const void *a, const void *b)
{
    const struct named_tensor *x = a, *y = b;
    const size_t shorter = x->length < y->length ? x->length : y->length;
    const int order = memcmp(x->name, y->name, shorter);
    if (order) return order;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static int compare_order(const void *a, const void *b)
{
    const struct named_tensor *x = a, *y = b;
    return x->order < y->order ? -1 : 1;
}

/* The dictionary that holds the tensors: the root, or what lies in it under one of these names. */
static uint32_t unwrap(const struct pickle *pickle, uint32_t dict)
{
    static const char *const wrappers[] = {"state_dict", "net", "model"};
    enum { WRAPPERS = sizeof wrappers / sizeof *wrappers, MAX_DEPTH = 4 };
    for (int depth = 0; depth < MAX_DEPTH; depth++) {
        uint32_t inner = PICKLE_END;
        for (size_t i = 0; i < WRAPPERS && inner == PICKLE_END; i++) {
            inner = pickle_find(pickle, dict, wrappers[i]);
            if (inner != PICKLE_END && pickle->values[inner].kind != PICKLE_DICT)
                inner = PICKLE_END;
        }
        if (inner == PICKLE_END) break;
        dict = inner;
    }
    return dict;
}

/* The tensors of a dictionary with their names, of equal names the last. */
static mvad_status list_tensors(const struct torch_file *file, uint32_t dict,
                                struct named_tensor *list, size_t *count)
{
    const struct pickle *pickle = &file->pickle;
    size_t found = 0, kept = 0;
    for (uint32_t i = pickle->values[dict].list.first; i != PICKLE_END; i = pickle->items[i].next) {
        const struct pickle_value *key = &pickle->values[pickle->items[i].key];
        const size_t tensor = torch_tensor_of(&pickle->values[pickle->items[i].value]);
        if (tensor == SIZE_MAX) continue;
        if (key->kind != PICKLE_STRING) return torch_fail(file, "a tensor whose name is no text");
        list[found] = (struct named_tensor){key->string.text, key->string.length, found, tensor};
        found++;
    }
    qsort(list, found, sizeof *list, compare_names);
    for (size_t i = 0; i < found; i++) {
        const bool again = i + 1 < found && list[i].length == list[i + 1].length &&
                           !memcmp(list[i].name, list[i + 1].name, list[i].length);
        if (!again) list[kept++] = list[i];
    }
    qsort(list, kept, sizeof *list, compare_order);
    *count = kept;
    return MVAD_OK;
}

/* Takes `module.` off all names, where all have it. */
static void strip_module(struct named_tensor *list, size_t count)
{
    static const char prefix[] = "module.";
    const size_t length = sizeof prefix - 1;
    for (size_t i = 0; i < count; i++)
        if (list[i].length <= length || memcmp(list[i].name, prefix, length) != 0) return;
    for (size_t i = 0; i < count; i++) {
        list[i].name += length;
        list[i].length -= length;
    }
}

static mvad_status add(const struct torch_file *file, const struct named_tensor *named,
                       uint64_t *elements_left, mvad_tensors *set)
{
    if (!memory_grow((void **)&set->items, &set->capacity, set->count, sizeof *set->items))
        return error_out_of_memory(file->error, file_label(file->path), sizeof *set->items);
    struct tensor *tensor = &set->items[set->count];
    *tensor = (struct tensor){.name = malloc(named->length + 1)};
    if (!tensor->name)
        return error_out_of_memory(file->error, file_label(file->path), named->length + 1);
    memcpy(tensor->name, named->name, named->length);
    tensor->name[named->length] = 0;
    set->count++;
    if (!tensor_name_is_allowed(tensor->name, named->length))
        return torch_fail(file, "a tensor's name is not UTF-8, has a control character, or is "
                                "'__metadata__'");
    return torch_extract(file, &file->tensors[named->tensor], tensor->name, elements_left, tensor);
}

mvad_status torch_collect(struct torch_file *file, uint32_t root, mvad_tensors *set)
{
    const struct pickle *pickle = &file->pickle;
    uint64_t elements_left = file->size + EXTRA_ELEMENTS;
    size_t count = 0;
    if (pickle->values[root].kind != PICKLE_DICT)
        return torch_fail(file, "what was saved is no dictionary of tensors");
    const uint32_t dict = unwrap(pickle, root);
    const size_t entries = pickle->values[dict].list.count;
    struct named_tensor *list = malloc((entries ? entries : 1) * sizeof *list);
    if (!list)
        return error_out_of_memory(file->error, file_label(file->path), entries * sizeof *list);
    mvad_status status = list_tensors(file, dict, list, &count);
    if (!status && !count)
        status = torch_fail(file, "no tensors among the %zu entries of the dictionary", entries);
    strip_module(list, count);
    for (size_t i = 0; i < count && !status; i++) status = add(file, &list[i], &elements_left, set);
    free(list);
    return status;
}
