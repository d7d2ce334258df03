/* Charts as inline SVG, without scripts: a frame with ticks, and lines in it. Colours come from the
 * page's style sheet by class names.
 *
 *     struct chart chart;
 *     chart_begin(&chart, file, "Loss", x, y);
 *     chart_line(&chart, "raw", points, count);
 *     chart_end(&chart);
 */
#ifndef CLI_COMMON_CHART_H
#define CLI_COMMON_CHART_H

#include <stdio.h>

#include "cli/common/axis.h"

/* Of every chart, in units that are about pixels. */
enum {
    CHART_WIDTH = 520,
    CHART_LEFT = 52,
    CHART_RIGHT = 508,
    CHART_TOP = 12,
    CHART_BELOW = 36 /* under the horizontal axis: its numbers and its name */
};

struct chart {
    FILE *file;
    struct axis x, y;
};

struct chart_point {
    double x, y; /* a NaN as y interrupts a line */
};

/* Opens a figure with its title and an SVG of that height, and draws both axes; `x_name` stands
 * under the horizontal one. The positions of the axes are set here. */
void chart_begin(struct chart *chart, FILE *file, const char *title, int height, struct axis x,
                 const char *x_name, struct axis y);

/* Both axes within an SVG that the caller has opened, for a drawing of that height. */
void chart_axes(struct chart *chart, FILE *file, int height, struct axis x, const char *x_name,
                struct axis y);

/* Only the horizontal axis: the caller places what is drawn between CHART_TOP and `bottom`. */
void chart_begin_flat(struct chart *chart, FILE *file, const char *title, int height, int *bottom,
                      struct axis x, const char *x_name);

void chart_line(const struct chart *chart, const char *style, const struct chart_point *points,
                size_t count);

/* Small discs at points that are no NaN. */
void chart_dots(const struct chart *chart, const char *style, const struct chart_point *points,
                size_t count);

/* A vertical line with a label beside its upper end, or none where it is NULL. */
void chart_mark(const struct chart *chart, const char *style, double x, int bottom,
                const char *label);

/* One entry of a legend below the chart: written between the SVG's end and the figure's. */
struct chart_key {
    const char *style, *text;
};
void chart_end(const struct chart *chart, const struct chart_key *keys, size_t count);

#endif
