/* What the tests of `mvad report` share: the data set of eval_data.h and, in the scratch folder,
 * its model m.safetensors and eval.json, the scores and metrics that the library gives. */
#ifndef TESTS_REPORT_CASE_H
#define TESTS_REPORT_CASE_H

#include <cjson/cJSON.h>

#include "eval_data.h"

/* A command line up to further options; the page goes to @r.html. */
#define REPORT MVAD_PROGRAM " report --model @m.safetensors --results @eval.json --out @r.html "

struct report_part {
    char class_name[16], name[16];
    mvad_label label;
    float score;
    int32_t views;
};

struct report_case {
    char *data; /* the path of parts.csv */
    struct report_part parts[EVAL_PARTS];
    size_t part_count;
    double metrics[3][MVAD_METRIC_COUNT]; /* of bolt, cap and the mean */
};

/* Setup and teardown of a group. */
int report_make(void **state);
int report_remove(void **state);
const struct report_case *report_case(void);

/* What `mvad eval --json` writes of it, to be changed and deleted; and to a file of the scratch
 * folder. */
cJSON *report_results(void);
void report_write_results(const char *name, const cJSON *results);

/* Runs a command that ends with --data and succeeds; `warning` is in the one line on standard
 * error, or NULL: there is none. */
void report_run(const char *command, const char *warning);

/* A file of the scratch folder as text, which the test writes or frees. */
void report_write_text(const char *name, const char *text);
char *report_read_text(const char *name);

/* The page @r.html, in which html_fault finds nothing; to be freed. */
char *report_read_page(void);

#endif
