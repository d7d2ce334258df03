/* Checks every file of a data set before anything is trained on it.
 *
 *     struct dataset_report report;
 *     status = dataset_check(&dataset, NULL, &report, error);
 *     ... report.problems[0 .. report.problem_count) ...
 *     dataset_report_free(&report);
 */
#ifndef DATA_CHECK_H
#define DATA_CHECK_H

#include "core/data/dataset.h"

enum dataset_problem_kind {
    PROBLEM_MISSING_IMAGE, /* the file cannot be read */
    PROBLEM_BROKEN_IMAGE,  /* it cannot be decoded */
    PROBLEM_MISSING_MASK,  /* recorded, and cannot be read */
    PROBLEM_BROKEN_MASK,
    PROBLEM_DUPLICATE_IMAGE, /* the same file stands for two views */
    PROBLEM_DUPLICATE_VIEW,  /* two files stand for one view of a sample */
    PROBLEM_TOO_MANY_VIEWS,  /* more than MVAD_MAX_VIEWS */
    PROBLEM_VIEW_COUNT,      /* another number of views than most samples have */
    PROBLEM_MASK_SIZE,       /* not its image's */
    PROBLEM_EMPTY_MASK,      /* of a view recorded as anomalous */
    PROBLEM_NO_MASK,         /* an anomalous view without one: no pixel metrics from it */
    PROBLEM_NO_LABEL,        /* a view of which nobody says whether it is normal */
    PROBLEM_KINDS
};

/* A few words for tables, for example "broken image". */
const char *dataset_problem_name(enum dataset_problem_kind kind);

/* Whether a sample with such a problem cannot be used: the first seven kinds. The others are worth
 * a warning. */
bool dataset_problem_is_fatal(enum dataset_problem_kind kind);

struct dataset_problem {
    enum dataset_problem_kind kind;
    size_t sample; /* index */
    char *text;    /* owned: one line that names the file, or the sample */
};

struct dataset_totals {
    size_t train_samples, test_samples, anomalous_samples;
    size_t views, anomalous_views;
    int32_t min_width, min_height, max_width, max_height; /* of readable images; 0 without any */
};

struct dataset_report {
    struct dataset_problem *problems; /* in the order of samples, then of kinds */
    size_t problem_count, capacity;
    size_t counts[PROBLEM_KINDS];
    size_t fatal_count;             /* problems of fatal kinds */
    struct dataset_totals *classes; /* dataset.class_count of them */
    struct dataset_totals all;
    bool stopped; /* by options->progress: there is nothing else here */
};

struct dataset_check_options {
    int32_t threads; /* 0: as many as processors */
    /* Called after each view, from any thread but one at a time; not 0 stops. May be NULL. */
    int32_t (*progress)(size_t done, size_t total, void *user);
    void *user;
};

/* Decodes every image and mask, several at a time; memory stays within about 1 GiB unless one image
 * alone needs more. Problems are reported, not returned: it fails only for want of memory or
 * threads. `options` may be NULL. On failure *report is empty. */
mvad_status dataset_check(const struct dataset *dataset, const struct dataset_check_options *options,
                          struct dataset_report *report, mvad_error *error);

/* Accepts an empty report, and leaves one. */
void dataset_report_free(struct dataset_report *report);

/* Sets remove[i] for each sample with a fatal problem, for dataset_remove_samples; clears the rest.
 * Returns how many are set. */
size_t dataset_report_mark(const struct dataset_report *report, const struct dataset *dataset,
                           bool *remove);

#endif
