/* The ten metrics of classes and their mean, and the forms in which `mvad eval` gives them.
 *
 *     struct metrics_table table = {0};
 *     mvad_evaluate(.., metrics_table_add, &table, &error);    // rows, the mean last
 *     metrics_table_print(&table, stdout);
 *     metrics_table_free(&table);
 */
#ifndef CLI_METRICS_TABLE_H
#define CLI_METRICS_TABLE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/common/command.h"

struct metrics_table {
    mvad_metrics_row *rows; /* names are owned */
    size_t count;           /* classes, and the mean as the last row */
    bool out_of_memory;     /* a row is missing */
};

/* Appends a copy of a row to the struct metrics_table `user`: a visit function for mvad_evaluate.
 * Out of memory, it sets the mark. */
void metrics_table_add(const mvad_metrics_row *row, void *user);

/* A metric as it is shown: a percentage with one decimal, "-" where undefined. Returns `text`. */
const char *metrics_percent(double value, char text[16]);

/* Columns with blanks between, Markdown: metrics as metrics_percent has them. */
void metrics_table_print(const struct metrics_table *table, FILE *file);
void metrics_table_markdown(const struct metrics_table *table, FILE *file);

/* Comma-separated, from 0 to 1, empty where undefined; the columns class, sample_auroc ..
 * pixel_aupro, samples, views; and those of eval_relative.h, where `relative` is not NULL. */
struct relative_table;
void metrics_table_csv(const struct metrics_table *table, const struct relative_table *relative,
                       FILE *file);

/* Adds "classes": [{"name": .., "samples": .., "views": .., "metrics": {"sample_auroc": ..}}] and
 * "mean", likewise without a name: from 0 to 1, null where undefined. */
void metrics_table_to_json(const struct metrics_table *table, cJSON *json);

/* Reads what metrics_table_to_json wrote. Returns what is wrong with it, as the end of a sentence
 * (a static string), or NULL. On failure *table is to be freed as well. */
const char *metrics_table_from_json(const cJSON *json, struct metrics_table *table);

/* One line on standard error for each class and level (sample, image, pixel) with an undefined
 * metric. */
void metrics_table_warn(const struct metrics_table *table, const struct caller *caller);

/* The row of a class, or NULL. */
const mvad_metrics_row *metrics_table_find(const struct metrics_table *table, const char *name);

/* The mean of two values, class by class, of tables with the same classes; undefined where either
 * is. The counts are the first table's. The last row is the mean over the classes in which a metric
 * is defined. */
void metrics_table_combine(const struct metrics_table *a, const struct metrics_table *b,
                           struct metrics_table *mean);

/* Appends the mean over the classes in which a metric is defined to a table of classes only. */
void metrics_table_add_mean(struct metrics_table *table);

void metrics_table_free(struct metrics_table *table);

#endif
