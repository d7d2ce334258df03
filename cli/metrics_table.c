#include "cli/metrics_table.h"
#include "cli/eval_relative.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/table_text.h"

#define NAME_WIDTH 20 /* least, in characters */

/* Metrics come in levels: three of samples, three of images, four of pixels. */
static const struct level {
    const char *name;
    int first, end;
} levels[] = {{"sample", MVAD_METRIC_SAMPLE_AUROC, MVAD_METRIC_IMAGE_AUROC},
              {"image", MVAD_METRIC_IMAGE_AUROC, MVAD_METRIC_PIXEL_AUROC},
              {"pixel", MVAD_METRIC_PIXEL_AUROC, MVAD_METRIC_COUNT}};

#define COLUMN_WIDTH 7
#define GAP 2 /* more in front of each level */
#define LEVELS (sizeof levels / sizeof *levels)

void metrics_table_add(const mvad_metrics_row *row, void *user)
{
    struct metrics_table *table = user;
    mvad_metrics_row *rows = realloc(table->rows, (table->count + 1) * sizeof *rows);
    if (rows) table->rows = rows;
    char *name = rows ? strdup(row->name) : NULL;
    if (!name) {
        table->out_of_memory = true;
        return;
    }
    rows[table->count] = *row;
    rows[table->count++].name = name;
}

void metrics_table_free(struct metrics_table *table)
{
    for (size_t i = 0; i < table->count; i++) free((char *)(uintptr_t)table->rows[i].name);
    free(table->rows);
    *table = (struct metrics_table){0};
}

/* "pixel F1-max" without its level. */
static const char *short_name(int metric)
{
    return strchr(mvad_metric_name((mvad_metric)metric), ' ') + 1;
}

const char *metrics_percent(double value, char text[16])
{
    if (isnan(value))
        strcpy(text, "-");
    else
        snprintf(text, 16, "%.1f", 100 * value);
    return text;
}

static int column_width(int metric)
{
    for (size_t l = 0; l < LEVELS; l++)
        if (metric == levels[l].first) return COLUMN_WIDTH + GAP;
    return COLUMN_WIDTH;
}

void metrics_table_print(const struct metrics_table *table, FILE *file)
{
    char text[16];
    int width = NAME_WIDTH;
    for (size_t i = 0; i < table->count; i++)
        if (table_text_width(table->rows[i].name) > width)
            width = table_text_width(table->rows[i].name);
    /* A level's name stands above the left end of its columns, which are GAP + 3 or 4 times
     * COLUMN_WIDTH wide. */
    table_text_padded("", width, file);
    for (size_t l = 0; l < LEVELS; l++) {
        int columns = levels[l].end - levels[l].first, last = l + 1 == LEVELS;
        fprintf(file, "%*s%-*s", GAP + 2, "", last ? 0 : columns * COLUMN_WIDTH - 2, levels[l].name);
    }
    fputc('\n', file);
    table_text_padded("class, %", width, file);
    for (int m = 0; m < MVAD_METRIC_COUNT; m++)
        fprintf(file, "%*s", column_width(m), short_name(m));
    fputc('\n', file);
    for (size_t i = 0; i < table->count; i++) {
        table_text_padded(table->rows[i].name, width, file);
        for (int m = 0; m < MVAD_METRIC_COUNT; m++)
            fprintf(file, "%*s", column_width(m), metrics_percent(table->rows[i].value[m], text));
        fputc('\n', file);
    }
}

void metrics_table_markdown(const struct metrics_table *table, FILE *file)
{
    char text[16];
    fputs("| class |", file);
    for (int m = 0; m < MVAD_METRIC_COUNT; m++)
        fprintf(file, " %s |", mvad_metric_name((mvad_metric)m));
    fputs("\n|---|", file);
    for (int m = 0; m < MVAD_METRIC_COUNT; m++) fputs("---:|", file);
    fputc('\n', file);
    for (size_t i = 0; i < table->count; i++) {
        fputs("| ", file);
        table_text_markdown(table->rows[i].name, file);
        fputs(" |", file);
        for (int m = 0; m < MVAD_METRIC_COUNT; m++)
            fprintf(file, " %s |", metrics_percent(table->rows[i].value[m], text));
        fputc('\n', file);
    }
}

void metrics_table_csv(const struct metrics_table *table, const struct relative_table *relative,
                       FILE *file)
{
    fputs("class", file);
    for (int m = 0; m < MVAD_METRIC_COUNT; m++)
        fprintf(file, ",%s", mvad_metric_key((mvad_metric)m));
    fputs(",samples,views", file);
    if (relative) relative_csv_names(file);
    fputc('\n', file);
    for (size_t i = 0; i < table->count; i++) {
        const mvad_metrics_row *row = &table->rows[i];
        table_text_csv(row->name, file);
        for (int m = 0; m < MVAD_METRIC_COUNT; m++)
            fprintf(file, isnan(row->value[m]) ? "," : ",%.9g", row->value[m]);
        fprintf(file, ",%" PRIu64 ",%" PRIu64, row->samples, row->views);
        /* The last row is the mean, whatever a class is called. */
        if (relative)
            relative_csv_values(i + 1 < table->count ? relative_find(relative, row->name) : NULL,
                                file);
        fputc('\n', file);
    }
}

