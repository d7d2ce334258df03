#include "core/weights/zip_index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checksum.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/little_endian.h"

#define LOCAL_BYTES 30 /* of an entry's own header, without name and extra fields */
#define ENTRY_BYTES 46 /* of its record in the central directory, likewise */
#define END_BYTES 22   /* of the record behind it, without the archive's comment */
#define END64_BYTES 56
#define LOCATOR_BYTES 20 /* of the record that says where the one above is */
#define MAX_COMMENT 65535
#define EXTRA_ZIP64 1 /* the extra field with 64-bit numbers */
#define FLAG_ENCRYPTED 1

/* The central directory. */
struct directory {
    uint64_t count, bytes, offset;
};

bool zip_is(const uint8_t *data, size_t size)
{
    return size >= 4 && memcmp(data, "PK\3\4", 4) == 0;
}

static bool has_signature(const struct zip_index *zip, uint64_t place, size_t bytes,
                          const char *signature)
{
    return place <= zip->size && zip->size - place >= bytes &&
           memcmp(zip->data + place, signature, 4) == 0;
}

/* The last record, searched from the end over a comment of any length. */
static bool find_end(const struct zip_index *zip, size_t *place)
{
    if (zip->size < END_BYTES) return false;
    for (size_t comment = 0; comment <= MAX_COMMENT && comment <= zip->size - END_BYTES; comment++) {
        *place = zip->size - END_BYTES - comment;
        if (has_signature(zip, *place, END_BYTES, "PK\5\6") &&
            little16(zip->data + *place + 20) == comment)
            return true;
    }
    return false;
}

static mvad_status find_directory(const struct zip_index *zip, struct directory *directory,
                                  mvad_error *error)
{
    size_t end;
    if (!find_end(zip, &end))
        return file_bad_format(zip->path, error,
                               "a zip archive without its end: the file is cut off");
    const uint8_t *record = zip->data + end;
    *directory =
        (struct directory){little16(record + 10), little32(record + 12), little32(record + 16)};
    if (end >= LOCATOR_BYTES && has_signature(zip, end - LOCATOR_BYTES, LOCATOR_BYTES, "PK\6\7")) {
        const uint64_t place = little64(zip->data + end - LOCATOR_BYTES + 8);
        if (!has_signature(zip, place, END64_BYTES, "PK\6\6"))
            return file_bad_format(zip->path, error, "the zip64 record is not where it should be");
        record = zip->data + place;
        *directory =
            (struct directory){little64(record + 32), little64(record + 40), little64(record + 48)};
    }
    if (directory->offset > end || directory->bytes > end - directory->offset)
        return file_bad_format(zip->path, error, "the zip directory does not lie in the file");
    if (directory->count > ZIP_MAX_ENTRIES || directory->count > directory->bytes / ENTRY_BYTES)
        return file_bad_format(zip->path, error,
                               "a zip directory of %" PRIu64 " bytes cannot have %" PRIu64
                               " entries, or they are more than %d",
                               directory->bytes, directory->count, ZIP_MAX_ENTRIES);
    return MVAD_OK;
}

/* Takes those numbers from the zip64 field that do not fit into 32 bits. False where they are not
 * there. */
static bool read_large_numbers(const uint8_t *extra, size_t extra_bytes, uint64_t *packed,
                               struct zip_entry *entry)
{
    uint64_t *const numbers[] = {&entry->size, packed, &entry->header};
    size_t wanted = 0;
    for (size_t i = 0; i < 3; i++) wanted += *numbers[i] == UINT32_MAX;
    while (wanted && extra_bytes >= 4) {
        const size_t id = little16(extra), bytes = little16(extra + 2);
        if (bytes > extra_bytes - 4) return false;
        if (id == EXTRA_ZIP64) {
            if (bytes < 8 * wanted) return false;
            const uint8_t *next = extra + 4;
            for (size_t i = 0; i < 3; i++) {
                if (*numbers[i] != UINT32_MAX) continue;
                *numbers[i] = little64(next);
                next += 8;
            }
            return true;
        }
        extra += 4 + bytes;
        extra_bytes -= 4 + bytes;
    }
    return !wanted;
}

