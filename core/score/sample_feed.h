/* The test samples of a data set as the network takes them, loaded by a thread while the caller
 * works on the ones before.
 *
 *     struct sample_feed *feed;
 *     struct sample_batch batch;
 *     status = sample_feed_create(&dataset, 256, 1, &feed, error);
 *     while (!status && !(status = sample_feed_next(feed, &batch, error)) && batch.count)
 *         ... batch.images, batch.marks ...
 *     sample_feed_destroy(feed);
 *
 * Memory: two batches of per_run samples of as many views as any sample has. */
#ifndef SCORE_SAMPLE_FEED_H
#define SCORE_SAMPLE_FEED_H

#include "core/data/dataset.h"

/* Samples first .. first + count - 1 of the data set, of the same class and number of views. */
struct sample_batch {
    size_t first, count; /* count 0: there are no more */
    size_t views;
    const float *images;  /* (per_run * views, 3, S, S), normalised; finite also behind `count` */
    const uint8_t *marks; /* (count * views, S, S): 1 where a mask says anomalous */
};

struct sample_feed;

/* The data set outlives the feed. MVAD_ERROR_FORMAT for a sample of more than MVAD_MAX_VIEWS views,
 * or where there is no test sample; MVAD_ERROR_OUT_OF_MEMORY. */
mvad_status sample_feed_create(const struct dataset *dataset, int32_t image_size, size_t per_run,
                               struct sample_feed **feed, mvad_error *error);

/* The next samples of the test split in the order of the index; valid until the next call. Fails as
 * load_sample does, or with MVAD_ERROR_OUT_OF_MEMORY where no thread can be started; then the feed
 * is only to be destroyed. */
mvad_status sample_feed_next(struct sample_feed *feed, struct sample_batch *batch,
                             mvad_error *error);

/* The most views of any test sample. */
size_t sample_feed_max_views(const struct sample_feed *feed);

/* The number of test samples. */
size_t sample_feed_total(const struct sample_feed *feed);

/* Waits for the thread. Accepts NULL. */
void sample_feed_destroy(struct sample_feed *feed);

#endif
