#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/memory.h"

#define LABEL_BYTES 200
#define TEMPORARY_ATTEMPTS 10000

const char *file_label(const char *path)
{
    size_t length = strlen(path);
    if (length <= LABEL_BYTES) return path;
    const char *label = path + length - LABEL_BYTES;
    while (((unsigned char)*label & 0xC0) == 0x80)
        label++; /* not into the middle of a UTF-8 character */
    return label;
}

static mvad_status system_error(const char *path, const char *what, mvad_error *error)
{
    return error_set(error, MVAD_ERROR_IO, "%s: %s: %s", file_label(path), what, strerror(errno));
}

mvad_status file_map(const char *path, size_t limit, struct file_mapping *mapping, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    struct stat info;

    *mapping = (struct file_mapping){NULL, 0};
    /* Without O_NONBLOCK, opening a named pipe would wait for a writer before it could be refused.
     * */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return system_error(path, "cannot open", error);

    if (fstat(file, &info)) {
        status = system_error(path, "cannot read", error);
        goto cleanup;
    }
    if (!S_ISREG(info.st_mode)) {
        status = error_set(error, MVAD_ERROR_IO, "%s: cannot read: %s", file_label(path),
                           S_ISDIR(info.st_mode) ? "is a folder" : "not a regular file");
        goto cleanup;
    }
    if ((uintmax_t)info.st_size > limit) {
        status = error_set(error, MVAD_ERROR_IO,
                           "%s: cannot read: %" PRIdMAX " bytes, more than the %zu allowed",
                           file_label(path), (intmax_t)info.st_size, limit);
        goto cleanup;
    }
    if (info.st_size > 0) { /* an empty file cannot be mapped, and needs no mapping */
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (data == MAP_FAILED) {
            status = system_error(path, "cannot map", error);
            goto cleanup;
        }
        *mapping = (struct file_mapping){data, (size_t)info.st_size};
    }

cleanup:
    close(file);
    return status;
}

void file_unmap(struct file_mapping *mapping)
{
    if (mapping->data) munmap((void *)(uintptr_t)mapping->data, mapping->size);
    *mapping = (struct file_mapping){NULL, 0};
}

/* All bytes, whatever the system takes at a time. False with errno set. */
static bool write_all(int file, const void *data, size_t bytes)
{
    const uint8_t *next = data;
    while (bytes > 0) {
        ssize_t written = write(file, next, bytes);
        if (written < 0) {
            if (errno == EINTR) continue;
            return false;
        }
        if (written == 0) {
            errno = EIO;
            return false;
        }
        next += written;
        bytes -= (size_t)written;
    }
    return true;
}

static bool sync_all(int file)
{
    while (fsync(file))
        if (errno != EINTR) return false;
    return true;
}

/* Creates a file of a name not in use in the folder. Its mode is left to the umask, which mkstemp
 * would not do. -1 with errno set where it cannot. */
static int create_temporary(int folder, char name[64])
{
    for (unsigned attempt = 0; attempt < TEMPORARY_ATTEMPTS; attempt++) {
        snprintf(name, 64, ".mvad-%ld-%u.tmp", (long)getpid(), attempt);
        int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file >= 0) return file;
        if (errno != EEXIST && errno != EINTR) break;
    }
    name[0] = 0;
    return -1;
}

/* Opens the folder of `target` and cuts `target` there: *name is what the file is called inside it.
 * -1 with errno set. */
static int open_folder(char *target, const char **name)
{
    char *slash = strrchr(target, '/');
    const char *folder = ".";
    *name = target;
    if (slash) {
        *name = slash + 1;
        folder = slash == target ? "/" : target;
        *slash = 0;
    }
    if (!**name) {
        errno = slash ? EISDIR : ENOENT;
        return -1;
    }
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

mvad_status file_replace(const char *path, const struct file_piece *pieces, size_t count,
                         mvad_error *error)
{
    mvad_status status = MVAD_OK;
    int folder = -1, file = -1;
    const char *name;
    char temporary[64] = "";
    struct stat old;
    bool replaces;

    char *target = realpath(path, NULL);
    if (!target && errno != ENOENT) return system_error(path, "cannot write", error);
    if (!target && !(target = memory_copy_string(path)))
        return error_out_of_memory(error, path, strlen(path) + 1);

    folder = open_folder(target, &name);
    if (folder < 0) {
        status = system_error(path, "cannot open its folder", error);
        goto cleanup;
    }
    /* A dangling link ends here as a file that exists; it is replaced itself. */
    replaces = fstatat(folder, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (replaces && !S_ISREG(old.st_mode) && !S_ISLNK(old.st_mode)) {
        status = error_set(error, MVAD_ERROR_IO, "%s: cannot write: %s", file_label(path),
                           S_ISDIR(old.st_mode) ? "is a folder" : "not a regular file");
        goto cleanup;
    }

    file = create_temporary(folder, temporary);
    if (file < 0) {
        status = system_error(path, "cannot create a temporary file beside it", error);
        goto cleanup;
    }
    if (replaces && S_ISREG(old.st_mode) && fchmod(file, old.st_mode & 0777)) {
        status = system_error(path, "cannot set the permissions", error);
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        if (!write_all(file, pieces[i].data, pieces[i].bytes)) {
            status = system_error(path, "cannot write", error);
            goto cleanup;
        }
    }
    if (!sync_all(file)) {
        status = system_error(path, "cannot write", error);
        goto cleanup;
    }
    int closed = close(file);
    file = -1;
    if (closed &&
        errno != EINTR) { /* interrupted or not, the descriptor is gone, and the data is synced */
        status = system_error(path, "cannot write", error);
        goto cleanup;
    }
    if (renameat(folder, temporary, folder, name)) {
        status = system_error(path, "cannot replace", error);
        goto cleanup;
    }
    temporary[0] = 0;
    /* Some file systems cannot sync a folder and say EINVAL; there is nothing more to do on them.
     * */
    if (!sync_all(folder) && errno != EINVAL)
        status = system_error(path, "written, but cannot sync its folder", error);

cleanup:
    if (file >= 0) close(file);
    if (temporary[0]) unlinkat(folder, temporary, 0);
    if (folder >= 0) close(folder);
    free(target);
    return status;
}
