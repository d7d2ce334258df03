/* Scores of tested parts relative to the thresholds that a model was calibrated with. */
#ifndef CLI_EVAL_RELATIVE_H
#define CLI_EVAL_RELATIVE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/common/command.h"

/* Of a class. Index 0: good parts, 1: those with a defect; others are left out. */
struct relative_class {
    char *name;
    mvad_thresholds thresholds; /* all 0: the model is not calibrated for the class */
    struct relative_scores {
        float *values; /* score / reject threshold */
        size_t count, capacity;
        size_t verdicts[MVAD_VERDICT_COUNT];
    } parts[2];
};

struct relative_table {
    bool calibrated; /* by the last model given to relative_begin */
    char id[MVAD_IDENTITY];
    struct relative_class *classes; /* those with parts, in their order */
    size_t count, capacity;
    bool out_of_memory;
};

/* To be called for each model. One that is calibrated no more is told. */
void relative_begin(struct relative_table *table, const struct caller *caller,
                    const mvad_model *model);

/* Adds a part; adds "relative" and "verdict" to `json`, where that is not NULL and the model is calibrated
 * for the class. */
void relative_add(struct relative_table *table, const mvad_model *model,
                  const mvad_sample_scores *sample, cJSON *json);

/* Sorts; due before what follows. */
void relative_end(struct relative_table *table);

/* NULL where there is no such class with a threshold. */
const struct relative_class *relative_find(const struct relative_table *table, const char *name);

/* A line a class, nothing where no model was calibrated. */
void relative_print(const struct relative_table *table, FILE *file);

/* Columns behind those of metrics_table_csv, each with a comma before it: names, and a class's values,
 * empty where there are none. */
void relative_csv_names(FILE *file);
void relative_csv_values(const struct relative_class *class, FILE *file);

/* Adds "calibration", and "relative" to each of the classes of metrics_table_to_json. */
void relative_to_json(const struct relative_table *table, cJSON *json);

void relative_free(struct relative_table *table);

#endif
