/* The same work on many things, by several threads. */
#ifndef DATA_PARALLEL_H
#define DATA_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct parallel_job {
    size_t count;
    int32_t threads; /* 0: as many as processors */
    /* Called for each index below count, from any thread; false begins no further ones. */
    bool (*work)(size_t index, void *user);
    void *user;
    /* Called after each, from any thread but one at a time; anything but 0 begins no further ones. May be
     * NULL. */
    int32_t (*progress)(size_t done, size_t total, void *user);
    void *progress_user;
};

/* Returns when all work is done or has been ended: false where `progress` ended it. The caller's thread
 * works too, so that it gets done where no other can be started. */
bool parallel_run(const struct parallel_job *job);

#endif
