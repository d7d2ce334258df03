#include "core/data/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checksum.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/data/cache_file.h"

static size_t pixel_bytes(const struct image_cache *cache)
{
    return (size_t)cache->header.side * (size_t)cache->header.side * 3;
}

uint64_t cache_checksum(const struct image_cache *cache)
{
    struct cache_header header = cache->header;
    header.checksum = 0;
    return checksum_bytes(checksum_bytes(0, &header, sizeof header), cache->entries,
                          (size_t)header.views * sizeof *cache->entries);
}

/* The header and the offsets that the sources ask for. */
static mvad_status lay_out(struct image_cache *cache, const struct dataset *dataset,
                           int32_t image_size, uint64_t key, mvad_error *error)
{
    const size_t side = (size_t)image_size, views = dataset->view_count;
    size_t bytes;
    if (!size_multiply(4 * side * side, views, &bytes) || bytes > (size_t)INT64_MAX / 2)
        return error_out_of_memory(error, "image cache", SIZE_MAX);
    bytes = size_align(sizeof cache->header + views * sizeof *cache->entries, CACHE_ALIGNMENT);
    for (size_t i = 0; i < views; i++) {
        cache->entries[i].offset = bytes;
        bytes += (dataset->views[i].mask ? 4 : 3) * side * side;
    }
    cache->header =
        (struct cache_header){.magic = CACHE_MAGIC,
                              .version = CACHE_VERSION,
                              .library = checksum_bytes(0, mvad_version(), strlen(mvad_version())),
                              .key = key,
                              .side = side,
                              .views = views,
                              .bytes = bytes};
    return MVAD_OK;
}

static mvad_status make_path(struct image_cache *cache, const char *folder, mvad_error *error)
{
    const size_t bytes = strlen(folder) + 64;
    if (!(cache->path = malloc(bytes))) return error_out_of_memory(error, "image cache", bytes);
    snprintf(cache->path, bytes, "%s/mvad-%016" PRIx64 "-%" PRIu64 ".cache", folder,
             cache->header.key, cache->header.side);
    return MVAD_OK;
}

/* Whether the file's header and table are whole and of these sources. Takes over the checksums. */
static bool take_table(struct image_cache *cache, int file)
{
    const size_t views = (size_t)cache->header.views;
    const size_t bytes = views * sizeof *cache->entries;
    struct image_cache found = {.entries = malloc(bytes + 1)};
    struct stat info;
    bool same = found.entries && fstat(file, &info) == 0 && S_ISREG(info.st_mode) &&
                (uint64_t)info.st_size == cache->header.bytes &&
                file_read_at(file, &found.header, sizeof found.header, 0);
    if (same) {
        cache->header.checksum = found.header.checksum;
        same = memcmp(&found.header, &cache->header, sizeof found.header) == 0 &&
               file_read_at(file, found.entries, bytes, sizeof found.header) &&
               cache_checksum(&found) == found.header.checksum;
    }
    for (size_t i = 0; i < views && same; i++)
        same = found.entries[i].image == cache->entries[i].image &&
               found.entries[i].mask == cache->entries[i].mask &&
               found.entries[i].offset == cache->entries[i].offset;
    if (same) memcpy(cache->entries, found.entries, bytes);
    free(found.entries);
    return same;
}

static bool open_file(struct image_cache *cache)
{
    /* Without O_NONBLOCK, a named pipe would wait for a writer. */
    int file = open(cache->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return false;
    if (take_table(cache, file)) {
        cache->file = file;
        return true;
    }
    close(file);
    log_write(MVAD_LOG_WARNING,
              "%s: is not used: it was made from other files or by another version, or is damaged",
              file_label(cache->path));
    return false;
}

static mvad_status open_or_build(struct image_cache *cache, const struct dataset *dataset,
                                 const mvad_cache_options *options, bool *built, mvad_error *error)
{
    struct cache_sources sources;
    mvad_status status = cache_sources_look(dataset, cache->entries, &sources, error);
    if (!status) status = lay_out(cache, dataset, options->image_size, sources.key, error);
    if (!status) status = make_path(cache, options->folder, error);
    if (status || open_file(cache)) return status;

    *built = true;
    log_write(MVAD_LOG_INFO, "%s: is made from %zu images", file_label(cache->path),
              dataset->view_count);
    if (mkdir(options->folder, 0777) && errno != EEXIST)
        return file_error(options->folder, "cannot create the folder", error);
    file_remove_leftovers(options->folder);
    return cache_build(dataset, options, sources.newest_nsec, cache, error);
}

mvad_status image_cache_open(const struct dataset *dataset, const mvad_cache_options *options,
                             struct image_cache **cache, bool *built, mvad_error *error)
{
    *cache = NULL;
    *built = false;
    struct image_cache *opened = calloc(1, sizeof *opened);
    if (!opened) return error_out_of_memory(error, "image cache", sizeof *opened);
    opened->file = -1;
    opened->entries = calloc(dataset->view_count + 1, sizeof *opened->entries);
    mvad_status status = opened->entries
                             ? open_or_build(opened, dataset, options, built, error)
                             : error_out_of_memory(error, "image cache",
                                                   dataset->view_count * sizeof *opened->entries);
    if (status || opened->file < 0) {
        image_cache_close(opened);
        *built = false;
        return status;
    }
    *cache = opened;
    return MVAD_OK;
}

bool image_cache_has_size(const struct image_cache *cache, int32_t image_size)
{
    return cache && cache->header.side == (uint64_t)image_size;
}

/* The checksum is taken of the very bytes that are handed out. */
static bool read_block(struct image_cache *cache, uint8_t *block, size_t bytes, uint64_t offset,
                       uint64_t checksum)
{
    if (file_read_at(cache->file, block, bytes, offset) &&
        checksum_bytes(0, block, bytes) == checksum)
        return true;
    if (!atomic_exchange(&cache->damaged, true))
        log_write(MVAD_LOG_WARNING,
                  "%s: is damaged: what it cannot give comes from the images, and it is removed",
                  file_label(cache->path));
    return false;
}

bool image_cache_read_pixels(struct image_cache *cache, size_t place, uint8_t *pixels)
{
    const struct cache_entry *entry = &cache->entries[place];
    if (!(entry->has & CACHE_HAS_PIXELS)) return false;
    return read_block(cache, pixels, pixel_bytes(cache), entry->offset, entry->pixels_sum);
}

bool image_cache_read_marks(struct image_cache *cache, size_t place, uint8_t *marks)
{
    const struct cache_entry *entry = &cache->entries[place];
    if (!(entry->has & CACHE_HAS_MARKS)) return false;
    return read_block(cache, marks, pixel_bytes(cache) / 3, entry->offset + pixel_bytes(cache),
                      entry->marks_sum);
}

/* Not one that another process has put in its place. */
static void remove_damaged(const struct image_cache *cache)
{
    struct stat ours, theirs;
    if (fstat(cache->file, &ours) == 0 && stat(cache->path, &theirs) == 0 &&
        ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
        unlink(cache->path);
}

void image_cache_close(struct image_cache *cache)
{
    if (!cache) return;
    if (cache->file >= 0) {
        if (atomic_load(&cache->damaged)) remove_damaged(cache);
        close(cache->file);
    }
    free(cache->path);
    free(cache->entries);
    free(cache);
}
