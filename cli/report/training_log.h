/* What a training run wrote down: log.jsonl, and evaluation.jsonl beside it. */
#ifndef CLI_REPORT_TRAINING_LOG_H
#define CLI_REPORT_TRAINING_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/common/command.h"

struct log_step {
    int64_t step;
    float loss, learning_rate;
};

/* The mean over the classes after an epoch, 0 to 1; NaN where undefined. */
struct log_evaluation {
    double epoch;
    float sample_auroc, image_auroc, pixel_aupro;
};

struct training_log {
    struct log_step *steps; /* by step, each once */
    size_t step_count, step_room;
    struct log_evaluation *evaluations; /* by epoch, each once */
    size_t evaluation_count, evaluation_room;
    size_t bad_lines;                           /* left out, of both files */
    double epochs;                              /* the last */
    double samples_per_second, data_wait_share; /* of the last step; NaN where not told */
    double memory_bytes;                        /* the most */
};

/* Reads log.jsonl at `path` line by line, and evaluation.jsonl in the same folder if it is
 * there. A line that cannot be read is left out, with a warning for the first of a file. A step
 * that comes again replaces what was there from it on: the run was resumed. *log is to be freed
 * in any case. OPTIONS_READ, or an exit code after a message: EXIT_UNREADABLE also where no line
 * was good. */
int training_log_read(const struct caller *caller, const char *path, struct training_log *log);

void training_log_free(struct training_log *log);

#endif
