/* The tar archive of PyTorch 0.1: its members `storages`, `tensors` and `pickle`. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/little_endian.h"
#include "core/base/memory.h"
#include "core/weights/torch_file.h"

#define BLOCK 512 /* bytes; a member's header is one, its content whole ones */

/* What is left of a member. */
struct part {
    const uint8_t *next, *end;
};

/* An octal number of at most `digits` digits in a header; blanks or NULs end it. */
static bool read_octal(const uint8_t *text, size_t digits, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    while (i < digits && text[i] == ' ') i++;
    const size_t first = i;
    while (i < digits && text[i] >= '0' && text[i] <= '7')
        *value = *value * 8 + (uint64_t)(text[i++] - '0');
    return i > first && (i == digits || text[i] == 0 || text[i] == ' ');
}

/* Whether a block is a member's header: the sum of its bytes, its own digits taken as blanks. */
static bool is_header(const uint8_t *block)
{
    uint64_t told, sum = 0;
    for (size_t i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? ' ' : block[i];
    return read_octal(block + 148, 8, &told) && told == sum;
}

bool torch_tar_is(const uint8_t *data, size_t size)
{
    return size >= BLOCK && is_header(data);
}

/* The content of a member, a regular file. */
static mvad_status find_member(const struct torch_file *file, const char *name, struct part *part)
{
    size_t place = 0;
    while (file->size - place >= BLOCK && file->data[place]) {
        const uint8_t *header = file->data + place;
        uint64_t bytes;
        if (!is_header(header) || !read_octal(header + 124, 12, &bytes))
            return torch_fail(file, "the tar archive is broken at byte %zu", place);
        place += BLOCK;
        if (bytes > file->size - place)
            return torch_fail(
                file, "a member of the tar archive is cut off: %" PRIu64 " bytes, only %zu follow",
                bytes, file->size - place);
        const char *title = (const char *)header;
        if (!strncmp(title, "./", 2)) title += 2;
        const bool is_file = header[156] == '0' || header[156] == 0;
        if (is_file && !strncmp(title, name, 90) && strlen(name) < 90) {
            *part = (struct part){file->data + place, file->data + place + bytes};
            return MVAD_OK;
        }
        const size_t padded = size_align((size_t)bytes, BLOCK);
        place += padded < file->size - place ? padded : file->size - place;
    }
    return torch_fail(file, "a tar archive without '%s', none of torch.save", name);
}

/* The next pickle of a member, an integer that counts what follows. */
static mvad_status read_count(struct torch_file *file, struct part *part, int64_t *count)
{
    uint32_t value;
    mvad_status status = pickle_run(&file->pickle, &part->next, part->end, &value);
    if (status) return status;
    const struct pickle_value *number = &file->pickle.values[value];
    if (number->kind != PICKLE_INT || number->integer < 0 || number->integer > TORCH_MAX_TENSORS)
        return torch_fail(file, "a number of storages or tensors that is none, or above %d",
                          TORCH_MAX_TENSORS);
    *count = number->integer;
    return MVAD_OK;
}

/* The next pickle of a member, a tuple of three whose first entry is a number. */
static mvad_status read_triple(struct torch_file *file, struct part *part,
                               const struct pickle_value *entries[3])
{
    uint32_t value;
    mvad_status status = pickle_run(&file->pickle, &part->next, part->end, &value);
    if (status) return status;
    for (uint32_t i = 0; i < 3; i++) entries[i] = pickle_entry(&file->pickle, value, i);
    if (!entries[2] || entries[0]->kind != PICKLE_INT)
        return torch_fail(file, "an entry of storages or tensors that is not one");
    return MVAD_OK;
}

static mvad_status read_integer(const struct torch_file *file, struct part *part, int64_t *value)
{
    if (part->end - part->next < 8)
        return torch_fail(file, "a table of the tar archive is cut off");
    *value = (int64_t)little64(part->next);
    part->next += 8;
    return MVAD_OK;
}

/* (key, device, class), the number of elements, the elements. */
static mvad_status read_storage(struct torch_file *file, struct part *part)
{
    const struct pickle_value *entries[3];
    struct torch_storage storage = {0};
    int64_t count;
    size_t bytes;
    mvad_status status = read_triple(file, part, entries);
    if (status) return status;
    storage.number = entries[0]->integer;
    if (!torch_class_type(entries[2], &storage.type))
        return torch_fail(file, "a storage without a class");
    if ((status = read_integer(file, part, &count))) return status;
    if (count < 0 || !size_multiply((size_t)count, stored_type_bytes(storage.type), &bytes) ||
        bytes > (size_t)(part->end - part->next))
        return torch_fail(file, "storage %" PRId64 " is cut off", storage.number);
    storage.data = part->next;
    storage.count = storage.view_count = (uint64_t)count;
    part->next += bytes;
    return torch_add_storage(file, &storage, NULL);
}

/* Both tables begin with the number they are sorted by. */
static int compare_numbers(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

_Static_assert(offsetof(struct torch_storage, number) == 0 &&
                   offsetof(struct torch_tensor, number) == 0,
               "compare_numbers");

static mvad_status sort(const struct torch_file *file, void *array, size_t count, size_t bytes)
{
    if (count) qsort(array, count, bytes, compare_numbers);
    for (size_t i = 1; i < count; i++)
        if (!compare_numbers((char *)array + (i - 1) * bytes, (char *)array + i * bytes))
            return torch_fail(file, "two storages or tensors of one key");
    return MVAD_OK;
}

/* The index of a number in a sorted table; SIZE_MAX where it is not there. */
static size_t find(const void *array, size_t count, size_t bytes, int64_t number)
{
    const char *found = count ? bsearch(&number, array, count, bytes, compare_numbers) : NULL;
    return found ? (size_t)(found - (const char *)array) / bytes : SIZE_MAX;
}

size_t torch_tar_tensor(const struct torch_file *file, int64_t number)
{
    return find(file->tensors, file->tensor_count, sizeof *file->tensors, number);
}

/* The list behind the storages: (key, key of the whole, first element, elements). */
static mvad_status read_views(struct torch_file *file, struct part *part)
{
    const struct pickle *pickle = &file->pickle;
    const size_t whole = file->storage_count;
    uint32_t list;
    mvad_status status = pickle_run(&file->pickle, &part->next, part->end, &list);
    if (status) return status;
    if (pickle->values[list].kind != PICKLE_LIST)
        return torch_fail(file, "the parts of storages are no list");
    for (uint32_t i = pickle->values[list].list.first; i != PICKLE_END && !status;
         i = pickle->items[i].next) {
        int64_t numbers[4];
        for (uint32_t k = 0; k < 4; k++) {
            const struct pickle_value *entry = pickle_entry(pickle, pickle->items[i].value, k);
            if (!entry || entry->kind != PICKLE_INT)
                return torch_fail(file, "a part of a storage that is not one");
            numbers[k] = entry->integer;
        }
        const size_t root = find(file->storages, whole, sizeof *file->storages, numbers[1]);
        if (root == SIZE_MAX || numbers[2] < 0 || numbers[3] < 0 ||
            (uint64_t)numbers[2] > file->storages[root].count ||
            (uint64_t)numbers[3] > file->storages[root].count - (uint64_t)numbers[2])
            return torch_fail(file, "a part of a storage that does not lie in it");
        struct torch_storage view = file->storages[root];
        view.number = numbers[0];
        view.view_first = (uint64_t)numbers[2];
        view.view_count = (uint64_t)numbers[3];
        status = torch_add_storage(file, &view, NULL);
    }
    return status;
}

static mvad_status read_storages(struct torch_file *file)
{
    struct part part;
    int64_t count = 0;
    mvad_status status = find_member(file, "storages", &part);
    if (!status) status = read_count(file, &part, &count);
    for (int64_t i = 0; i < count && !status; i++) status = read_storage(file, &part);
    if (!status) status = sort(file, file->storages, file->storage_count, sizeof *file->storages);
    if (!status) status = read_views(file, &part);
    return status ? status
                  : sort(file, file->storages, file->storage_count, sizeof *file->storages);
}

/* (key, key of the storage, class), dimensions, sizes, strides, first element. */
static mvad_status read_tensor(struct torch_file *file, struct part *part)
{
    const struct pickle_value *entries[3];
    struct torch_tensor tensor = {0};
    mvad_status status = read_triple(file, part, entries);
    if (status) return status;
    tensor.number = entries[0]->integer;
    tensor.storage =
        entries[1]->kind == PICKLE_INT
            ? find(file->storages, file->storage_count, sizeof *file->storages, entries[1]->integer)
            : SIZE_MAX;
    if (tensor.storage == SIZE_MAX)
        return torch_fail(file, "tensor %" PRId64 " has a storage that is not there", tensor.number);
    int64_t rank;
    if ((status = read_integer(file, part, &rank))) return status;
    rank = (int32_t)rank; /* the upper half is padding */
    if (rank < 0 || rank > SAFETENSORS_MAX_RANK)
        return torch_fail(file, "tensor %" PRId64 " has %" PRId64 " dimensions, more than %d",
                          tensor.number, rank, SAFETENSORS_MAX_RANK);
    tensor.rank = (int32_t)rank;
    for (int32_t i = 0; i < tensor.rank && !status; i++)
        status = read_integer(file, part, &tensor.sizes[i]);
    for (int32_t i = 0; i < tensor.rank && !status; i++)
        status = read_integer(file, part, &tensor.strides[i]);
    if (!status) status = read_integer(file, part, &tensor.offset);
    return status ? status : torch_add_tensor(file, &tensor, NULL);
}

static mvad_status read_tensors(struct torch_file *file)
{
    struct part part;
    int64_t count = 0;
    mvad_status status = find_member(file, "tensors", &part);
    if (!status) status = read_count(file, &part, &count);
    for (int64_t i = 0; i < count && !status; i++) status = read_tensor(file, &part);
    return status ? status : sort(file, file->tensors, file->tensor_count, sizeof *file->tensors);
}

mvad_status torch_tar_read(struct torch_file *file, uint32_t *root)
{
    struct part part;
    file->has_numbers = true;
    mvad_status status = read_storages(file);
    if (!status) status = read_tensors(file);
    if (!status) status = find_member(file, "pickle", &part);
    return status ? status : pickle_run(&file->pickle, &part.next, part.end, root);
}
