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

#include <stdbool.h>
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

/* The same for a file that is not in memory as a whole: its bytes are written through `file`, in any
 * order and from any thread, between begin and commit.
 *
 *     struct file_replacement replacement;
 *     status = file_replacement_begin(path, &replacement, error);
 *     ... file_write_at(replacement.file, ..) ...
 *     if (!status) status = file_replacement_commit(&replacement, error);
 *     file_replacement_end(&replacement);    // in any case: removes what was not committed
 */
struct file_replacement {
    int file;         /* the temporary file, open for reading and writing; -1 once committed */
    int folder;       /* this and all below: private */
    const char *path; /* the caller's, which outlives the replacement */
    char *target;
    const char *name;
    char temporary[64];
};

mvad_status file_replacement_begin(const char *path, struct file_replacement *replacement,
                                   mvad_error *error);
mvad_status file_replacement_commit(struct file_replacement *replacement, mvad_error *error);
void file_replacement_end(struct file_replacement *replacement);

/* Removes the temporary files of a folder whose process is gone: each is as large as what it was to
 * become, and nobody else would ever remove them. One that is locked belongs to a living process
 * after all, which another machine or container counts under another number. What cannot be removed
 * stays. */
void file_remove_leftovers(const char *folder);

/* All bytes at a place of an open file, whatever the system takes at a time. False with errno set;
 * EIO where the file ends before. */
bool file_read_at(int file, void *data, size_t bytes, uint64_t offset);
bool file_write_at(int file, const void *data, size_t bytes, uint64_t offset);

/* "PATH: WHAT: reason", the reason being errno's. */
mvad_status file_error(const char *path, const char *what, mvad_error *error);

/* "PATH: ..": MVAD_ERROR_FORMAT, for a file whose content is not what it should be. Control characters
 * among what the message quotes become question marks, so that it stays one line. */
mvad_status file_bad_format(const char *path, mvad_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The path as messages show it: its last 200 bytes at most, so that a long one leaves room for what
 * was wrong. */
const char *file_label(const char *path);

#endif