static void fill_json(const mvad_metrics_row *row, cJSON *json)
{
    cJSON_AddNumberToObject(json, "samples", (double)row->samples);
    cJSON_AddNumberToObject(json, "views", (double)row->views);
    cJSON *metrics = cJSON_AddObjectToObject(json, "metrics");
    for (int m = 0; m < MVAD_METRIC_COUNT; m++)
        if (isnan(row->value[m]))
            cJSON_AddNullToObject(metrics, mvad_metric_key((mvad_metric)m));
        else
            cJSON_AddNumberToObject(metrics, mvad_metric_key((mvad_metric)m), row->value[m]);
    cJSON *bounds = cJSON_AddObjectToObject(json, "error_bounds");
    for (int m = 0; m < MVAD_METRIC_COUNT; m++)
        if (row->error[m] > 0)
            cJSON_AddNumberToObject(bounds, mvad_metric_key((mvad_metric)m), row->error[m]);
}

void metrics_table_to_json(const struct metrics_table *table, cJSON *json)
{
    cJSON *classes = cJSON_AddArrayToObject(json, "classes");
    for (size_t i = 0; i + 1 < table->count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "name", table->rows[i].name);
        fill_json(&table->rows[i], item);
        cJSON_AddItemToArray(classes, item);
    }
    if (table->count)
        fill_json(&table->rows[table->count - 1], cJSON_AddObjectToObject(json, "mean"));
}

/* A whole number a double holds exactly. */
static bool read_count(const cJSON *json, uint64_t *count)
{
    if (!cJSON_IsNumber(json) || !(json->valuedouble >= 0 && json->valuedouble <= 0x1p53))
        return false;
    *count = (uint64_t)json->valuedouble;
    return true;
}

static const char *read_row(const cJSON *json, mvad_metrics_row *row)
{
    if (!read_count(cJSON_GetObjectItemCaseSensitive(json, "samples"), &row->samples) ||
        !read_count(cJSON_GetObjectItemCaseSensitive(json, "views"), &row->views))
        return "has a class without its numbers of samples and views";
    const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(json, "metrics");
    const cJSON *bounds = cJSON_GetObjectItemCaseSensitive(json, "error_bounds");
    for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
        const cJSON *value =
            cJSON_GetObjectItemCaseSensitive(metrics, mvad_metric_key((mvad_metric)m));
        row->value[m] = cJSON_IsNumber(value) ? value->valuedouble : NAN;
        if (!cJSON_IsNull(value) && !(row->value[m] >= 0 && row->value[m] <= 1))
            return "has a class in which a metric is missing, or neither null nor from 0 to 1";
        const cJSON *bound =
            cJSON_GetObjectItemCaseSensitive(bounds, mvad_metric_key((mvad_metric)m));
        row->error[m] = cJSON_IsNumber(bound) && bound->valuedouble > 0 ? bound->valuedouble : 0;
    }
    return NULL;
}

static const mvad_metrics_row *find_row(const mvad_metrics_row *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(rows[i].name, name)) return &rows[i];
    return NULL;
}

const char *metrics_table_from_json(const cJSON *json, struct metrics_table *table)
{
    const cJSON *classes = cJSON_GetObjectItemCaseSensitive(json, "classes"), *item;
    const char *fault;
    mvad_metrics_row row;
    if (!cJSON_IsArray(classes) || !classes->child) return "has no classes";
    for (item = classes->child; item; item = item->next) {
        row.name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
        if (!row.name) return "has a class without a name";
        if (find_row(table->rows, table->count, row.name)) return "has a class twice";
        if ((fault = read_row(item, &row))) return fault;
        metrics_table_add(&row, table);
    }
    row.name = "mean";
    if ((fault = read_row(cJSON_GetObjectItemCaseSensitive(json, "mean"), &row))) return fault;
    metrics_table_add(&row, table);
    return NULL;
}

const mvad_metrics_row *metrics_table_find(const struct metrics_table *table, const char *name)
{
    return table->count ? find_row(table->rows, table->count - 1, name) : NULL;
}

void metrics_table_warn(const struct metrics_table *table, const struct caller *caller)
{
    for (size_t i = 0; i + 1 < table->count; i++)
        for (size_t l = 0; l < LEVELS; l++) {
            bool undefined = false;
            for (int m = levels[l].first; m < levels[l].end; m++)
                undefined |= isnan(table->rows[i].value[m]) != 0;
            if (undefined)
                command_fail(
                    caller, EXIT_DONE,
                    "warning: class %s: %s metrics are undefined and left out of the mean: "
                    "%ss of one label are missing",
                    table->rows[i].name, levels[l].name, levels[l].name);
        }
}

void metrics_table_combine(const struct metrics_table *a, const struct metrics_table *b,
                           struct metrics_table *mean)
{
    for (size_t i = 0; i + 1 < a->count; i++) {
        mvad_metrics_row row = a->rows[i];
        const mvad_metrics_row *other = metrics_table_find(b, row.name);
        for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
            row.value[m] = (row.value[m] + other->value[m]) / 2; /* a NaN stays one */
            row.error[m] = (row.error[m] + other->error[m]) / 2;
        }
        metrics_table_add(&row, mean);
    }
    metrics_table_add_mean(mean);
}

void metrics_table_add_mean(struct metrics_table *table)
{
    mvad_metrics_row total = {.name = "mean"};
    int defined[MVAD_METRIC_COUNT] = {0};
    for (size_t i = 0; i < table->count; i++) {
        const mvad_metrics_row *row = &table->rows[i];
        for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
            if (isnan(row->value[m])) continue;
            total.value[m] += row->value[m];
            total.error[m] += row->error[m];
            defined[m]++;
        }
        total.samples += row->samples;
        total.views += row->views;
    }
    for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
        total.value[m] = defined[m] ? total.value[m] / defined[m] : NAN;
        total.error[m] = defined[m] ? total.error[m] / defined[m] : 0;
    }
    metrics_table_add(&total, table);
}
