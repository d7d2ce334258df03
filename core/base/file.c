#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"

#define LABEL_BYTES 200

const char *file_label(const char *path)
{
    size_t length = strlen(path);
    if (length <= LABEL_BYTES) return path;
    const char *label = path + length - LABEL_BYTES;
    while (((unsigned char)*label & 0xC0) == 0x80)
        label++; /* not into the middle of a UTF-8 character */
    return label;
}

mvad_status file_error(const char *path, const char *what, mvad_error *error)
{
    return error_set(error, MVAD_ERROR_IO, "%s: %s: %s", file_label(path), what, strerror(errno));
}

mvad_status file_bad_format(const char *path, mvad_error *error, const char *format, ...)
{
    char text[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F) *c = '?';
    return error_set(error, MVAD_ERROR_FORMAT, "%s: %s", file_label(path), text);
}

mvad_status file_map(const char *path, size_t limit, struct file_mapping *mapping, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    struct stat info;

    *mapping = (struct file_mapping){NULL, 0};
    /* Without O_NONBLOCK, opening a named pipe would wait for a writer before it could be refused.
     * */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return file_error(path, "cannot open", error);

    if (fstat(file, &info)) {
        status = file_error(path, "cannot read", error);
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
            status = file_error(path, "cannot map", error);
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

bool file_read_at(int file, void *data, size_t bytes, uint64_t offset)
{
    uint8_t *next = data;
    while (bytes > 0) {
        ssize_t got = pread(file, next, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            if (got == 0) errno = EIO; /* the file ends before */
            return false;
        }
        next += got;
        offset += (size_t)got;
        bytes -= (size_t)got;
    }
    return true;
}

bool file_write_at(int file, const void *data, size_t bytes, uint64_t offset)
{
    const uint8_t *next = data;
    while (bytes > 0) {
        ssize_t written = pwrite(file, next, bytes, (off_t)offset);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            if (written == 0) errno = EIO;
            return false;
        }
        next += written;
        offset += (size_t)written;
        bytes -= (size_t)written;
    }
    return true;
}
