#include "cli/common/result_file.h"

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

/* The name of a temporary file beside `target`, to be freed. */
static char *temporary_name(const char *target)
{
    const size_t length = folder_length(target), size = length + 64;
    char *name = malloc(size);
    if (name) snprintf(name, size, "%.*s.mvad-%ld.tmp", (int)length, target, (long)getpid());
    return name;
}

/* The stream into the temporary file, with the mode of the file to be replaced; NULL with errno
 * set. */
static FILE *open_temporary(const char *temporary, const char *target)
{
    struct stat old;
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) return NULL;
    FILE *stream = NULL;
    if (stat(target, &old) || !fchmod(descriptor, old.st_mode & 0777))
        stream = fdopen(descriptor, "wb");
    if (!stream) {
        int reason = errno;
        close(descriptor);
        unlink(temporary);
        errno = reason;
    }
    return stream;
}

int result_file_begin(const struct caller *caller, const char *path, struct result_file *file)
{
    *file = (struct result_file){.path = path, .target = realpath(path, NULL)};
    if (!file->target) file->target = strdup(path);
    file->temporary = file->target ? temporary_name(file->target) : NULL;
    int code = EXIT_DONE;
    if (!file->temporary)
        code = command_fail(caller, EXIT_FAILED, "out of memory");
    else if (!(file->stream = open_temporary(file->temporary, file->target)))
        code = fail(caller, path);
    if (code != EXIT_DONE) result_file_abandon(file);
    return code;
}

void result_file_abandon(struct result_file *file)
{
    if (file->stream) {
        fclose(file->stream);
        unlink(file->temporary);
    }
    free(file->target);
    free(file->temporary);
    *file = (struct result_file){0};
}

int result_file_end(const struct caller *caller, struct result_file *file)
{
    int code = EXIT_DONE;
    /* The reason of a write that failed earlier is not known any more; what is still in the buffer
     * most likely fails for the same. */
    const bool failed = ferror(file->stream) != 0;
    errno = EIO;
    bool done = !fflush(file->stream) && !failed && !fsync(fileno(file->stream));
    if (!done) code = fail(caller, file->path);
    if (fclose(file->stream) && done) {
        done = false;
        code = fail(caller, file->path);
    }
    file->stream = NULL;
    if (done && rename(file->temporary, file->target)) {
        done = false;
        code = fail(caller, file->path);
    }
    if (!done) unlink(file->temporary);
    result_file_abandon(file);
    return code;
}
