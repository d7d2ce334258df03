/* The table of metrics. */
#include <math.h>
#include <string.h>

#include "cli/common/html.h"
#include "cli/report/report.h"

/* A tint says something where there are others to compare with. */
enum { LEAST_CLASSES_TO_COMPARE = 3 };

struct range {
    double low, high;
};

static struct range range_of(const struct metrics_table *table, int metric)
{
    struct range range = {INFINITY, -INFINITY};
    for (size_t i = 0; i + 1 < table->count; i++) {
        range.low = fmin(range.low, table->rows[i].value[metric]); /* a NaN gives way */
        range.high = fmax(range.high, table->rows[i].value[metric]);
    }
    return range;
}

static const char *tint(const struct range *range, double value)
{
    if (!(range->low < range->high)) return "";
    return value == range->high ? " class=\"best\"" : value == range->low ? " class=\"worst\"" : "";
}

static void write_head(FILE *file)
{
    fputs("<thead>\n<tr><th></th><th colspan=\"3\">sample</th><th colspan=\"3\">image</th>"
          "<th colspan=\"4\">pixel</th><th></th></tr>\n<tr><th>class, %</th>",
          file);
    for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
        fputs("<th>", file);
        html_text(file, strchr(mvad_metric_name((mvad_metric)m), ' ') + 1);
        fputs("</th>", file);
    }
    fputs("<th>parts</th></tr>\n</thead>\n", file);
}

void document_metrics(const struct report *report, FILE *file)
{
    const struct metrics_table *table = &report->results.table;
    struct range ranges[MVAD_METRIC_COUNT] = {{0}};
    if (results_classes(&report->results) >= LEAST_CLASSES_TO_COMPARE)
        for (int m = 0; m < MVAD_METRIC_COUNT; m++) ranges[m] = range_of(table, m);
    fputs("<section>\n<h2>Metrics</h2>\n<div class=\"wide\"><table class=\"metrics\">\n", file);
    write_head(file);
    fputs("<tbody>\n", file);
    for (size_t i = 0; i < table->count; i++) {
        const mvad_metrics_row *row = &table->rows[i];
        const bool mean = i + 1 == table->count;
        const bool link = !mean && report_shows_class(report, i);
        fputs(mean ? "<tr class=\"mean\"><th>" : "<tr><th>", file);
        if (link) fprintf(file, "<a href=\"#class-%zu\">", i);
        html_text(file, row->name);
        fputs(link ? "</a></th>" : "</th>", file);
        for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
            fprintf(file, "<td%s>", mean ? "" : tint(&ranges[m], row->value[m]));
            if (isnan(row->value[m]))
                fputs("-</td>", file);
            else
                fprintf(file, "%.1f</td>", 100 * row->value[m]);
        }
        fprintf(file, "<td>%zu</td></tr>\n", (size_t)row->samples);
    }
    fputs("</tbody>\n</table></div>\n<p class=\"small\">A sample is a part with all its views, an "
          "image one view; the score of either is the highest of its pixels. A metric is -, and "
          "left out of the mean, where normal or anomalous ones are missing.",
          file);
    if (report->results.strips)
        fputs(" Pixel metrics are taken from 50 equal strips of the scores.", file);
    fputs("</p>\n</section>\n", file);
}
