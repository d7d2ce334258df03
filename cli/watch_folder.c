#include "cli/watch_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/common/path.h"

static int compare(const void *a, const void *b)
{
    const struct watch_file *x = a, *y = b;
    int order = strcmp(x->class_name, y->class_name);
    if (!order) order = strcmp(x->part, y->part);
    if (!order) order = strcmp(x->view, y->view);
    return order ? order : strcmp(x->name, y->name);
}

static bool same_part(const struct watch_file *a, const struct watch_file *b)
{
    return !strcmp(a->class_name, b->class_name) && !strcmp(a->part, b->part);
}

/* One block: the name and its fields, each with a zero behind. */
static bool make_file(const char *name, const struct watch_fields *fields, struct watch_file *file)
{
    const size_t length = strlen(name);
    const char **texts[WATCH_FIELDS] = {
        [WATCH_CLASS] = &file->class_name, [WATCH_PART] = &file->part, [WATCH_VIEW] = &file->view};
    size_t bytes = length + 1;
    for (int f = 0; f < WATCH_FIELDS; f++) bytes += fields->length[f] + 1;
    *file = (struct watch_file){.name = calloc(bytes, 1)};
    if (!file->name) return false;
    memcpy(file->name, name, length);
    char *next = file->name + length + 1;
    for (int f = 0; f < WATCH_FIELDS; f++) {
        memcpy(next, name + fields->begin[f], fields->length[f]);
        *texts[f] = next;
        next += fields->length[f] + 1;
    }
    return true;
}

static bool is_as_known(const struct watch_file *file, const struct stat *info)
{
    return file->bytes == info->st_size && file->modified.tv_sec == info->st_mtim.tv_sec &&
           file->modified.tv_nsec == info->st_mtim.tv_nsec;
}

static void take_state(struct watch_file *file, const struct stat *info, double now)
{
    file->seen = true;
    if (is_as_known(file, info) && file->changed > 0) return;
    file->bytes = info->st_size;
    file->modified = info->st_mtim;
    file->changed = now;
    file->doubted = file->done = false;
}

/* New files go behind the `known` first ones, which are sorted. */
static bool take_entry(struct watch_folder *folder, size_t known, int descriptor, const char *name,
                       double now)
{
    struct watch_fields fields;
    struct watch_file file;
    struct stat info;
    if (*name == '.') return true;
    const bool fits = watch_pattern_match(folder->pattern, name, &fields);
    if (fstatat(descriptor, name, &info, 0) || !S_ISREG(info.st_mode)) return true;
    if (!fits) folder->strange = true;
    if (!fits) return true;
    if (!make_file(name, &fields, &file)) return false;
    struct watch_file *old =
        known ? bsearch(&file, folder->files, known, sizeof file, compare) : NULL;
    if (!old && folder->count == WATCH_MAX_FILES) folder->full = true;
    if (old || folder->count == WATCH_MAX_FILES) {
        free(file.name);
        if (old) take_state(old, &info, now);
        return true;
    }
    if (folder->count == folder->capacity) {
        const size_t capacity = folder->capacity ? 2 * folder->capacity : 64;
        struct watch_file *files = realloc(folder->files, capacity * sizeof *files);
        if (!files) {
            free(file.name);
            return false;
        }
        folder->files = files;
        folder->capacity = capacity;
    }
    take_state(&file, &info, now);
    folder->files[folder->count++] = file;
    return true;
}

static void forget_unseen(struct watch_folder *folder)
{
    size_t kept = 0;
    for (size_t i = 0; i < folder->count; i++) {
        if (folder->files[i].seen)
            folder->files[kept++] = folder->files[i];
        else
            free(folder->files[i].name);
    }
    folder->count = kept;
}

bool watch_folder_look(struct watch_folder *folder, double now)
{
    DIR *directory = opendir(folder->path);
    if (!directory) return false;
    const size_t known = folder->count;
    bool complete = true;
    folder->full = false;
    for (size_t i = 0; i < known; i++) folder->files[i].seen = false;
    errno = 0;
    for (struct dirent *entry; complete && (entry = readdir(directory)); errno = 0)
        if (!take_entry(folder, known, dirfd(directory), entry->d_name, now)) complete = false;
    int reason = complete ? errno : EOVERFLOW;
    closedir(directory);
    /* What a listing that broke off has not shown is not gone. */
    for (size_t i = 0; reason && i < known; i++) folder->files[i].seen = true;
    forget_unseen(folder);
    if (folder->count) qsort(folder->files, folder->count, sizeof *folder->files, compare);
    errno = reason;
    return !reason;
}

