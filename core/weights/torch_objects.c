/* The names that a state dict's pickle may use, and what becomes of them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/weights/torch_file.h"

/* The types of names in the pickle. */
enum {
    NAME_DICT,         /* OrderedDict */
    NAME_CLASS,        /* of a storage or tensor; index is the stored type */
    NAME_REBUILD,      /* _rebuild_tensor(storage, offset, size, stride, ..) */
    NAME_AS_PARAMETER, /* _rebuild_parameter(tensor, ..) */
    NAME_PARAMETER,    /* the class */
    NAME_SIZE,         /* Size(tuple) */
    NAME_DEVICE,       /* device(..) */
    NAME_DTYPE
};

static const struct {
    const char *module, *name;
    uint32_t type;
    size_t index;
} names[] = {
    {"collections", "OrderedDict", NAME_DICT, 0},
    {"torch._utils", "_rebuild_tensor", NAME_REBUILD, 0},
    {"torch._utils", "_rebuild_tensor_v2", NAME_REBUILD, 0},
    {"torch._utils", "_rebuild_parameter", NAME_AS_PARAMETER, 0},
    {"torch._utils", "_rebuild_parameter_with_state", NAME_AS_PARAMETER, 0},
    {"torch.nn.parameter", "Parameter", NAME_PARAMETER, 0},
    {"torch.storage", "UntypedStorage", NAME_CLASS, STORED_U8},
    {"torch", "Size", NAME_SIZE, 0},
    {"torch", "device", NAME_DEVICE, 0},
    {"torch", "float64", NAME_DTYPE, 0},
    {"torch", "float32", NAME_DTYPE, 0},
    {"torch", "float16", NAME_DTYPE, 0},
    {"torch", "bfloat16", NAME_DTYPE, 0},
    {"torch", "int64", NAME_DTYPE, 0},
    {"torch", "int32", NAME_DTYPE, 0},
    {"torch", "int16", NAME_DTYPE, 0},
    {"torch", "int8", NAME_DTYPE, 0},
    {"torch", "uint8", NAME_DTYPE, 0},
    {"torch", "bool", NAME_DTYPE, 0},
};

/* XStorage and XTensor, of module torch or torch.cuda. */
static const struct {
    const char *name;
    enum stored_type type;
} classes[] = {
    {"Double", STORED_F64}, {"Float", STORED_F32}, {"Half", STORED_F16},  {"BFloat16", STORED_BF16},
    {"Long", STORED_I64},   {"Int", STORED_I32},   {"Short", STORED_I16}, {"Char", STORED_I8},
    {"Byte", STORED_U8},    {"Bool", STORED_BOOL},
};

static bool is(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static mvad_status name(void *user, const char *module, size_t module_length, const char *text,
                        size_t length, struct pickle_value *value)
{
    const struct torch_file *file = user;
    *value = (struct pickle_value){.kind = PICKLE_GLOBAL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!is(module, module_length, names[i].module) || !is(text, length, names[i].name))
            continue;
        value->object.type = names[i].type;
        value->object.index = names[i].index;
        return MVAD_OK;
    }
    const bool is_torch =
        is(module, module_length, "torch") || is(module, module_length, "torch.cuda");
    for (size_t i = 0; is_torch && i < sizeof classes / sizeof *classes; i++) {
        const size_t stem = strlen(classes[i].name);
        if (length <= stem || memcmp(text, classes[i].name, stem) != 0) continue;
        if (!is(text + stem, length - stem, "Storage") && !is(text + stem, length - stem, "Tensor"))
            continue;
        value->object.type = NAME_CLASS;
        value->object.index = classes[i].type;
        return MVAD_OK;
    }
    return pickle_fail(&file->pickle,
                       "needs %.*s.%.*s, which is none of the names that tensors are stored with; "
                       "nothing was executed",
                       (int)module_length, module, (int)length, text);
}

bool torch_class_type(const struct pickle_value *value, enum stored_type *type)
{
    if (value->kind != PICKLE_GLOBAL || value->object.type != NAME_CLASS) return false;
    *type = (enum stored_type)value->object.index;
    return true;
}

size_t torch_tensor_of(const struct pickle_value *value)
{
    const bool is_tensor = value->kind == PICKLE_OBJECT && (value->object.type == TORCH_TENSOR ||
                                                            value->object.type == TORCH_PARAMETER);
    return is_tensor ? value->object.index : SIZE_MAX;
}

static struct pickle_value object(enum torch_object type, size_t index)
{
    return (struct pickle_value){.kind = PICKLE_OBJECT,
                                 .object = {.type = (uint32_t)type, .index = index}};
}

/* ---- calls ---- */

