#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/scaling.h"

static double value_at(const struct table *table, size_t row, int column)
{
    return table->cells[row * table->column_count + (size_t)column].number;
}

static struct plot_series *add_column(struct plot *plot, const char *style, const char *text,
                                      bool dots, const struct table *table, int column)
{
    struct plot_series *series = plot_add(plot, style, text, dots);
    for (size_t r = 0; r < table->row_count; r++)
        plot_point(series, value_at(table, r, SCALING_VALUE), value_at(table, r, column));
    return series;
}

static struct plot *begin(struct document *document, const struct sweep *sweep, const char *what,
                          const char *title)
{
    char key[48];
    snprintf(key, sizeof key, "scaling-%s-%s", sweep->key, what);
    return document_plot(document, key, title, sweep->title);
}

void scaling_plots(struct document *document, const struct sweep *sweep, const struct table *table)
{
    bool measured = false;
    for (size_t r = 0; r < table->row_count; r++)
        measured |= !isnan(value_at(table, r, SCALING_SECONDS));
    if (strcmp(sweep->key, "batch") != 0 && strcmp(sweep->key, "threads") != 0) {
        struct plot *plot = begin(document, sweep, "attention", "Attention of a sample, GMACs");
        plot->logarithmic = true;
        add_column(plot, "first", "counted in the graph, padding included", true, table,
                   SCALING_ATTENTION)
            ->apart = true;
        add_column(plot, "theory", "equation 7: these windows, this top-K", false, table,
                   SCALING_THEORY);
        add_column(plot, "third", "equation 8: the best number of windows", false, table,
                   SCALING_LEAST);
        add_column(plot, "second", "equation 6: all pixels of the other views", false, table,
                   SCALING_FULL);
    }
    if (strcmp(sweep->key, "threads") != 0) {
        struct plot *plot = begin(document, sweep, "memory", "Planned memory, MB");
        add_column(plot, "first", "inference", true, table, SCALING_INFERENCE);
        add_column(plot, "second", "training step", true, table, SCALING_TRAINING);
    }
    if (measured) {
        struct plot *plot = begin(document, sweep, "time", "Seconds of a sample");
        add_column(plot, "first", "median", true, table, SCALING_SECONDS);
        add_column(plot, "theory", "least", false, table, SCALING_LOW);
        add_column(plot, "theory", "most", false, table, SCALING_HIGH);
    }
}