/* The part that begins with file i. */
static struct watch_part gather(const struct watch_folder *folder, size_t i)
{
    struct watch_part part = {.files = &folder->files[i]};
    size_t views = 0;
    for (; i + part.count < folder->count; part.count++) {
        const struct watch_file *file = &part.files[part.count];
        if (!same_part(file, part.files)) break;
        if (file->changed > part.changed) part.changed = file->changed;
        views += !part.count || strcmp(file->view, file[-1].view) != 0;
    }
    part.missing = views < folder->views ? folder->views - views : 0;
    return part;
}

/* A file of no bytes is one that is still to be written, unless nothing comes any more. */
static bool is_ready(const struct watch_folder *folder, const struct watch_part *part, double now)
{
    bool whole = !part->missing, done = true;
    for (size_t i = 0; i < part->count; i++) {
        whole &= part->files[i].bytes > 0 && !part->files[i].doubted;
        done &= part->files[i].done;
    }
    return !done && now - part->changed >= (whole ? folder->settle : folder->timeout);
}

/* A name with a comma would be taken for two. */
static void learn_names(struct watch_folder *folder, const struct watch_part *part)
{
    size_t views = 0, bytes = 1;
    for (size_t i = 0; i < part->count; i++) {
        views += !i || strcmp(part->files[i].view, part->files[i - 1].view) != 0;
        bytes += strlen(part->files[i].view) + 1;
        if (strchr(part->files[i].view, ',')) return;
    }
    char *names = views == folder->views && !folder->view_names ? malloc(bytes) : NULL;
    if (!names) return;
    *names = 0;
    for (size_t i = 0; i < part->count; i++) {
        if (i && !strcmp(part->files[i].view, part->files[i - 1].view)) continue;
        if (*names) strcat(names, ",");
        strcat(names, part->files[i].view);
    }
    free(folder->learnt);
    folder->learnt = names;
}

static bool has_view(const struct watch_part *part, const char *name, size_t length)
{
    for (size_t i = 0; i < part->count; i++)
        if (strlen(part->files[i].view) == length && !memcmp(part->files[i].view, name, length))
            return true;
    return false;
}

char *watch_missing_names(const struct watch_folder *folder, const struct watch_part *part)
{
    const char *names = folder->view_names ? folder->view_names : folder->learnt;
    size_t missing = 0, length = 0;
    char *text = names ? malloc(2 * strlen(names) + 1) : NULL;
    if (!text) return NULL;
    *text = 0;
    for (const char *name = names;; name += length + 1) {
        length = strcspn(name, ",");
        if (!has_view(part, name, length)) {
            if (missing++) strcat(text, ", ");
            strncat(text, name, length);
        }
        if (!name[length]) break;
    }
    if (missing == part->missing && missing) return text;
    free(text);
    return NULL;
}

bool watch_folder_next(struct watch_folder *folder, double now, struct watch_part *part)
{
    bool found = false;
    for (size_t i = 0; i < folder->count;) {
        const struct watch_part candidate = gather(folder, i);
        i += candidate.count;
        if (!is_ready(folder, &candidate, now)) continue;
        if (found && part->changed <= candidate.changed) continue;
        *part = candidate;
        found = true;
    }
    if (found && !part->missing) learn_names(folder, part);
    return found;
}

bool watch_folder_waits(const struct watch_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        if (!folder->files[i].done) return true;
    return false;
}

bool watch_file_changed(const struct watch_folder *folder, const struct watch_file *file)
{
    struct stat info;
    char *path = watch_file_path(folder, file);
    const bool same = path && !stat(path, &info) && is_as_known(file, &info);
    free(path);
    return !same;
}

char *watch_file_path(const struct watch_folder *folder, const struct watch_file *file)
{
    return path_join(folder->path, file->name);
}

void watch_folder_free(struct watch_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++) free(folder->files[i].name);
    free(folder->files);
    free(folder->learnt);
    folder->files = NULL;
    folder->learnt = NULL;
    folder->count = folder->capacity = 0;
}