static int compare_text(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_entries(const void *a, const void *b)
{
    const struct zip_entry *x = a, *y = b;
    return compare_text(x->name, x->name_length, y->name, y->name_length);
}

static mvad_status read_directory(struct zip_index *zip, const struct directory *directory,
                                  mvad_error *error)
{
    const uint8_t *record = zip->data + directory->offset, *end = record + directory->bytes;
    for (uint64_t i = 0; i < directory->count; i++) {
        if (end - record < ENTRY_BYTES || memcmp(record, "PK\1\2", 4) != 0)
            return file_bad_format(zip->path, error, "entry %" PRIu64 " of the zip is broken", i);
        const size_t name = little16(record + 28), extra = little16(record + 30),
                     comment = little16(record + 32);
        if ((size_t)(end - record) - ENTRY_BYTES < name + extra + comment)
            return file_bad_format(zip->path, error, "entry %" PRIu64 " of the zip is broken", i);
        struct zip_entry entry = {.name = (const char *)record + ENTRY_BYTES,
                                  .name_length = name,
                                  .header = little32(record + 42),
                                  .size = little32(record + 24),
                                  .crc = little32(record + 16),
                                  .method = little16(record + 10),
                                  .flags = little16(record + 8)};
        uint64_t packed = little32(record + 20);
        if (!read_large_numbers(record + ENTRY_BYTES + name, extra, &packed, &entry))
            return file_bad_format(zip->path, error,
                                   "entry %" PRIu64 " of the zip lacks its 64-bit numbers", i);
        if (entry.method == 0 && packed != entry.size)
            return file_bad_format(zip->path, error,
                                   "entry %" PRIu64 " of the zip is stored in %" PRIu64
                                   " bytes, not in its %" PRIu64,
                                   i, packed, entry.size);
        zip->entries[zip->count++] = entry;
        record += ENTRY_BYTES + name + extra + comment;
    }
    qsort(zip->entries, zip->count, sizeof *zip->entries, compare_entries);
    for (size_t i = 1; i < zip->count; i++)
        if (!compare_entries(&zip->entries[i - 1], &zip->entries[i]))
            return file_bad_format(zip->path, error, "the zip has two entries of one name");
    return MVAD_OK;
}

mvad_status zip_open(const char *path, const uint8_t *data, size_t size, struct zip_index *zip,
                     mvad_error *error)
{
    struct directory directory = {0};
    *zip = (struct zip_index){.path = path, .data = data, .size = size};
    mvad_status status = find_directory(zip, &directory, error);
    if (status) return status;
    zip->entries = malloc(((size_t)directory.count + 1) * sizeof *zip->entries);
    if (!zip->entries)
        return error_out_of_memory(error, file_label(path),
                                   (size_t)directory.count * sizeof *zip->entries);
    status = read_directory(zip, &directory, error);
    if (status) zip_close(zip);
    return status;
}

void zip_close(struct zip_index *zip)
{
    free(zip->entries);
    *zip = (struct zip_index){0};
}

const struct zip_entry *zip_find(const struct zip_index *zip, const char *folder,
                                 size_t folder_length, const char *name, size_t name_length)
{
    size_t low = 0, high = zip->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct zip_entry *entry = &zip->entries[middle];
        const size_t head = entry->name_length < folder_length ? entry->name_length : folder_length;
        int order = compare_text(entry->name, head, folder, folder_length);
        if (!order)
            order = compare_text(entry->name + head, entry->name_length - head, name, name_length);
        if (!order) return entry;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

mvad_status zip_bytes(const struct zip_index *zip, const struct zip_entry *entry,
                      const uint8_t **bytes, mvad_error *error)
{
    const int shown = entry->name_length < 100 ? (int)entry->name_length : 100;
    if (entry->flags & FLAG_ENCRYPTED)
        return file_bad_format(zip->path, error, "zip entry '%.*s' is encrypted", shown,
                               entry->name);
    if (entry->method != 0)
        return file_bad_format(zip->path, error,
                               "zip entry '%.*s' is compressed (method %u), which torch.save never "
                               "does",
                               shown, entry->name, entry->method);
    if (!has_signature(zip, entry->header, LOCAL_BYTES, "PK\3\4"))
        return file_bad_format(zip->path, error, "zip entry '%.*s' is not where it should be",
                               shown, entry->name);
    const uint8_t *header = zip->data + entry->header;
    const uint64_t left = zip->size - entry->header - LOCAL_BYTES;
    const size_t name = little16(header + 26), extra = little16(header + 28);
    if (name != entry->name_length || left < name + extra ||
        memcmp(header + LOCAL_BYTES, entry->name, name) != 0)
        return file_bad_format(zip->path, error,
                               "zip entry '%.*s' is called otherwise in its header", shown,
                               entry->name);
    if (entry->size > left - name - extra)
        return file_bad_format(zip->path, error,
                               "zip entry '%.*s' has %" PRIu64
                               " bytes, which the file does not have",
                               shown, entry->name, entry->size);
    *bytes = header + LOCAL_BYTES + name + extra;
    if (entry->crc && checksum_crc32(*bytes, (size_t)entry->size) != entry->crc)
        return file_bad_format(zip->path, error, "zip entry '%.*s' is damaged (wrong checksum)",
                               shown, entry->name);
    return MVAD_OK;
}
