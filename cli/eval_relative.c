#include "cli/eval_relative.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/table_text.h"

/* What is told of a class's parts. Two kinds of them: good ones and those with a defect. */
static const struct column {
    const char *key, *head;
    int kind;
    enum { LOWEST, MEDIAN, HIGHEST, VERDICTS } what;
    mvad_verdict verdict;
} columns[] = {
    {"good_relative_median", "median", 0, MEDIAN, 0},
    {"good_relative_highest", "highest", 0, HIGHEST, 0},
    {"good_unsure", "UNSURE", 0, VERDICTS, MVAD_VERDICT_UNSURE},
    {"good_rejected", "NG", 0, VERDICTS, MVAD_VERDICT_NG},
    {"anomalous_relative_lowest", "lowest", 1, LOWEST, 0},
    {"anomalous_relative_median", "median", 1, MEDIAN, 0},
    {"anomalous_unsure", "UNSURE", 1, VERDICTS, MVAD_VERDICT_UNSURE},
    {"anomalous_accepted", "OK", 1, VERDICTS, MVAD_VERDICT_OK},
};
enum { COLUMNS = sizeof columns / sizeof *columns, COLUMN_WIDTH = 9, NAME_WIDTH = 20 };

void relative_begin(struct relative_table *table, const struct caller *caller,
                    const mvad_model *model)
{
    mvad_calibration facts;
    mvad_error error;
    table->calibrated = false;
    if (!mvad_model_note(model, "mvad.calibration")) return;
    if (mvad_model_calibration(model, &facts, NULL, NULL, &error)) {
        command_fail(caller, EXIT_DONE, "warning: %s; scores are not compared with its thresholds",
                     error.message);
        return;
    }
    table->calibrated = true;
    strcpy(table->id, facts.id);
}

