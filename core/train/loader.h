/* Batches of images, read ahead by a thread of its own.
 *
 *     struct loader *loader;
 *     status = loader_create(&options, &loader, error);
 *     for (int64_t step = options.first_step; step < options.steps; step++) {
 *         const float *images;
 *         status = loader_next(loader, &images, error);
 *         ... images[0 .. batch * views * 3 * S * S) ...
 *     }
 *     loader_destroy(loader);
 */
#ifndef TRAIN_LOADER_H
#define TRAIN_LOADER_H

#include "core/train/training_set.h"

#define LOADER_BATCHES 3 /* in memory, the one in use among them */
#define LOADER_CACHE_BYTES \
    ((size_t)1 << 29) /* a set of at most so many, without a cache file, is decoded only once */

struct loader_options {
    const struct training_set *set; /* outlives the loader */
    int32_t batch, image_size;
    uint64_t seed;             /* of the shuffles */
    int64_t first_step, steps; /* counted from 0; the batches of the steps in between are loaded */
    int64_t steps_per_epoch;
};

struct loader;

/* Starts loading. Step k has batch k % steps_per_epoch of the shuffle of epoch k / steps_per_epoch,
 * whatever the first step was. Needs three batches of memory, and where the set fits the cache, its
 * S x S x 3 bytes an image. */
mvad_status loader_create(const struct loader_options *options, struct loader **loader,
                          mvad_error *error);

/* Waits for the next batch, normalised, NCHW, views of a sample consecutive; owned by the loader
 * and valid until the next call. An image that could not be loaded is reported at its batch, with the
 * errors of load_view. MVAD_ERROR_INVALID_ARGUMENT beyond the last step. */
mvad_status loader_next(struct loader *loader, const float **images, mvad_error *error);

/* Stops the thread, at the latest after the image at hand. Accepts NULL. */
void loader_destroy(struct loader *loader);

#endif
