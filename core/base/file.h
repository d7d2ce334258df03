/* Whole files: mapped for reading, replaced in one step for writing.
 *
 *     struct file_mapping mapping;
 *     status = file_map("model.safetensors", SIZE_MAX, &mapping, error);
 *     ... mapping.data[0 .. mapping.size) ...
 *     file_unmap(&mapping);
 *
 * Every error is MVAD_ERROR_IO unless said otherwise, and names the file and the system's reason.
 * */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

/* A file's bytes, read-only. An empty file has size 0 and data NULL. */
struct file_mapping {
    const uint8_t *data;
    size_t size; /* bytes */
};

/* Maps a regular file of at most `limit` bytes. Mapped and not read: a model of hundreds of
 * megabytes is then neither copied nor held twice, and bytes nobody asks for never leave the disk.
 * The price is that a file which another process truncates in place while it is mapped raises
 * SIGBUS at the next access; replacing it with rename, as file_replace does, leaves an existing
 * mapping as it was. The mapping is page-aligned and outlives the file's name. On failure *mapping
 * is empty. */
mvad_status file_map(const char *path, size_t limit, struct file_mapping *mapping,
                     mvad_error *error);

/* Accepts an empty mapping, and leaves one. */
void file_unmap(struct file_mapping *mapping);

/* Consecutive bytes of a file to write; `data` may be NULL where bytes is 0. */
struct file_piece {
    const void *data;
    size_t bytes;
};

/* Makes `path` a file of these pieces, one after the other, or leaves it as it was: writes a
 * temporary file in the same folder, syncs it, renames it over `path` and syncs the folder. A
 * symbolic link is followed and kept. An existing file hands on its permission bits; something
 * other than a regular file is not replaced. On failure the temporary file is removed and the old
 * file is intact, except that a folder that cannot be synced is reported after the new file took
 * the old one's place. Writing past RLIMIT_FSIZE raises SIGXFSZ; a program that wants an error
 * ignores the signal. */
mvad_status file_replace(const char *path, const struct file_piece *pieces, size_t count,
                         mvad_error *error);

/* The path as messages show it: its last 200 bytes at most, so that a long one leaves room for what
 * was wrong. */
const char *file_label(const char *path);

#endif
