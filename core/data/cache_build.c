/* Decodes all sources of a data set into the file of its cache. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/checksum.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/data/cache_file.h"
#include "core/data/load.h"
#include "core/data/parallel.h"

/* Longer than a tick of the clock that a file's times are taken from. */
#define TICK_NSEC 50000000

struct build {
    const struct dataset *dataset;
    struct image_cache *cache;
    int file;
    pthread_mutex_t lock; /* of all below */
    mvad_status status;   /* the first failure */
    mvad_error error;
};

/* A change within the tick of the one before leaves the times as they were; one that comes after the
 * tick is seen, so decoding waits for its end. A time to come is some other machine's, and waits no
 * longer. */
static void wait_for_clock(int64_t newest_nsec)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t age = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - newest_nsec;
    if (age < -TICK_NSEC || age >= TICK_NSEC) return;
    const struct timespec tick = {0, TICK_NSEC};
    nanosleep(&tick, NULL);
}

static bool fail(struct build *build, const mvad_error *error)
{
    pthread_mutex_lock(&build->lock);
    if (!build->status) {
        build->status = error->status;
        build->error = *error;
    }
    pthread_mutex_unlock(&build->lock);
    return false;
}

static bool write_block(struct build *build, const uint8_t *block, size_t bytes, uint64_t offset)
{
    mvad_error error;
    if (file_write_at(build->file, block, bytes, offset)) return true;
    file_error(build->cache->path, "cannot write", &error);
    return fail(build, &error);
}

/* A source that cannot be decoded is no failure of the cache: it has no block. Want of memory may be
 * over the next time, and is not remembered. */
static bool add_view(size_t index, void *user)
{
    struct build *build = user;
    const struct dataset_view *view = &build->dataset->views[index];
    struct cache_entry *entry = &build->cache->entries[index];
    const int32_t side = (int32_t)build->cache->header.side;
    const size_t marks_bytes = (size_t)side * (size_t)side, pixels_bytes = 3 * marks_bytes;
    mvad_error error;
    mvad_status image = MVAD_OK, mask = MVAD_OK;
    bool written = true;
    uint8_t *pixels = malloc(pixels_bytes + marks_bytes), *marks;
    if (!pixels) {
        error_out_of_memory(&error, "image cache", pixels_bytes + marks_bytes);
        return fail(build, &error);
    }
    marks = pixels + pixels_bytes;

    image = load_image(view->image, side, pixels, &error);
    if (image != MVAD_ERROR_OUT_OF_MEMORY && view->mask)
        mask = load_mask(view->mask, side, marks, &error);
    if (image == MVAD_ERROR_OUT_OF_MEMORY || mask == MVAD_ERROR_OUT_OF_MEMORY) {
        free(pixels);
        return fail(build, &error);
    }
    if (image || mask)
        log_write(MVAD_LOG_WARNING, "%s: has no place for this one: %s",
                  file_label(build->cache->path), error.message);
    /* What changed meanwhile may be half of the one and half of the other. */
    if (!image && cache_source_identity(view->image, NULL) == entry->image) {
        entry->has |= CACHE_HAS_PIXELS;
        entry->pixels_sum = checksum_bytes(0, pixels, pixels_bytes);
        written = write_block(build, pixels, pixels_bytes, entry->offset);
    }
    if (written && view->mask && !mask && cache_source_identity(view->mask, NULL) == entry->mask) {
        entry->has |= CACHE_HAS_MARKS;
        entry->marks_sum = checksum_bytes(0, marks, marks_bytes);
        written = write_block(build, marks, marks_bytes, entry->offset + pixels_bytes);
    }
    free(pixels);
    return written;
}

static mvad_status add_views(const struct dataset *dataset, const mvad_cache_options *options,
                             struct image_cache *cache, int file, bool *stopped, mvad_error *error)
{
    struct build build = {.dataset = dataset, .cache = cache, .file = file};
    const struct parallel_job job = {.count = dataset->view_count,
                                     .threads = options->threads,
                                     .work = add_view,
                                     .user = &build,
                                     .progress = options->progress,
                                     .progress_user = options->user};
    pthread_mutex_init(&build.lock, NULL);
    *stopped = !parallel_run(&job);
    pthread_mutex_destroy(&build.lock);
    if (build.status) return error_set(error, build.status, "%s", build.error.message);
    if (*stopped) return MVAD_OK;

    cache->header.checksum = cache_checksum(cache);
    if (!file_write_at(file, &cache->header, sizeof cache->header, 0) ||
        !file_write_at(file, cache->entries, dataset->view_count * sizeof *cache->entries,
                       sizeof cache->header))
        return file_error(cache->path, "cannot write", error);
    return MVAD_OK;
}

/* A full disk is known before hours of decoding. */
static mvad_status reserve(const struct image_cache *cache, int file, mvad_error *error)
{
    char what[64];
    int failed;
    while ((failed = posix_fallocate(file, 0, (off_t)cache->header.bytes)) == EINTR) {}
    if (!failed) return MVAD_OK;
    snprintf(what, sizeof what, "cannot make room for its %.1f MB",
             1e-6 * (double)cache->header.bytes);
    errno = failed;
    return file_error(cache->path, what, error);
}

mvad_status cache_build(const struct dataset *dataset, const mvad_cache_options *options,
                        int64_t newest_nsec, struct image_cache *cache, mvad_error *error)
{
    struct file_replacement replacement;
    int file = -1;
    bool stopped = false;
    mvad_status status = file_replacement_begin(cache->path, &replacement, error);
    if (!status) status = reserve(cache, replacement.file, error);
    if (!status) {
        wait_for_clock(newest_nsec);
        status = add_views(dataset, options, cache, replacement.file, &stopped, error);
    }
    /* Read from this one, whatever another process puts in its place. */
    if (!status && !stopped && (file = fcntl(replacement.file, F_DUPFD_CLOEXEC, 0)) < 0)
        status = file_error(cache->path, "cannot open", error);
    if (!status && !stopped) status = file_replacement_commit(&replacement, error);
    file_replacement_end(&replacement);
    if (!status)
        cache->file = file;
    else if (file >= 0)
        close(file);
    return status;
}
