/* The zip archive: ROOT/data.pkl, ROOT/data/KEY for each storage, ROOT/byteorder. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/weights/torch_file.h"
#include "core/weights/zip_index.h"

#define PICKLE_NAME "/data.pkl"

/* The one entry that ends in /data.pkl; what stands before is the folder of all entries. */
static mvad_status find_pickle(const struct torch_file *file, const struct zip_index *zip,
                               const struct zip_entry **found)
{
    const size_t length = strlen(PICKLE_NAME);
    *found = NULL;
    for (size_t i = 0; i < zip->count; i++) {
        const struct zip_entry *entry = &zip->entries[i];
        if (entry->name_length <= length ||
            memcmp(entry->name + entry->name_length - length, PICKLE_NAME, length) != 0)
            continue;
        if (*found) return torch_fail(file, "a zip archive with two data.pkl");
        *found = entry;
    }
    if (!*found) return torch_fail(file, "a zip archive without data.pkl, none of torch.save");
    return MVAD_OK;
}

/* `folder` is "ROOT/data/", of which `root_bytes` are "ROOT/". */
static mvad_status read_byte_order(struct torch_file *file, const struct zip_index *zip,
                                   const char *folder, size_t root_bytes)
{
    static const char name[] = "byteorder";
    const uint8_t *bytes;
    const struct zip_entry *entry = zip_find(zip, folder, root_bytes, name, sizeof name - 1);
    if (!entry) return MVAD_OK; /* before PyTorch 2.1: little-endian */
    mvad_status status = zip_bytes(zip, entry, &bytes, file->error);
    if (status) return status;
    file->is_big_endian = entry->size == 3 && !memcmp(bytes, "big", 3);
    if (!file->is_big_endian && (entry->size != 6 || memcmp(bytes, "little", 6) != 0))
        return torch_fail(file, "byteorder is neither 'little' nor 'big'");
    return MVAD_OK;
}

/* The entry of a storage, whose size has to be the storage's. *bytes_left: how many the file has that
 * no storage has been given. */
static mvad_status find_storage(const struct torch_file *file, const struct zip_index *zip,
                                const char *folder, struct torch_storage *storage,
                                uint64_t *bytes_left)
{
    const int shown = storage->key_length < 100 ? (int)storage->key_length : 100;
    const struct zip_entry *entry =
        zip_find(zip, folder, strlen(folder), storage->key, storage->key_length);
    size_t bytes;
    if (!entry)
        return torch_fail(file, "the zip archive lacks storage '%.*s'", shown, storage->key);
    if (!size_multiply(storage->count, stored_type_bytes(storage->type), &bytes) ||
        entry->size != bytes)
        return torch_fail(
            file, "storage '%.*s' has %" PRIu64 " bytes, which are not %" PRIu64 " of %s", shown,
            storage->key, entry->size, storage->count, stored_type_name(storage->type));
    if (bytes > *bytes_left) return torch_fail(file, "entries of the zip archive overlap");
    *bytes_left -= bytes;
    return zip_bytes(zip, entry, &storage->data, file->error);
}

static mvad_status find_storages(struct torch_file *file, const struct zip_index *zip,
                                 const char *folder)
{
    size_t *order;
    uint64_t bytes_left = file->size;
    mvad_status status = torch_storages_by_key(file, &order);
    for (size_t i = 0; i < file->storage_count && !status; i++) {
        struct torch_storage *storage = &file->storages[order[i]];
        const struct torch_storage *last = i ? &file->storages[order[i - 1]] : NULL;
        if (last && !torch_compare_keys(last, storage))
            storage->data = last->data;
        else
            status = find_storage(file, zip, folder, storage, &bytes_left);
    }
    free(order);
    return status;
}

static mvad_status read_archive(struct torch_file *file, const struct zip_index *zip, uint32_t *root)
{
    static const char name[] = "/data/";
    const struct zip_entry *entry;
    const uint8_t *pickle;
    char *folder = NULL;
    mvad_status status = find_pickle(file, zip, &entry);
    if (!status) status = zip_bytes(zip, entry, &pickle, file->error);
    if (status) return status;
    const size_t root_bytes = entry->name_length - strlen(PICKLE_NAME);
    if (!(folder = malloc(root_bytes + sizeof name)))
        return error_out_of_memory(file->error, file_label(file->path), root_bytes + sizeof name);
    memcpy(folder, entry->name, root_bytes);
    memcpy(folder + root_bytes, name, sizeof name);
    status = read_byte_order(file, zip, folder, root_bytes + 1);
    if (!status) status = pickle_run(&file->pickle, &pickle, pickle + entry->size, root);
    if (!status) status = find_storages(file, zip, folder);
    free(folder);
    return status;
}

mvad_status torch_zip_read(struct torch_file *file, uint32_t *root)
{
    struct zip_index zip;
    mvad_status status = zip_open(file->path, file->data, file->size, &zip, file->error);
    if (status) return status;
    status = read_archive(file, &zip, root);
    zip_close(&zip);
    return status;
}
