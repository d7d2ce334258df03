/* A result in all its forms: lines about what was measured and where, tables, plots.
 *
 *     struct document document;
 *     document_begin(&document, &caller, "Latency");
 *     document_line(&document, "%s", text);
 *     document.tables[document.table_count++] = table;          // owned from then on
 *     code = document_write(&document, &output);
 *     document_free(&document);
 */
#ifndef BENCH_DOCUMENT_H
#define BENCH_DOCUMENT_H

#include "bench/plot.h"
#include "bench/table.h"
#include "cli/common/options.h"

enum { DOCUMENT_LINES = 16, DOCUMENT_TABLES = 8, DOCUMENT_PLOTS = 20 };

struct document {
    const struct caller *caller;
    const char *title;
    char lines[DOCUMENT_LINES][384];
    size_t line_count;
    cJSON *json; /* what JSON shows before the tables: machine and build already, settings to be added */
    struct table tables[DOCUMENT_TABLES];
    size_t table_count;
    struct plot *plots; /* DOCUMENT_PLOTS of them */
    size_t plot_count;
};

/* --format, --json, --save, --html, --svg. */
struct output_options {
    struct text_option format, save, html, svg;
    int json;
    struct poptOption table[6]; /* points into this structure, which must not move */
};

void output_options_init(struct output_options *output);

/* Whether what is asked for can be written, before the work begins. OPTIONS_READ, or an exit code after a
 * message. */
int output_options_check(const struct caller *caller, const struct output_options *output);

/* Notes machine and build. OPTIONS_READ, or EXIT_FAILED after a message. document_free is due
 * either way. */
int document_begin(struct document *document, const struct caller *caller, const char *title);
void document_line(struct document *document, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An empty plot, zeroed but for key, title and name of the horizontal axis. */
struct plot *document_plot(struct document *document, const char *key, const char *title,
                           const char *x_name);

/* Writes the page and the plots' files where asked for, each replaced as a whole, then prints. An exit
 * code. */
int document_write(struct document *document, const struct output_options *output);

void document_free(struct document *document);

/* The page alone. document_page.c */
void document_page(const struct document *document, FILE *file);

#endif
