/* The stream of old versions: five pickles (a magic number, the protocol, facts about the system, the
 * object, a list of keys), then each key's storage: its number of elements as 64 bits, and they. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/little_endian.h"
#include "core/base/memory.h"
#include "core/weights/torch_file.h"

#define PROTOCOL 1001

/* The first pickle: the number 0x1950a86a20f9469cfc6c. */
static const uint8_t magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

bool torch_stream_is(const uint8_t *data, size_t size)
{
    return size >= sizeof magic && memcmp(data, magic, sizeof magic) == 0;
}

/* The two pickles before the object. */
static mvad_status check_system(struct torch_file *file, const uint8_t **next, const uint8_t *end)
{
    struct pickle *pickle = &file->pickle;
    uint32_t value;
    mvad_status status = pickle_run(pickle, next, end, &value);
    if (status) return status;
    if (pickle->values[value].kind != PICKLE_INT || pickle->values[value].integer != PROTOCOL)
        return torch_fail(file, "a stream of torch.save with another protocol than %d", PROTOCOL);
    status = pickle_run(pickle, next, end, &value);
    if (status) return status;
    const uint32_t order = pickle_find(pickle, value, "little_endian");
    if (order == PICKLE_END || pickle->values[order].kind != PICKLE_BOOL)
        return torch_fail(file, "a stream of torch.save that does not tell its byte order");
    if (!pickle->values[order].integer)
        return torch_fail(file, "a stream of torch.save from a big-endian machine; save it again "
                                "with a current PyTorch");
    return MVAD_OK;
}

/* The storages with this key, from order[*from] on. */
static bool find_group(const struct torch_file *file, const size_t *order,
                       const struct pickle_value *key, size_t *from, size_t *to)
{
    const struct torch_storage wanted = {.key = key->string.text, .key_length = key->string.length};
    size_t low = 0, high = file->storage_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (torch_compare_keys(&file->storages[order[middle]], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *from = *to = low;
    while (*to < file->storage_count && !torch_compare_keys(&file->storages[order[*to]], &wanted))
        ++*to;
    return *to > *from;
}

/* Reads one storage at *next, and gives it to all that name its key. */
static mvad_status read_storage(struct torch_file *file, const size_t *order,
                                const struct pickle_value *key, const uint8_t **next)
{
    const uint8_t *end = file->data + file->size;
    size_t from, to, bytes;
    if (key->kind != PICKLE_STRING) return torch_fail(file, "a storage's key that is no text");
    const int shown = key->string.length < 100 ? (int)key->string.length : 100;
    const char *text = key->string.text;
    if (!find_group(file, order, key, &from, &to))
        return torch_fail(file, "storage '%.*s' belongs to no tensor", shown, text);
    const struct torch_storage *first = &file->storages[order[from]];
    if (first->data) return torch_fail(file, "storage '%.*s' is listed twice", shown, text);
    if (end - *next < 8) return torch_fail(file, "cut off before storage '%.*s'", shown, text);
    const uint64_t count = little64(*next);
    *next += 8;
    if (count != first->count)
        return torch_fail(file, "storage '%.*s' has %" PRIu64 " elements, not %" PRIu64, shown,
                          text, count, first->count);
    if (!size_multiply(count, stored_type_bytes(first->type), &bytes) ||
        bytes > (size_t)(end - *next))
        return torch_fail(file, "storage '%.*s' is cut off", shown, text);
    for (size_t i = from; i < to; i++) file->storages[order[i]].data = *next;
    *next += bytes;
    return MVAD_OK;
}

static mvad_status read_storages(struct torch_file *file, uint32_t keys, const uint8_t **next)
{
    const struct pickle *pickle = &file->pickle;
    size_t *order;
    if (pickle->values[keys].kind != PICKLE_LIST)
        return torch_fail(file, "the keys of the storages are no list");
    mvad_status status = torch_storages_by_key(file, &order);
    if (status) return status;
    for (uint32_t i = pickle->values[keys].list.first; i != PICKLE_END && !status;
         i = pickle->items[i].next)
        status = read_storage(file, order, &pickle->values[pickle->items[i].value], next);
    for (size_t i = 0; i < file->storage_count && !status; i++) {
        const struct torch_storage *storage = &file->storages[i];
        if (!storage->data)
            status = torch_fail(file, "storage '%.*s' is not in the file",
                                storage->key_length < 100 ? (int)storage->key_length : 100,
                                storage->key);
    }
    free(order);
    return status;
}

mvad_status torch_stream_read(struct torch_file *file, uint32_t *root)
{
    const uint8_t *next = file->data + sizeof magic, *end = file->data + file->size;
    uint32_t keys;
    mvad_status status = check_system(file, &next, end);
    if (!status) status = pickle_run(&file->pickle, &next, end, root);
    if (!status) status = pickle_run(&file->pickle, &next, end, &keys);
    return status ? status : read_storages(file, keys, &next);
}
