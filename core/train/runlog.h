/* A training run's logs: one JSON object a line, each with the step it belongs to. */
#ifndef TRAIN_RUNLOG_H
#define TRAIN_RUNLOG_H

#include "mvad.h"

struct runlog {
    int file; /* descriptor, -1 while closed */
    const char *path;
    int64_t last_step; /* of the last line that was kept when it was opened; 0 without any */
};

/* Opens `path` (which outlives the log) for appending and cuts it off behind `step`, or in front of
 * the first line that is no line of such a log: with step 0 it is empty. Errors of all functions:
 * MVAD_ERROR_IO with the file's name. On failure the log is closed. */
mvad_status runlog_open(const char *path, int64_t step, struct runlog *log, mvad_error *error);

/* Appends a line: step, epoch, loss, learning_rate, gradient_norm, samples_per_second,
 * data_wait_share, and memory_bytes, what the process holds in memory (0 where the system does not
 * tell). */
mvad_status runlog_add(struct runlog *log, const mvad_train_progress *progress, mvad_error *error);

/* Appends a line for a row of an evaluation: step, epoch, class, and the metrics as "sample_auroc" ..
 * "pixel_aupro", null where undefined. */
mvad_status runlog_add_metrics(struct runlog *log, int64_t step, int32_t epoch,
                               const mvad_metrics_row *row, mvad_error *error);

/* Returns when the lines are on the disk. */
mvad_status runlog_sync(struct runlog *log, mvad_error *error);

/* Accepts a closed log. */
void runlog_close(struct runlog *log);

#endif
