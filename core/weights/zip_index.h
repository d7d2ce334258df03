/* The table of contents of a zip archive whose entries are stored as they are.
 *
 *     struct zip_index zip;
 *     status = zip_open(path, data, size, &zip, error);
 *     const struct zip_entry *entry = zip_find(&zip, "model/", 6, "data.pkl", 8);
 *     if (entry) status = zip_bytes(&zip, entry, &bytes, error);
 *     zip_close(&zip);
 *
 * Sizes and places come from the central directory, of either kind (zip64), and every one of them is
 * checked against the file. Errors are MVAD_ERROR_FORMAT and name the file. */
#ifndef WEIGHTS_ZIP_INDEX_H
#define WEIGHTS_ZIP_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

#define ZIP_MAX_ENTRIES 200000

struct zip_entry {
    const char *name; /* in the archive, not NUL-terminated */
    size_t name_length;
    uint64_t header; /* place of the entry's own header */
    uint64_t size;   /* bytes of its content */
    uint32_t crc;    /* 0: PyTorch was told not to compute it */
    uint32_t method, flags;
};

struct zip_index {
    const char *path;
    const uint8_t *data;
    size_t size;
    struct zip_entry *entries; /* sorted by name; owned */
    size_t count;
};

/* Whether the bytes begin as a zip archive does. */
bool zip_is(const uint8_t *data, size_t size);

/* Two entries of one name are an error. To be closed only after success. */
mvad_status zip_open(const char *path, const uint8_t *data, size_t size, struct zip_index *zip,
                     mvad_error *error);
void zip_close(struct zip_index *zip);

/* The entry named by these two texts, one after the other; NULL where there is none. */
const struct zip_entry *zip_find(const struct zip_index *zip, const char *folder,
                                 size_t folder_length, const char *name, size_t name_length);

/* Where the content of an entry lies: entry->size bytes, whose checksum is right. An entry that is
 * compressed or encrypted is an error. */
mvad_status zip_bytes(const struct zip_index *zip, const struct zip_entry *entry,
                      const uint8_t **bytes, mvad_error *error);

#endif
