/* Samples of a data set as the network takes them, loaded by a thread while the caller works on the
 * ones before.
 *
 *     struct sample_feed_options options = {.image_size = 256, .per_run = 1, .marks = true};
 *     struct sample_feed *feed;
 *     struct sample_batch batch;
 *     status = sample_feed_create(&dataset, &options, &feed, error);
 *     while (!status && !(status = sample_feed_next(feed, &batch, error)) && batch.count)
 *         ... batch.images, batch.marks ...
 *     sample_feed_destroy(feed);
 *
 * Memory: two batches of per_run samples of as many views as any sample has. */
#ifndef SCORE_SAMPLE_FEED_H
#define SCORE_SAMPLE_FEED_H

#include "core/data/dataset.h"
#include "core/data/load.h"

struct sample_feed_options {
    int32_t image_size;
    size_t per_run; /* samples of a batch, at most */
    const bool *take; /* whether sample i is wanted; outlives the feed. NULL: those of the test split */
    bool marks;       /* read the masks too */
    bool extents;     /* measure the photographs too */
    bool in_turn;     /* load in sample_feed_next, not while the caller works on the batch before */
    bool keep_going; /* a sample that cannot be loaded is a batch with a fault, and not the end */
};

/* A photograph's size in pixels, upright. */
struct sample_extent {
    int32_t width, height;
};

/* Samples first .. first + count - 1 of the data set, of the same class and number of views. */
struct sample_batch {
    size_t first, count; /* count 0: there are no more */
    size_t views;
    const float *images;  /* (per_run * views, 3, S, S), normalised; finite also behind `count` */
    const uint8_t *marks; /* (count * views, S, S): 1 where a mask says anomalous; NULL without */
    const struct sample_extent *extents; /* count * views; NULL without */
    const char *fault;       /* why the samples could not be loaded, one line; NULL: they were */
    double seconds;          /* that loading took */
    struct load_times times; /* the parts of it that are known */
};

struct sample_feed;

/* The data set outlives the feed. MVAD_ERROR_FORMAT where no sample is wanted, or, unless it is to
 * keep going, for one of more than MVAD_MAX_VIEWS views; MVAD_ERROR_OUT_OF_MEMORY. */
mvad_status sample_feed_create(const struct dataset *dataset,
                               const struct sample_feed_options *options, struct sample_feed **feed,
                               mvad_error *error);

/* The next samples in the order of the index; valid until the next call. Fails as load_sample does,
 * unless it is to keep going, or with MVAD_ERROR_OUT_OF_MEMORY where no thread can be started; then
 * the feed is only to be destroyed. */
mvad_status sample_feed_next(struct sample_feed *feed, struct sample_batch *batch,
                             mvad_error *error);

/* The most views of any sample wanted that does not have too many. */
size_t sample_feed_max_views(const struct sample_feed *feed);

/* The number of samples wanted. */
size_t sample_feed_total(const struct sample_feed *feed);

/* Waits for the thread. Accepts NULL. */
void sample_feed_destroy(struct sample_feed *feed);

#endif