/* A tuple of integers; returns how many there are, -1 where it is something else. */
static int32_t read_integers(const struct pickle *pickle, const struct pickle_value *tuple,
                             int64_t values[SAFETENSORS_MAX_RANK])
{
    int32_t count = 0;
    if (!tuple || tuple->kind != PICKLE_TUPLE || tuple->list.count > SAFETENSORS_MAX_RANK)
        return -1;
    for (uint32_t i = tuple->list.first; i != PICKLE_END; i = pickle->items[i].next) {
        const struct pickle_value *value = &pickle->values[pickle->items[i].value];
        if (value->kind != PICKLE_INT) return -1;
        values[count++] = value->integer;
    }
    return count;
}

/* Four entries of a tuple, from the first: storage, offset, sizes, strides. */
static mvad_status rebuild_tensor(struct torch_file *file, uint32_t arguments, size_t *index)
{
    const struct pickle *pickle = &file->pickle;
    struct torch_tensor tensor = {0};
    const struct pickle_value *storage = pickle_entry(pickle, arguments, 0);
    const struct pickle_value *offset = pickle_entry(pickle, arguments, 1);
    if (!storage || storage->kind != PICKLE_OBJECT || storage->object.type != TORCH_STORAGE)
        return pickle_fail(pickle, "a tensor without a storage");
    tensor.rank = read_integers(pickle, pickle_entry(pickle, arguments, 2), tensor.sizes);
    const int32_t strides =
        read_integers(pickle, pickle_entry(pickle, arguments, 3), tensor.strides);
    if (!offset || offset->kind != PICKLE_INT || tensor.rank < 0 || strides != tensor.rank)
        return pickle_fail(pickle,
                           "a tensor whose offset, sizes or strides are not integers, or of "
                           "more than 8 dimensions");
    tensor.storage = storage->object.index;
    tensor.offset = offset->integer;
    return torch_add_tensor(file, &tensor, index);
}

/* OrderedDict(), or of a list of pairs as Python 2 wrote it. */
static mvad_status make_dict(struct torch_file *file, uint32_t arguments, struct pickle_value *value)
{
    struct pickle *pickle = &file->pickle;
    const struct pickle_value *list = pickle_entry(pickle, arguments, 0);
    *value = (struct pickle_value){.kind = PICKLE_DICT, .list = {PICKLE_END, 0, 0}};
    if (!list) return MVAD_OK;
    if (list->kind != PICKLE_LIST)
        return pickle_fail(pickle, "OrderedDict of something not a list");
    for (uint32_t i = list->list.first; i != PICKLE_END; i = pickle->items[i].next) {
        const struct pickle_value *pair = &pickle->values[pickle->items[i].value];
        if ((pair->kind != PICKLE_LIST && pair->kind != PICKLE_TUPLE) || pair->list.count != 2)
            return pickle_fail(pickle, "OrderedDict of something not a list of pairs");
        const struct pickle_item *key = &pickle->items[pair->list.first];
        mvad_status status =
            pickle_append(pickle, value, key->value, pickle->items[key->next].value);
        if (status) return status;
    }
    return MVAD_OK;
}

static mvad_status create_parameter(struct torch_file *file, uint32_t arguments,
                                    struct pickle_value *value)
{
    const struct pickle_value *data = pickle_entry(&file->pickle, arguments, 0);
    *value = object(TORCH_PARAMETER, data ? torch_tensor_of(data) : SIZE_MAX);
    if (data && value->object.index == SIZE_MAX)
        return pickle_fail(&file->pickle, "a Parameter of something that is no tensor");
    return MVAD_OK;
}

static mvad_status call(void *user, bool creates, uint32_t callee, uint32_t arguments,
                        struct pickle_value *value)
{
    struct torch_file *file = user;
    const struct pickle *pickle = &file->pickle;
    const struct pickle_value *called = &pickle->values[callee];
    const uint32_t type = called->kind == PICKLE_GLOBAL ? called->object.type : NAME_DTYPE;
    const struct pickle_value *first = pickle_entry(pickle, arguments, 0);
    size_t index = SIZE_MAX;
    mvad_status status;
    if (creates && type != NAME_PARAMETER)
        return pickle_fail(pickle, "NEWOBJ of something that is not nn.Parameter");
    switch (type) {
    case NAME_DICT: return make_dict(file, arguments, value);
    case NAME_REBUILD:
        status = rebuild_tensor(file, arguments, &index);
        *value = object(TORCH_TENSOR, index);
        return status;
    case NAME_AS_PARAMETER:
        if (!first) return pickle_fail(pickle, "a Parameter of nothing");
        return create_parameter(file, arguments, value);
    case NAME_PARAMETER: return create_parameter(file, arguments, value);
    case NAME_SIZE:
        if (!first || first->kind != PICKLE_TUPLE)
            return pickle_fail(pickle, "torch.Size of something not a tuple");
        *value = *first;
        return MVAD_OK;
    case NAME_DEVICE: *value = object(TORCH_OPAQUE, 0); return MVAD_OK;
    default: return pickle_fail(pickle, "a call of something that makes no tensor");
    }
}

