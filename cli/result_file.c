#include "cli/result_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const struct caller *caller, const char *path)
{
    return command_fail(caller, EXIT_FAILED, "%s: cannot write: %s", path, strerror(errno));
}

/* The part of a path up to and with its last slash. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

int result_file_check(const struct caller *caller, const char *path)
{
    struct stat info;
    const size_t length = folder_length(path);
    char *folder = length ? strndup(path, length) : strdup(".");
    if (!folder) return command_fail(caller, EXIT_FAILED, "out of memory");
    int code = EXIT_DONE;
    if (access(folder, W_OK | X_OK))
        code = fail(caller, path);
    else if (!path[length] || (!stat(path, &info) && !S_ISREG(info.st_mode)))
        code = command_fail(caller, EXIT_FAILED, "%s: cannot write: not a regular file", path);
    free(folder);
    return code;
}

int result_file_begin(const struct caller *caller, const char *path, struct result_file *file)
{
    *file = (struct result_file){.path = path};
    file->stream = open_memstream(&file->text, &file->bytes);
    if (!file->stream) return command_fail(caller, EXIT_FAILED, "out of memory");
    return EXIT_DONE;
}

static bool write_all(int descriptor, const char *text, size_t bytes)
{
    while (bytes) {
        ssize_t written = write(descriptor, text, bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text += written;
        bytes -= (size_t)written;
    }
    return fsync(descriptor) == 0;
}

/* Puts the text in the place of `target`; false with errno set. */
static bool replace(const char *target, const char *text, size_t bytes)
{
    struct stat old;
    const size_t length = folder_length(target), size = length + 64;
    char *temporary = malloc(size);
    if (!temporary) return false;
    snprintf(temporary, size, "%.*s.mvad-%ld.tmp", (int)length, target, (long)getpid());
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool done = descriptor >= 0;
    if (done && !stat(target, &old)) done = fchmod(descriptor, old.st_mode & 0777) == 0;
    if (done) done = write_all(descriptor, text, bytes);
    int reason = errno;
    if (descriptor >= 0 && close(descriptor) && done) {
        done = false;
        reason = errno;
    }
    if (done && rename(temporary, target)) {
        done = false;
        reason = errno;
    }
    if (!done && descriptor >= 0) unlink(temporary);
    free(temporary);
    errno = reason;
    return done;
}

int result_file_end(const struct caller *caller, struct result_file *file)
{
    int code = EXIT_DONE;
    bool failed = ferror(file->stream);
    if (fclose(file->stream) || failed) {
        code = command_fail(caller, EXIT_FAILED, "out of memory");
    } else {
        char *target = realpath(file->path, NULL);
        if (!replace(target ? target : file->path, file->text, file->bytes))
            code = fail(caller, file->path);
        free(target);
    }
    free(file->text);
    *file = (struct result_file){0};
    return code;
}
