/* What `mvad eval --json` wrote: the metrics, and the score of every part. */
#ifndef CLI_REPORT_RESULTS_H
#define CLI_REPORT_RESULTS_H

#include "cli/metrics_table.h"

struct scored_part {
    size_t class_index; /* a row of the table */
    const char *name;   /* owned by the results */
    mvad_label label;
    double score;
};

struct results {
    cJSON *json; /* which the names belong to */
    struct metrics_table table;
    struct scored_part *parts; /* in the order of the file */
    size_t part_count;
    bool has_parts; /* the file lists them, be it none */
    bool strips, combined;
};

/* Reads the file; *results is to be freed in any case. OPTIONS_READ, or an exit code after a
 * message that names the file. */
int results_read(const struct caller *caller, const char *path, struct results *results);

/* The number of classes: rows of the table without the mean. */
size_t results_classes(const struct results *results);

void results_free(struct results *results);

#endif
