#include "bench/document.h"
#include "cli/common/html.h"

static void write_table(const struct table *table, FILE *file)
{
    fputs("<section>\n<h2>", file);
    html_text(file, table->title);
    fputs("</h2>\n<div class=\"wide\">\n", file);
    table_html(table, file);
    fputs("</div>\n</section>\n", file);
}

void document_page(const struct document *document, FILE *file)
{
    fputs("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
          "<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>",
          file);
    html_text(file, document->title);
    fputs("</title>\n<style>\n", file);
    html_style(file);
    fputs("</style>\n</head>\n<body>\n<main>\n<h1>", file);
    html_text(file, document->title);
    fputs("</h1>\n", file);
    for (size_t i = 0; i < document->line_count; i++) {
        fputs("<p class=\"small\">", file);
        html_text(file, document->lines[i]);
        fputs("</p>\n", file);
    }
    for (size_t t = 0; t < document->table_count; t++) write_table(&document->tables[t], file);
    if (document->plot_count)
        fputs("<section>\n<h2>Plots</h2>\n<div class=\"charts plots\">\n", file);
    for (size_t p = 0; p < document->plot_count; p++) plot_figure(&document->plots[p], file);
    if (document->plot_count) fputs("</div>\n</section>\n", file);
    fputs("</main>\n</body>\n</html>\n", file);
}
