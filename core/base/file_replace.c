/* Writing in one step: a temporary file beside the target takes its place when it is whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"

#define TEMPORARY_ATTEMPTS 10000

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
        int file = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file >= 0) {
            flock(file, LOCK_EX | LOCK_NB); /* see file_remove_leftovers; not all systems can */
            return file;
        }
        if (errno != EEXIST && errno != EINTR) break;
    }
    name[0] = 0;
    return -1;
}

/* ".mvad-PROCESS-NUMBER.tmp", of a process that does not exist. */
static bool is_leftover(const char *name)
{
    long process = 0;
    unsigned number;
    int end = 0;
    if (sscanf(name, ".mvad-%ld-%u.tmp%n", &process, &number, &end) != 2) return false;
    return end && !name[end] && process > 0 && kill((pid_t)process, 0) && errno == ESRCH;
}

void file_remove_leftovers(const char *folder)
{
    DIR *entries = opendir(folder);
    if (!entries) return;
    const struct dirent *entry;
    while ((entry = readdir(entries))) {
        if (!is_leftover(entry->d_name)) continue;
        int file = openat(dirfd(entries), entry->d_name,
                          O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (file < 0) continue;
        if (flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            unlinkat(dirfd(entries), entry->d_name, 0);
        close(file);
    }
    closedir(entries);
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

mvad_status file_replacement_begin(const char *path, struct file_replacement *replacement,
                                   mvad_error *error)
{
    struct file_replacement *r = replacement;
    struct stat old;
    *r = (struct file_replacement){.file = -1, .folder = -1, .path = path};

    r->target = realpath(path, NULL);
    if (!r->target && errno != ENOENT) return file_error(path, "cannot write", error);
    if (!r->target && !(r->target = memory_copy_string(path)))
        return error_out_of_memory(error, path, strlen(path) + 1);
    r->folder = open_folder(r->target, &r->name);
    if (r->folder < 0) return file_error(path, "cannot open its folder", error);
    /* A dangling link ends here as a file that exists; it is replaced itself. */
    const bool replaces = fstatat(r->folder, r->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (replaces && !S_ISREG(old.st_mode) && !S_ISLNK(old.st_mode))
        return error_set(error, MVAD_ERROR_IO, "%s: cannot write: %s", file_label(path),
                         S_ISDIR(old.st_mode) ? "is a folder" : "not a regular file");

    r->file = create_temporary(r->folder, r->temporary);
    if (r->file < 0) return file_error(path, "cannot create a temporary file beside it", error);
    if (replaces && S_ISREG(old.st_mode) && fchmod(r->file, old.st_mode & 0777))
        return file_error(path, "cannot set the permissions", error);
    return MVAD_OK;
}

mvad_status file_replacement_commit(struct file_replacement *replacement, mvad_error *error)
{
    struct file_replacement *r = replacement;
    if (!sync_all(r->file)) return file_error(r->path, "cannot write", error);
    const int closed = close(r->file);
    r->file = -1;
    /* Interrupted or not, the descriptor is gone, and the data is synced. */
    if (closed && errno != EINTR) return file_error(r->path, "cannot write", error);
    if (renameat(r->folder, r->temporary, r->folder, r->name))
        return file_error(r->path, "cannot replace", error);
    r->temporary[0] = 0;
    /* Some file systems cannot sync a folder and say EINVAL; there is nothing more to do on them.
     * */
    if (!sync_all(r->folder) && errno != EINVAL)
        return file_error(r->path, "written, but cannot sync its folder", error);
    return MVAD_OK;
}

void file_replacement_end(struct file_replacement *replacement)
{
    struct file_replacement *r = replacement;
    if (r->file >= 0) close(r->file);
    if (r->temporary[0]) unlinkat(r->folder, r->temporary, 0);
    if (r->folder >= 0) close(r->folder);
    free(r->target);
    *r = (struct file_replacement){.file = -1, .folder = -1};
}

mvad_status file_replace(const char *path, const struct file_piece *pieces, size_t count,
                         mvad_error *error)
{
    struct file_replacement replacement;
    uint64_t offset = 0;
    mvad_status status = file_replacement_begin(path, &replacement, error);
    for (size_t i = 0; i < count && !status; i++) {
        if (!file_write_at(replacement.file, pieces[i].data, pieces[i].bytes, offset))
            status = file_error(path, "cannot write", error);
        offset += pieces[i].bytes;
    }
    if (!status) status = file_replacement_commit(&replacement, error);
    file_replacement_end(&replacement);
    return status;
}
