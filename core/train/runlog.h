/* A training run's log: one JSON object a line and step. */
#ifndef TRAIN_RUNLOG_H
#define TRAIN_RUNLOG_H

#include "mvad.h"

struct runlog {
    int file; /* descriptor, -1 while closed */
    const char *path;
};

/* Opens `path` (which outlives the log) for appending and cuts it off behind `step`, or in front of
 * the first line that is no line of such a log: with step 0 it is empty. Errors of all functions:
 * MVAD_ERROR_IO with the file's name. On failure the log is closed. */
mvad_status runlog_open(const char *path, int64_t step, struct runlog *log, mvad_error *error);

/* Appends a line: step, epoch, loss, learning_rate, gradient_norm, samples_per_second,
 * data_wait_share, and memory_bytes, what the process holds in memory (0 where the system does not
 * tell). */
mvad_status runlog_add(struct runlog *log, const mvad_train_progress *progress, mvad_error *error);

/* Returns when the lines are on the disk. */
mvad_status runlog_sync(struct runlog *log, mvad_error *error);

/* Accepts a closed log. */
void runlog_close(struct runlog *log);

#endif
