/* Tells whether the files of a data set are those that a cache was made from. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checksum.h"
#include "core/base/error.h"
#include "core/data/cache_file.h"

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* The time of the last change of the file's place (ctime) belongs to it: renaming another file of
 * the same size, unpacked from the same archive, over this one changes nothing else. */
static uint64_t add_file(uint64_t identity, const struct stat *info, int64_t *newest_nsec)
{
    const int64_t facts[3] = {info->st_size, nanoseconds(&info->st_mtim),
                              nanoseconds(&info->st_ctim)};
    for (int i = 1; newest_nsec && i < 3; i++)
        if (facts[i] > *newest_nsec) *newest_nsec = facts[i];
    return checksum_bytes(identity, facts, sizeof facts);
}

uint64_t cache_source_identity(const char *path, int64_t *newest_nsec)
{
    uint64_t identity = 1;
    struct stat info;
    if (lstat(path, &info) == 0) identity = add_file(identity, &info, newest_nsec);
    if (identity != 1 && S_ISLNK(info.st_mode))
        identity = stat(path, &info) ? 2 : add_file(identity, &info, newest_nsec);
    return identity ? identity : 1;
}

/* The folder of the path before, by the text in the data set and as the system knows it. */
struct folder {
    char *text, *real;
    size_t bytes, capacity; /* of text, without an end */
};

/* Files come folder by folder, so most of them need not ask the system. */
static bool find_folder(struct folder *folder, const char *path, size_t bytes)
{
    if (folder->text && bytes == folder->bytes && memcmp(path, folder->text, bytes) == 0)
        return true;
    if (bytes >= folder->capacity) {
        char *grown = realloc(folder->text, bytes + 1);
        if (!grown) return false;
        folder->text = grown;
        folder->capacity = bytes + 1;
    }
    memcpy(folder->text, path, bytes);
    folder->text[bytes] = 0;
    folder->bytes = bytes;
    free(folder->real);
    folder->real = realpath(bytes ? folder->text : ".", NULL);
    return true;
}

/* The absolute path in two parts; a folder that is not there stays as it is. */
static bool add_path(struct folder *folder, const char *path, uint64_t *key)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!find_folder(folder, path, (size_t)(name - path))) return false;
    const char *place = folder->real ? folder->real : folder->text;
    *key = checksum_bytes(*key, place, strlen(place));
    *key = checksum_bytes(*key, name, strlen(name));
    return true;
}

mvad_status cache_sources_look(const struct dataset *dataset, struct cache_entry *entries,
                               struct cache_sources *sources, mvad_error *error)
{
    struct folder images = {0}, masks = {0};
    bool fits = true;
    *sources = (struct cache_sources){0};
    for (size_t i = 0; i < dataset->view_count && fits; i++) {
        const struct dataset_view *view = &dataset->views[i];
        fits = add_path(&images, view->image, &sources->key) &&
               add_path(&masks, view->mask ? view->mask : "", &sources->key);
        entries[i].image = cache_source_identity(view->image, &sources->newest_nsec);
        entries[i].mask = view->mask ? cache_source_identity(view->mask, &sources->newest_nsec) : 0;
    }
    free(images.text);
    free(images.real);
    free(masks.text);
    free(masks.real);
    return fits ? MVAD_OK : error_out_of_memory(error, "image cache", dataset->view_count);
}
