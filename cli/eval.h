/* What the files of `mvad eval` share. */
#ifndef CLI_EVAL_H
#define CLI_EVAL_H

#include <cjson/cJSON.h>

#include "cli/common/config_options.h"
#include "cli/eval_relative.h"
#include "cli/metrics_table.h"

struct eval_options {
    struct text_option model, data, variant, classes, json, csv, markdown, maps, cache;
    struct text_option combine, precision;
    const char *combine_second; /* the argument after --combine's own */
    struct number_option batch;
    int strips, skip_bad;
    struct config_options config;
    struct device_options device;
};

/* Scores the test split of --data. An exit code. */
int eval_score(const struct caller *caller, const struct eval_options *options);

/* --combine: the mean of two result files. An exit code. */
int eval_combine(const struct caller *caller, const struct eval_options *options);

/* Whether the files asked for can be written: OPTIONS_READ, or an exit code after a message. */
int eval_check_results(const struct caller *caller, const struct eval_options *options);

/* The table on standard output, then the files asked for: each is tried, whatever became of the
 * others. `relative` may be NULL. `json` is deleted. An exit code. */
int eval_give_results(const struct caller *caller, const struct eval_options *options,
                      const struct metrics_table *table, const struct relative_table *relative,
                      cJSON *json);

#endif
