#include "core/train/loader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/thread.h"
#include "core/data/cache.h"
#include "core/data/load.h"
#include "core/train/shuffle.h"

struct loader {
    struct loader_options options;
    size_t image_floats; /* 3 * S * S */
    float *slots[LOADER_BATCHES];

    /* The thread's own. */
    size_t *order;   /* the running epoch's */
    uint8_t *pixels; /* the cache, an image of every view; or one image */
    bool *cached;    /* which images the cache holds; NULL without a cache */

    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    int64_t produced, consumed; /* batches since the start */
    bool in_use;                /* the caller has batch `consumed` */
    bool stop;
    mvad_status status; /* why the thread ended before the last batch */
    mvad_error error;
};

static bool stopped(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    bool stop = loader->stop;
    pthread_mutex_unlock(&loader->lock);
    return stop;
}

/* The 8-bit pixels of a view of the position-th training sample, decoded or from the cache. */
static mvad_status get_pixels(struct loader *loader, size_t position, size_t view,
                              const uint8_t **pixels, mvad_error *error)
{
    const struct training_set *set = loader->options.set;
    const struct dataset_sample *sample = &set->dataset->samples[set->samples[position]];
    const size_t index = position * (size_t)set->views + view;
    uint8_t *place = loader->pixels + (loader->cached ? index * loader->image_floats : 0);
    *pixels = place;
    if (loader->cached && loader->cached[index]) return MVAD_OK;
    mvad_status status = load_view(set->dataset, sample->first_view + view,
                                   loader->options.image_size, place, NULL, error);
    if (!status && loader->cached) loader->cached[index] = true;
    return status;
}

static mvad_status fill_batch(struct loader *loader, int64_t step, float *images, mvad_error *error)
{
    const struct loader_options *options = &loader->options;
    const size_t views = (size_t)options->set->views, batch = (size_t)options->batch;
    const int64_t epoch = step / options->steps_per_epoch, at = step % options->steps_per_epoch;
    if (at == 0 || step == options->first_step)
        shuffle_order(options->seed, (uint32_t)epoch, loader->order, options->set->count);
    for (size_t i = 0; i < batch * views; i++) {
        const size_t position = loader->order[(size_t)at * batch + i / views];
        const uint8_t *pixels;
        if (stopped(loader)) return MVAD_OK;
        mvad_status status = get_pixels(loader, position, i % views, &pixels, error);
        if (status) return status;
        load_normalize(pixels, options->image_size, images + i * loader->image_floats);
    }
    return MVAD_OK;
}

static void *load_all(void *argument)
{
    struct loader *loader = argument;
    const int64_t count = loader->options.steps - loader->options.first_step;
    for (int64_t i = 0; i < count; i++) {
        pthread_mutex_lock(&loader->lock);
        while (!loader->stop && i - loader->consumed == LOADER_BATCHES)
            pthread_cond_wait(&loader->changed, &loader->lock);
        bool stop = loader->stop;
        pthread_mutex_unlock(&loader->lock);
        if (stop) break;

        mvad_error error;
        mvad_status status = fill_batch(loader, loader->options.first_step + i,
                                        loader->slots[i % LOADER_BATCHES], &error);
        pthread_mutex_lock(&loader->lock);
        if (status) {
            loader->status = status;
            loader->error = error;
        } else {
            loader->produced++;
        }
        pthread_cond_signal(&loader->changed);
        pthread_mutex_unlock(&loader->lock);
        if (status) break;
    }
    return NULL;
}

static mvad_status allocate(struct loader *loader, mvad_error *error)
{
    const struct loader_options *options = &loader->options;
    const size_t side = (size_t)options->image_size, views = (size_t)options->set->views;
    const size_t images = options->set->count * views, bytes = 3 * side * side;
    size_t batch_bytes, cache_bytes;
    loader->image_floats = bytes;
    if (!size_multiply((size_t)options->batch * views, bytes * sizeof(float), &batch_bytes))
        return error_out_of_memory(error, "batch of images", SIZE_MAX);
    for (int i = 0; i < LOADER_BATCHES; i++)
        if (!(loader->slots[i] = memory_allocate(batch_bytes)))
            return error_out_of_memory(error, "batches of images", batch_bytes);
    loader->order = malloc(options->set->count * sizeof *loader->order);
    /* What a cache file holds is in the system's memory already, or not worth being there. */
    if (!image_cache_has_size(options->set->dataset->cache, options->image_size) &&
        size_multiply(images, bytes, &cache_bytes) && cache_bytes <= LOADER_CACHE_BYTES) {
        loader->cached = calloc(images, sizeof *loader->cached);
        if (loader->cached && !(loader->pixels = malloc(cache_bytes))) {
            free(loader->cached); /* it works without, only slower */
            loader->cached = NULL;
        }
    }
    if (!loader->pixels) loader->pixels = malloc(bytes);
    if (!loader->order || !loader->pixels) return error_out_of_memory(error, "loader", bytes);
    return MVAD_OK;
}

static mvad_status start(struct loader *loader, mvad_error *error)
{
    const int failed = thread_start(&loader->thread, load_all, loader);
    if (failed)
        return error_set(error, MVAD_ERROR_OUT_OF_MEMORY, "cannot start a thread: %s",
                         strerror(failed));
    loader->started = true;
    return MVAD_OK;
}

mvad_status loader_create(const struct loader_options *options, struct loader **loader,
                          mvad_error *error)
{
    *loader = NULL;
    struct loader *l = calloc(1, sizeof *l);
    if (!l) return error_out_of_memory(error, "loader", sizeof *l);
    l->options = *options;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    mvad_status status = allocate(l, error);
    if (!status) status = start(l, error);
    if (status) {
        loader_destroy(l);
        return status;
    }
    *loader = l;
    return MVAD_OK;
}

mvad_status loader_next(struct loader *loader, const float **images, mvad_error *error)
{
    *images = NULL;
    mvad_status status = MVAD_OK;
    pthread_mutex_lock(&loader->lock);
    if (loader->in_use) {
        loader->consumed++;
        loader->in_use = false;
        pthread_cond_signal(&loader->changed);
    }
    if (loader->consumed == loader->options.steps - loader->options.first_step) {
        status = error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "no batch after the last step");
        goto cleanup;
    }
    while (loader->produced == loader->consumed && !loader->status)
        pthread_cond_wait(&loader->changed, &loader->lock);
    if (loader->produced > loader->consumed) {
        loader->in_use = true;
        *images = loader->slots[loader->consumed % LOADER_BATCHES];
    } else {
        status = loader->status;
        if (error) *error = loader->error;
    }

cleanup:
    pthread_mutex_unlock(&loader->lock);
    return status;
}

void loader_destroy(struct loader *loader)
{
    if (!loader) return;
    if (loader->started) {
        pthread_mutex_lock(&loader->lock);
        loader->stop = true;
        pthread_cond_signal(&loader->changed);
        pthread_mutex_unlock(&loader->lock);
        pthread_join(loader->thread, NULL);
    }
    pthread_cond_destroy(&loader->changed);
    pthread_mutex_destroy(&loader->lock);
    for (int i = 0; i < LOADER_BATCHES; i++) free(loader->slots[i]);
    free(loader->order);
    free(loader->pixels);
    free(loader->cached);
    free(loader);
}
