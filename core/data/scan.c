#include "core/data/scan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/data/image.h"

#define MAX_THREADS 64
#define BUDGET ((size_t)1 << 30) /* bytes decoded at a time, by all threads */
/* Decoding a pixel holds its 3 bytes, and at worst as many again unpacked and turned. */
#define BYTES_PER_PIXEL 12
#define PROGRESS_STEP 16 /* views */

struct scan {
    const struct dataset *dataset;
    const struct dataset_check_options *options;
    struct scan_result *results;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t released;
    size_t next, done; /* views */
    size_t held;       /* bytes of the budget */
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

static void scan_view(struct scan *scan, size_t index)
{
    const struct dataset_view *view = &scan->dataset->views[index];
    struct scan_result *result = &scan->results[index];
    struct image image;

    result->image_status = decode(scan, view->image, false, &image, &result->image_message);
    result->width = image.width;
    result->height = image.height;
    image_free(&image);
    if (!view->mask) return;

    result->mask_status = decode(scan, view->mask, true, &image, &result->mask_message);
    result->mask_width = image.width;
    result->mask_height = image.height;
    result->mask_empty =
        image.pixels && !memchr(image.pixels, 255, (size_t)image.width * (size_t)image.height);
    image_free(&image);
}

static void *work(void *user)
{
    struct scan *scan = user;
    size_t total = scan->dataset->view_count;
    for (;;) {
        pthread_mutex_lock(&scan->lock);
        size_t index = scan->out_of_memory ? total : scan->next++;
        pthread_mutex_unlock(&scan->lock);
        if (index >= total) return NULL;
        scan_view(scan, index);

        pthread_mutex_lock(&scan->lock);
        size_t done = ++scan->done;
        if (scan->options->progress && (done % PROGRESS_STEP == 0 || done == total))
            scan->options->progress(done, total, scan->options->user);
        pthread_mutex_unlock(&scan->lock);
    }
}

mvad_status scan_views(const struct dataset *dataset, const struct dataset_check_options *options,
                       struct scan_result *results, mvad_error *error)
{
    struct scan scan = {.dataset = dataset, .options = options, .results = results};
    pthread_t threads[MAX_THREADS];
    long wanted = options->threads > 0 ? options->threads : sysconf(_SC_NPROCESSORS_ONLN);
    long started = 0;
    if (wanted > MAX_THREADS) wanted = MAX_THREADS;
    pthread_mutex_init(&scan.lock, NULL);
    pthread_cond_init(&scan.released, NULL);

    /* This thread works too, so that it gets done where no other can be started. */
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, work, &scan) == 0)
        started++;
    work(&scan);
    for (long i = 0; i < started; i++) pthread_join(threads[i], NULL);

    pthread_cond_destroy(&scan.released);
    pthread_mutex_destroy(&scan.lock);
    return scan.out_of_memory ? error_out_of_memory(error, "data check", sizeof(mvad_error))
                              : MVAD_OK;
}
