/* The ways of `mvad predict`: photographs that lie there, photographs that arrive, tensors. */
#ifndef CLI_PREDICT_H
#define CLI_PREDICT_H

#include <stdio.h>

#include "cli/common/config_options.h"

struct predict_options {
    struct text_option model, precision;
    struct config_options config;
    struct device_options device;
    /* of tensors */
    struct text_option tensor, dump;
    struct number_option batch;
    /* of photographs */
    struct argument_list images;
    struct text_option data, variant, classes, split, class_name, name, threshold, jsonl, heatmaps;
    struct number_option heatmap_size;
    int fail_on_defect;
    /* of photographs that arrive */
    struct text_option watch, pattern, done, view_names;
    struct number_option timeout, settle;
    int once;
};

/* What is told of a part whose photographs were waited for. */
struct part_arrival {
    const char *time;          /* of the verdict, ISO 8601, UTC */
    double latency;            /* seconds since its last photograph was written */
    size_t missing;            /* views that did not come */
    const char *missing_names; /* theirs, with ", " between; NULL: not known */
};

/* Exit codes with --fail-on-defect. */
enum { EXIT_DEFECT = 10, EXIT_UNJUDGED = 11 };

/* All print on standard output and return an exit code. */
int predict_tensor(const struct caller *caller, const struct predict_options *options);
int predict_images(const struct caller *caller, const struct predict_options *options);
int predict_watch(const struct caller *caller, const struct predict_options *options);

/* What a line of JSON tells beside the result. */
struct part_context {
    char model[MVAD_IDENTITY],
        calibration[MVAD_IDENTITY];     /* identities; "" without a calibration */
    const struct part_arrival *arrival; /* NULL: the photographs lay there */
};

/* One tab-separated line: class/part, verdict, score, the responsible view, the number of regions, the
 * score relative to the threshold; "-" for the last four without a verdict. Where views did not come, a
 * seventh field: "missing", and their names, or their number where these are not known. */
void part_print_line(FILE *file, const mvad_part_result *part, const struct part_context *context);

/* One line of JSON (docs/commands.md has its keys). False when out of memory. */
bool part_print_json(FILE *file, const mvad_part_result *part, const struct part_context *context);

/* "class/part", or "part" without a class, in `text`, cut off to fit. */
void part_label(const mvad_part_result *part, char *text, size_t size);

#endif