/* What OrderedDict is given is only `_metadata`. An nn.Parameter of old versions gets its tensor so:
 * (tensor, ..), or of three entries nothing that matters, or what a tensor is made of. */
static mvad_status build(void *user, uint32_t target, uint32_t state)
{
    struct torch_file *file = user;
    struct pickle *pickle = &file->pickle;
    const struct pickle_value *value = &pickle->values[target], *data = &pickle->values[state];
    const uint32_t count = data->kind == PICKLE_TUPLE ? data->list.count : 0;
    size_t index;
    mvad_status status = MVAD_OK;
    if (value->kind == PICKLE_DICT) return MVAD_OK;
    if (value->kind != PICKLE_OBJECT || value->object.type != TORCH_PARAMETER || count < 3 ||
        count > 5)
        return pickle_fail(pickle, "BUILD on something that has no state to give");
    if (count == 3) return MVAD_OK;
    if (count == 5) {
        index = torch_tensor_of(pickle_entry(pickle, state, 0));
        if (index == SIZE_MAX)
            status = pickle_fail(pickle, "a Parameter of something that is no tensor");
    } else {
        status = rebuild_tensor(file, state, &index);
    }
    if (!status) pickle->values[target].object.index = index;
    return status;
}

/* ---- what lies outside of the pickle ---- */

static mvad_status find_tensor(struct torch_file *file, const struct pickle_value *id,
                               struct pickle_value *value)
{
    int64_t number = 0;
    const bool is_text = id->kind == PICKLE_STRING && id->string.length > 0;
    for (size_t i = 0; is_text && i < id->string.length; i++) {
        const char c = id->string.text[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, c - '0', &number))
            return pickle_fail(&file->pickle, "a tensor's key that is no number");
    }
    const size_t index = torch_tar_tensor(file, number);
    if (!is_text || index == SIZE_MAX)
        return pickle_fail(&file->pickle, "a tensor that the table of tensors lacks");
    *value = object(TORCH_TENSOR, index);
    return MVAD_OK;
}

/* The part of a storage that an old version's pickle names: (key, offset, size), or None. */
static bool read_view(const struct pickle *pickle, const struct pickle_value *view,
                      struct torch_storage *storage)
{
    int64_t part[2];
    if (!view || view->kind == PICKLE_NONE) return true;
    if (view->kind != PICKLE_TUPLE || view->list.count != 3) return false;
    uint32_t item = pickle->items[view->list.first].next;
    for (int i = 0; i < 2; i++, item = pickle->items[item].next) {
        const struct pickle_value *value = &pickle->values[pickle->items[item].value];
        if (value->kind != PICKLE_INT || value->integer < 0) return false;
        part[i] = value->integer;
    }
    storage->view_first = (uint64_t)part[0];
    storage->view_count = (uint64_t)part[1];
    return storage->view_first <= storage->count &&
           storage->view_count <= storage->count - storage->view_first;
}

static mvad_status persistent(void *user, uint32_t id, struct pickle_value *value)
{
    struct torch_file *file = user;
    const struct pickle *pickle = &file->pickle;
    if (file->has_numbers) return find_tensor(file, &pickle->values[id], value);

    /* ('storage', class, key, device, elements[, view]) */
    const struct pickle_value *fields[6];
    for (uint32_t i = 0; i < 6; i++) fields[i] = pickle_entry(pickle, id, i);
    struct torch_storage storage = {0};
    size_t index = 0;
    if (!fields[4] || !pickle_string_is(fields[0], "storage"))
        return pickle_fail(pickle, "a persistent id that is no storage's");
    if (!torch_class_type(fields[1], &storage.type) || fields[2]->kind != PICKLE_STRING ||
        fields[4]->kind != PICKLE_INT || fields[4]->integer < 0)
        return pickle_fail(pickle, "a storage whose class, key or size is not one");
    storage.key = fields[2]->string.text;
    storage.key_length = fields[2]->string.length;
    storage.count = storage.view_count = (uint64_t)fields[4]->integer;
    if (!read_view(pickle, fields[5], &storage))
        return pickle_fail(pickle, "a part of a storage that does not lie in it");
    mvad_status status = torch_add_storage(file, &storage, &index);
    *value = object(TORCH_STORAGE, index);
    return status;
}

const struct pickle_host torch_host = {name, call, build, persistent};
