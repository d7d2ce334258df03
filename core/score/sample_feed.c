#include "core/score/sample_feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/thread.h"
#include "core/data/image.h"

/* What the thread fills; nobody else touches it while `loading`. */
struct slot {
    size_t first, count, views;
    float *images;
    uint8_t *marks;                /* NULL where nobody wants them */
    struct sample_extent *extents; /* likewise */
    double seconds;
    struct load_times times;
    mvad_status status;
    mvad_error error;
};

struct sample_feed {
    const struct dataset *dataset;
    struct sample_feed_options options;
    size_t max_views, total;
    size_t next;                  /* sample from which on nothing is loaded yet */
    struct slot slots[2], *ahead; /* `ahead` is loaded next, the other is the caller's */
    pthread_t thread;             /* fills *ahead */
    bool loading;                 /* the thread runs or waits to be joined */
};

static bool is_wanted(const struct sample_feed *feed, size_t sample)
{
    return feed->options.take ? feed->options.take[sample]
                              : feed->dataset->samples[sample].split == DATASET_TEST;
}

static mvad_status check_views(const struct sample_feed *feed, size_t sample, mvad_error *error)
{
    const struct dataset_sample *part = &feed->dataset->samples[sample];
    if (part->view_count <= MVAD_MAX_VIEWS) return MVAD_OK;
    return error_set(error, MVAD_ERROR_FORMAT, "%.100s, sample %.200s: %zu views; at most %d",
                     feed->dataset->classes[part->class_index].name, part->name, part->view_count,
                     MVAD_MAX_VIEWS);
}

static mvad_status load_one(const struct sample_feed *feed, struct slot *slot, size_t i)
{
    const struct dataset_view *views =
        &feed->dataset->views[feed->dataset->samples[slot->first + i].first_view];
    const int32_t size = feed->options.image_size;
    const size_t pixels = (size_t)size * (size_t)size, first = i * slot->views;
    mvad_status status = check_views(feed, slot->first + i, &slot->error);
    if (!status)
        status = load_sample_timed(
            feed->dataset, slot->first + i, size, slot->images + first * 3 * pixels,
            slot->marks ? slot->marks + first * pixels : NULL, &slot->times, &slot->error);
    for (size_t v = 0; slot->extents && v < slot->views && !status; v++)
        status = image_measure(views[v].image, &slot->extents[first + v].width,
                               &slot->extents[first + v].height, &slot->error);
    return status;
}

static void *load(void *user)
{
    struct sample_feed *feed = user;
    struct slot *slot = feed->ahead;
    const double begin = clock_seconds();
    slot->status = MVAD_OK;
    slot->times = (struct load_times){0};
    for (size_t i = 0; i < slot->count && !slot->status; i++)
        slot->status = load_one(feed, slot, i);
    slot->seconds = clock_seconds() - begin;
    return NULL;
}

/* The samples that go into *ahead: neighbours in the index of one class and number of views. */
static void choose(struct sample_feed *feed)
{
    const struct dataset *dataset = feed->dataset;
    size_t i = feed->next, count = 0;
    while (i < dataset->sample_count && !is_wanted(feed, i)) i++;
    const struct dataset_sample *first = &dataset->samples[i];
    while (i + count < dataset->sample_count && count < feed->options.per_run &&
           is_wanted(feed, i + count) && first[count].class_index == first->class_index &&
           first[count].view_count == first->view_count)
        count++;
    feed->ahead->first = i;
    feed->ahead->count = count;
    feed->ahead->views = count ? first->view_count : 0;
    feed->next = i + count;
}

/* A thread for each batch: starting one costs nothing beside a run of the network, and nothing is
 * left to be told or stopped in between. */
static mvad_status load_ahead(struct sample_feed *feed, mvad_error *error)
{
    choose(feed);
    feed->loading = feed->ahead->count > 0 && thread_start(&feed->thread, load, feed) == 0;
    if (feed->ahead->count > 0 && !feed->loading)
        return error_set(error, MVAD_ERROR_OUT_OF_MEMORY, "cannot start a thread to load images");
    return MVAD_OK;
}

