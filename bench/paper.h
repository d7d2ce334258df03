/* What the paper's tables say of efficiency, and the configurations they say it of. */
#ifndef BENCH_PAPER_H
#define BENCH_PAPER_H

#include <stddef.h>

#include "mvad.h"

struct paper_row {
    const char *table, *row; /* "VI", "1" */
    mvad_backbone backbone;
    mvad_projection projection;
    int32_t route_projection;
    int32_t windows[MVAD_SCALES], topk[MVAD_SCALES];
    double gmacs;                 /* what the paper calls FLOPs; 0: not told */
    double parameters;            /* millions; 0: not told */
    double megabytes, hours;      /* of training, on one RTX 3090; 0: not told */
    const char *macs_reason;      /* why our count is another, a supposition; NULL: it is not */
    const char *parameter_reason; /* likewise */
};

/* All rows in the order of the paper, and their number. Figures 4 and 5 are known by what they vary: their
 * values, and the numbers held fixed, cannot be read from the text. */
const struct paper_row *paper_rows(size_t *count);

/* The default configuration with what the row says. */
mvad_config paper_config(const struct paper_row *row);

#endif
