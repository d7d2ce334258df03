#include "bench/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cli/common/html.h"
#include "cli/common/table_text.h"

struct table_cell *table_add_row(struct table *table)
{
    const size_t count = (table->row_count + 1) * table->column_count;
    struct table_cell *cells = realloc(table->cells, count * sizeof *cells);
    if (!cells) return NULL;
    table->cells = cells;
    struct table_cell *row = cells + table->row_count++ * table->column_count;
    for (size_t c = 0; c < table->column_count; c++) row[c] = (struct table_cell){.number = NAN};
    return row;
}

static const struct table_cell *cell_at(const struct table *table, size_t row, size_t column)
{
    return &table->cells[row * table->column_count + column];
}

/* A cell as readers see it; `number` is where a number is written. */
static const char *shown(const struct table *table, size_t row, size_t column, char number[32])
{
    const struct table_cell *cell = cell_at(table, row, column);
    if (table->columns[column].decimals == TABLE_TEXT) return cell->text;
    if (isnan(cell->number)) return "-";
    snprintf(number, 32, "%.*f", table->columns[column].decimals, cell->number);
    return number;
}

static int column_width(const struct table *table, size_t column)
{
    char number[32];
    int width = table_text_width(table->columns[column].title);
    for (size_t r = 0; r < table->row_count; r++) {
        const int cell = table_text_width(shown(table, r, column, number));
        if (cell > width) width = cell;
    }
    return width;
}

/* Texts stand at the left of their column, numbers at the right. */
static void print_cell(const struct table *table, size_t column, const char *text, FILE *file)
{
    const int width = column_width(table, column);
    const bool last = column + 1 == table->column_count;
    if (table->columns[column].decimals == TABLE_TEXT && last)
        fputs(text, file);
    else if (table->columns[column].decimals == TABLE_TEXT)
        table_text_padded(text, width, file);
    else
        fprintf(file, "%*s%s", width - table_text_width(text), "", text);
    fputs(last ? "\n" : "  ", file);
}

void table_print(const struct table *table, FILE *file)
{
    char number[32];
    fprintf(file, "%s\n", table->title);
    for (size_t c = 0; c < table->column_count; c++)
        print_cell(table, c, table->columns[c].title, file);
    for (size_t r = 0; r < table->row_count; r++)
        for (size_t c = 0; c < table->column_count; c++)
            print_cell(table, c, shown(table, r, c, number), file);
}

void table_markdown(const struct table *table, FILE *file)
{
    char number[32];
    fprintf(file, "### %s\n\n|", table->title);
    for (size_t c = 0; c < table->column_count; c++)
        fprintf(file, " %s |", table->columns[c].title);
    fputs("\n|", file);
    for (size_t c = 0; c < table->column_count; c++)
        fputs(table->columns[c].decimals == TABLE_TEXT ? "---|" : "---:|", file);
    fputc('\n', file);
    for (size_t r = 0; r < table->row_count; r++) {
        fputc('|', file);
        for (size_t c = 0; c < table->column_count; c++) {
            fputc(' ', file);
            table_text_markdown(shown(table, r, c, number), file);
            fputs(" |", file);
        }
        fputc('\n', file);
    }
}

static void html_cell(const struct table *table, size_t column, const char *tag, const char *text,
                      FILE *file)
{
    const bool left = table->columns[column].decimals == TABLE_TEXT;
    fprintf(file, "<%s%s>", tag, left ? " class=\"text\"" : "");
    html_text(file, text);
    fprintf(file, "</%s>", tag);
}

void table_html(const struct table *table, FILE *file)
{
    char number[32];
    fputs("<table class=\"results\">\n<thead>\n<tr>", file);
    for (size_t c = 0; c < table->column_count; c++)
        html_cell(table, c, "th", table->columns[c].title, file);
    fputs("</tr>\n</thead>\n<tbody>\n", file);
    for (size_t r = 0; r < table->row_count; r++) {
        fputs("<tr>", file);
        for (size_t c = 0; c < table->column_count; c++)
            html_cell(table, c, "td", shown(table, r, c, number), file);
        fputs("</tr>\n", file);
    }
    fputs("</tbody>\n</table>\n", file);
}

void table_csv(const struct table *table, FILE *file)
{
    fputs("table", file);
    for (size_t c = 0; c < table->column_count; c++) fprintf(file, ",%s", table->columns[c].key);
    fputc('\n', file);
    for (size_t r = 0; r < table->row_count; r++) {
        table_text_csv(table->key, file);
        for (size_t c = 0; c < table->column_count; c++) {
            const struct table_cell *cell = cell_at(table, r, c);
            fputc(',', file);
            if (table->columns[c].decimals == TABLE_TEXT)
                table_text_csv(cell->text, file);
            else if (!isnan(cell->number))
                fprintf(file, "%.9g", cell->number);
        }
        fputc('\n', file);
    }
}

cJSON *table_json(const struct table *table)
{
    cJSON *rows = cJSON_CreateArray();
    for (size_t r = 0; r < table->row_count; r++) {
        cJSON *row = cJSON_CreateObject();
        for (size_t c = 0; c < table->column_count; c++) {
            const struct table_cell *cell = cell_at(table, r, c);
            const char *key = table->columns[c].key;
            if (table->columns[c].decimals == TABLE_TEXT)
                cJSON_AddStringToObject(row, key, cell->text);
            else if (isnan(cell->number))
                cJSON_AddNullToObject(row, key);
            else
                cJSON_AddNumberToObject(row, key, cell->number);
        }
        cJSON_AddItemToArray(rows, row);
    }
    return rows;
}

void table_free(struct table *table)
{
    free(table->cells);
    table->cells = NULL;
    table->row_count = 0;
}
