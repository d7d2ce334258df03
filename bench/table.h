/* A table of results: filled cell by cell, then printed in the form asked for.
 *
 *     static const struct table_column columns[] = {{"row", "row", TABLE_TEXT}, {"gmacs", "GMACs", 1}};
 *     struct table table = {.key = "sizes", .title = "Sizes", .columns = columns, .column_count = 2};
 *     struct table_cell *row = table_add_row(&table);     // NULL: out of memory
 *     snprintf(row[0].text, sizeof row[0].text, "1");
 *     row[1].number = 58.5;
 *     table_free(&table);
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_TEXT (-1) /* as decimals: a column of texts */

struct table_column {
    const char *key;   /* in CSV and JSON */
    const char *title; /* in text and Markdown */
    int decimals;      /* shown in text and Markdown, or TABLE_TEXT */
};

struct table_cell {
    double number; /* NaN: not known, shown as "-", empty in CSV, null in JSON */
    char text[128];
};

struct table {
    const char *key, *title;
    const struct table_column *columns; /* not owned */
    size_t column_count, row_count;
    struct table_cell *cells; /* owned, row by row */
};

/* A new last row of unknown numbers and empty texts; valid until the next one. NULL where memory is
 * out. */
struct table_cell *table_add_row(struct table *table);

void table_print(const struct table *table, FILE *file);
void table_markdown(const struct table *table, FILE *file);

/* A table element of a page. */
void table_html(const struct table *table, FILE *file);

/* The key as a first column "table", so that several tables can stand in one file. */
void table_csv(const struct table *table, FILE *file);

/* An array of objects under the columns' keys; numbers with all their digits. */
cJSON *table_json(const struct table *table);

void table_free(struct table *table);

#endif