static bool grow(void **array, size_t *capacity, size_t count, size_t bytes)
{
    if (count < *capacity) return true;
    const size_t wanted = *capacity ? 2 * *capacity : 16;
    void *grown = realloc(*array, wanted * bytes);
    if (!grown) return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

/* Parts come class by class. */
static struct relative_class *class_of(struct relative_table *table, const mvad_model *model,
                                       const char *name)
{
    struct relative_class *last = table->count ? &table->classes[table->count - 1] : NULL;
    if (last && !strcmp(last->name, name)) return last;
    struct relative_class class = {.name = strdup(name)};
    if (!class.name ||
        !grow((void **)&table->classes, &table->capacity, table->count, sizeof *table->classes)) {
        free(class.name);
        table->out_of_memory = true;
        return NULL;
    }
    if (mvad_model_thresholds(model, name, NULL, &class.thresholds, NULL))
        class.thresholds = (mvad_thresholds){0};
    table->classes[table->count] = class;
    return &table->classes[table->count++];
}

void relative_add(struct relative_table *table, const mvad_model *model,
                  const mvad_sample_scores *sample, cJSON *json)
{
    if (!table->calibrated) return;
    struct relative_class *class = class_of(table, model, sample->class_name);
    if (!class || !(class->thresholds.reject > 0)) return;
    const float relative = sample->score / class->thresholds.reject;
    const mvad_verdict verdict = mvad_thresholds_judge(&class->thresholds, sample->score);
    if (json) {
        cJSON_AddNumberToObject(json, "relative", relative);
        cJSON_AddStringToObject(json, "verdict", mvad_verdict_name(verdict));
    }
    if (sample->label == MVAD_UNLABELLED) return;
    struct relative_scores *parts = &class->parts[sample->label == MVAD_ANOMALOUS];
    if (!grow((void **)&parts->values, &parts->capacity, parts->count, sizeof *parts->values)) {
        table->out_of_memory = true;
        return;
    }
    parts->values[parts->count++] = relative;
    parts->verdicts[verdict]++;
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void relative_end(struct relative_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        for (int k = 0; k < 2; k++) {
            struct relative_scores *parts = &table->classes[i].parts[k];
            if (parts->count) qsort(parts->values, parts->count, sizeof *parts->values, compare);
        }
}

const struct relative_class *relative_find(const struct relative_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->classes[i].thresholds.reject > 0 && !strcmp(table->classes[i].name, name))
            return &table->classes[i];
    return NULL;
}

/* NaN where there are no such parts. */
static double value_of(const struct relative_class *class, const struct column *column)
{
    const struct relative_scores *parts = &class->parts[column->kind];
    if (!parts->count) return NAN;
    const size_t middle = parts->count / 2;
    switch (column->what) {
    case LOWEST: return parts->values[0];
    case HIGHEST: return parts->values[parts->count - 1];
    case VERDICTS: return (double)parts->verdicts[column->verdict];
    case MEDIAN: break;
    }
    return parts->count % 2 ? parts->values[middle]
                            : 0.5 * ((double)parts->values[middle - 1] + parts->values[middle]);
}

void relative_print(const struct relative_table *table, FILE *file)
{
    int width = NAME_WIDTH;
    bool any = false;
    for (size_t i = 0; i < table->count; i++) {
        any |= table->classes[i].thresholds.reject > 0;
        if (table_text_width(table->classes[i].name) > width)
            width = table_text_width(table->classes[i].name);
    }
    if (!any) return;
    fprintf(file, "\nscores / reject threshold, calibration %s\n", table->id);
    table_text_padded("", width, file);
    fprintf(file, "%12s  %-*s  %s\n", "", 4 * COLUMN_WIDTH - 2, "good parts", "parts with a defect");
    table_text_padded("class", width, file);
    fprintf(file, "%12s", "threshold");
    for (int c = 0; c < COLUMNS; c++) fprintf(file, "%*s", COLUMN_WIDTH, columns[c].head);
    fputc('\n', file);
    for (size_t i = 0; i < table->count; i++) {
        const struct relative_class *class = &table->classes[i];
        if (!(class->thresholds.reject > 0)) continue;
        table_text_padded(*class->name ? class->name : "-", width, file);
        fprintf(file, "%12.6g", (double)class->thresholds.reject);
        for (int c = 0; c < COLUMNS; c++) {
            const double value = value_of(class, &columns[c]);
            if (isnan(value))
                fprintf(file, "%*s", COLUMN_WIDTH, "-");
            else
                fprintf(file, "%*.*f", COLUMN_WIDTH, columns[c].what == VERDICTS ? 0 : 3, value);
        }
        fputc('\n', file);
    }
}

void relative_csv_names(FILE *file)
{
    fputs(",threshold", file);
    for (int c = 0; c < COLUMNS; c++) fprintf(file, ",%s", columns[c].key);
}

void relative_csv_values(const struct relative_class *class, FILE *file)
{
    if (class)
        fprintf(file, ",%.9g", (double)class->thresholds.reject);
    else
        fputc(',', file);
    for (int c = 0; c < COLUMNS; c++) {
        const double value = class ? value_of(class, &columns[c]) : NAN;
        fprintf(file, isnan(value) ? "," : ",%.9g", value);
    }
}

void relative_to_json(const struct relative_table *table, cJSON *json)
{
    cJSON *row;
    if (*table->id) cJSON_AddStringToObject(json, "calibration", table->id);
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(json, "classes"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "name"));
        const struct relative_class *class = name ? relative_find(table, name) : NULL;
        if (!class) continue;
        cJSON *relative = cJSON_AddObjectToObject(row, "relative");
        cJSON_AddNumberToObject(relative, "threshold", class->thresholds.reject);
        for (int c = 0; c < COLUMNS; c++) {
            const double value = value_of(class, &columns[c]);
            if (isnan(value))
                cJSON_AddNullToObject(relative, columns[c].key);
            else
                cJSON_AddNumberToObject(relative, columns[c].key, value);
        }
    }
}

void relative_free(struct relative_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->classes[i].name);
        for (int k = 0; k < 2; k++) free(table->classes[i].parts[k].values);
    }
    free(table->classes);
    *table = (struct relative_table){0};
}
