/* `mvad-bench scaling`: cost against windows, top-K, views, image size, batch and threads. */
#ifndef BENCH_SCALING_H
#define BENCH_SCALING_H

#include <stdbool.h>

#include "bench/document.h"

enum scaling_column {
    SCALING_VALUE,
    SCALING_MACS,
    SCALING_ATTENTION,
    SCALING_THEORY, /* equation 7 */
    SCALING_LEAST,  /* equation 8 */
    SCALING_FULL,   /* equation 6 */
    SCALING_INFERENCE,
    SCALING_TRAINING,
    SCALING_SECONDS,
    SCALING_LOW,
    SCALING_HIGH,
    SCALING_SHARE,
    SCALING_COLUMNS
};

/* One quantity varied, all others as configured. */
struct sweep {
    const char *key, *title; /* "windows", "windows a side" */
    int count;
    int values[16];
};

int verb_scaling(const char *program, const struct command *command, int argc, char **argv);

/* The plots of a sweep's table. scaling_plots.c */
void scaling_plots(struct document *document, const struct sweep *sweep, const struct table *table);

#endif
