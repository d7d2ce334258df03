#include "core/data/scan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/data/image.h"
#include "core/data/parallel.h"

#define BUDGET ((size_t)1 << 30) /* bytes decoded at a time, by all threads */
/* Decoding a pixel holds its 3 bytes, and at worst as many again unpacked and turned. */
#define BYTES_PER_PIXEL 12

struct scan {
    const struct dataset *dataset;
    struct scan_result *results;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t released;
    size_t held; /* bytes of the budget */
    bool out_of_memory;
};

/* Waits until the budget has room for an image of so many bytes; one that is larger than the whole
 * budget waits until it is alone. */
static void acquire(struct scan *scan, size_t bytes)
{
    pthread_mutex_lock(&scan->lock);
    while (scan->held > 0 && (bytes > BUDGET || scan->held > BUDGET - bytes))
        pthread_cond_wait(&scan->released, &scan->lock);
    scan->held += bytes;
    pthread_mutex_unlock(&scan->lock);
}

static void release(struct scan *scan, size_t bytes)
{
    pthread_mutex_lock(&scan->lock);
    scan->held -= bytes;
    pthread_cond_broadcast(&scan->released);
    pthread_mutex_unlock(&scan->lock);
}

/* Decodes one file within the budget. On failure *message says why, in memory of its own. */
static mvad_status decode(struct scan *scan, const char *path, bool is_mask, struct image *image,
                          char **message)
{
    mvad_error error;
    int32_t width, height;
    *image = (struct image){0};
    mvad_status status = image_measure(path, &width, &height, &error);
    if (!status) {
        size_t bytes = (size_t)width * (size_t)height * BYTES_PER_PIXEL;
        acquire(scan, bytes);
        status = is_mask ? image_load_mask(path, image, &error) : image_load(path, image, &error);
        if (!is_mask) { /* only its size is of interest */
            free(image->pixels);
            image->pixels = NULL;
        }
        release(scan, bytes);
    }
    if (status && !(*message = memory_copy_string(error.message))) {
        pthread_mutex_lock(&scan->lock);
        scan->out_of_memory = true;
        pthread_mutex_unlock(&scan->lock);
    }
    return status;
}

static bool out_of_memory(struct scan *scan)
{
    pthread_mutex_lock(&scan->lock);
    const bool is_out = scan->out_of_memory;
    pthread_mutex_unlock(&scan->lock);
    return is_out;
}

static bool scan_view(size_t index, void *user)
{
    struct scan *scan = user;
    const struct dataset_view *view = &scan->dataset->views[index];
    struct scan_result *result = &scan->results[index];
    struct image image;

    result->image_status = decode(scan, view->image, false, &image, &result->image_message);
    result->width = image.width;
    result->height = image.height;
    image_free(&image);
    if (!view->mask) return !out_of_memory(scan);

    result->mask_status = decode(scan, view->mask, true, &image, &result->mask_message);
    result->mask_width = image.width;
    result->mask_height = image.height;
    result->mask_empty =
        image.pixels && !memchr(image.pixels, 255, (size_t)image.width * (size_t)image.height);
    image_free(&image);
    return !out_of_memory(scan);
}

mvad_status scan_views(const struct dataset *dataset, const struct dataset_check_options *options,
                       struct scan_result *results, bool *stopped, mvad_error *error)
{
    struct scan scan = {.dataset = dataset, .results = results};
    const struct parallel_job job = {.count = dataset->view_count,
                                     .threads = options->threads,
                                     .work = scan_view,
                                     .user = &scan,
                                     .progress = options->progress,
                                     .progress_user = options->user};
    pthread_mutex_init(&scan.lock, NULL);
    pthread_cond_init(&scan.released, NULL);
    *stopped = !parallel_run(&job);
    pthread_cond_destroy(&scan.released);
    pthread_mutex_destroy(&scan.lock);
    return scan.out_of_memory ? error_out_of_memory(error, "data check", sizeof(mvad_error))
                              : MVAD_OK;
}
