/* Plots of results: within a page, or as an SVG file of their own. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>

#include "cli/common/chart.h"

enum { PLOT_POINTS = 128, PLOT_SERIES = 4, PLOT_LABELS = 32 };

struct plot_series {
    const char *style; /* "first", "second", "third", "theory": see the chart's style sheet */
    const char *text;  /* in the legend */
    bool dots;         /* at the points, beside the line between them */
    bool apart;        /* no line between the points */
    size_t count;
    struct chart_point points[PLOT_POINTS];
    char labels[PLOT_LABELS][64]; /* beside the first points; "": none */
};

struct plot {
    char key[48]; /* the SVG file's name without .svg */
    char title[128];
    const char *x_name;
    bool logarithmic; /* both axes, where their values are far apart */
    bool whole;       /* x counts something */
    size_t count;
    struct plot_series series[PLOT_SERIES];
};

/* A new empty series at the end, of at most PLOT_SERIES. */
struct plot_series *plot_add(struct plot *plot, const char *style, const char *text, bool dots);

/* What finds no place is left out. */
void plot_point(struct plot_series *series, double x, double y);

/* A label beside the last point. */
void plot_label(struct plot_series *series, const char *text);

/* A figure of an HTML page with the style sheet of reports. */
void plot_figure(const struct plot *plot, FILE *file);

/* A whole SVG file, which needs nothing else. */
void plot_svg(const struct plot *plot, FILE *file);

#endif