static void join(struct sample_feed *feed)
{
    if (feed->loading) pthread_join(feed->thread, NULL);
    feed->loading = false;
}

static mvad_status measure(struct sample_feed *feed, mvad_error *error)
{
    const struct dataset *dataset = feed->dataset;
    for (size_t i = 0; i < dataset->sample_count; i++) {
        if (!is_wanted(feed, i)) continue;
        feed->total++;
        if (check_views(feed, i, error)) {
            if (!feed->options.keep_going) return MVAD_ERROR_FORMAT;
            continue;
        }
        if (dataset->samples[i].view_count > feed->max_views)
            feed->max_views = dataset->samples[i].view_count;
    }
    if (!feed->total) return error_set(error, MVAD_ERROR_FORMAT, "there are no test samples");
    if (!feed->max_views) feed->max_views = 1; /* none can be loaded: still something to allocate */
    return MVAD_OK;
}

static mvad_status allocate(struct sample_feed *feed, mvad_error *error)
{
    const struct sample_feed_options *options = &feed->options;
    const size_t pixels = (size_t)options->image_size * (size_t)options->image_size;
    size_t all = 0;
    bool fits = size_multiply(pixels * feed->max_views, options->per_run, &all) &&
                all <= SIZE_MAX / (3 * sizeof(float));
    for (int i = 0; i < 2 && fits; i++) {
        struct slot *slot = &feed->slots[i];
        slot->images = memory_allocate(all * 3 * sizeof *slot->images);
        if (options->marks) slot->marks = memory_allocate(all);
        if (options->extents)
            slot->extents = calloc(feed->max_views * options->per_run + 1, sizeof *slot->extents);
        fits = slot->images && (slot->marks || !options->marks) &&
               (slot->extents || !options->extents);
        /* What a short batch leaves over goes through the network too and must be numbers. */
        if (fits && options->per_run > 1) memset(slot->images, 0, all * 3 * sizeof *slot->images);
    }
    return fits ? MVAD_OK : error_out_of_memory(error, "images", all);
}

mvad_status sample_feed_create(const struct dataset *dataset,
                               const struct sample_feed_options *options, struct sample_feed **feed,
                               mvad_error *error)
{
    *feed = NULL;
    struct sample_feed *created = calloc(1, sizeof *created);
    if (!created) return error_out_of_memory(error, "samples", sizeof *created);
    created->dataset = dataset;
    created->options = *options;
    created->ahead = &created->slots[0];
    mvad_status status = measure(created, error);
    if (!status) status = allocate(created, error);
    if (!status && !options->in_turn) status = load_ahead(created, error);
    if (status)
        sample_feed_destroy(created);
    else
        *feed = created;
    return status;
}

mvad_status sample_feed_next(struct sample_feed *feed, struct sample_batch *batch, mvad_error *error)
{
    struct slot *loaded = feed->ahead;
    if (feed->options.in_turn) {
        choose(feed);
        load(feed);
    }
    join(feed);
    const bool failed = loaded->count && loaded->status;
    if (failed && !feed->options.keep_going)
        return error_set(error, loaded->status, "%s", loaded->error.message);
    *batch = (struct sample_batch){.first = loaded->first,
                                   .count = loaded->count,
                                   .views = loaded->views,
                                   .images = loaded->images,
                                   .marks = loaded->marks,
                                   .extents = loaded->extents,
                                   .fault = failed ? loaded->error.message : NULL,
                                   .seconds = loaded->seconds,
                                   .times = loaded->times};
    if (!loaded->count) return MVAD_OK;
    feed->ahead = &feed->slots[loaded == feed->slots];
    return feed->options.in_turn ? MVAD_OK : load_ahead(feed, error);
}

size_t sample_feed_max_views(const struct sample_feed *feed)
{
    return feed->max_views;
}

size_t sample_feed_total(const struct sample_feed *feed)
{
    return feed->total;
}

void sample_feed_destroy(struct sample_feed *feed)
{
    if (!feed) return;
    join(feed);
    for (int i = 0; i < 2; i++) {
        free(feed->slots[i].images);
        free(feed->slots[i].marks);
        free(feed->slots[i].extents);
    }
    free(feed);
}
