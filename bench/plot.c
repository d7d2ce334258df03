#include "bench/plot.h"

#include <math.h>

#include "cli/common/html.h"

enum { HEIGHT = 300, HEAD = 30, KEY_LINE = 18 };

/* Colours as in the style sheet of reports, written out: not every viewer knows CSS variables. */
static const char style[] =
    "text{font:11.5px \"DejaVu Sans\",Verdana,sans-serif;fill:#5b6675}\n"
    ".title{font-size:13.5px;font-weight:bold;fill:#1c2430}\n"
    ".middle{text-anchor:middle}.right{text-anchor:end}\n"
    ".axis,.grid,.line{fill:none;stroke:#dfe3e8}.axis{stroke:#5b6675}\n"
    ".line{stroke-width:1.8;stroke-linejoin:round}\n"
    ".line.first{stroke:#0072b2}.line.second{stroke:#d55e00}.line.third{stroke:#009e73}\n"
    ".line.theory{stroke:#5b6675;stroke-dasharray:5 3}\n"
    "circle.first{fill:#0072b2}circle.second{fill:#d55e00}circle.third{fill:#009e73}\n"
    "circle.theory{fill:#5b6675}\n";

struct plot_series *plot_add(struct plot *plot, const char *style_name, const char *text, bool dots)
{
    struct plot_series *series = &plot->series[plot->count++];
    *series = (struct plot_series){.style = style_name, .text = text, .dots = dots};
    return series;
}

void plot_point(struct plot_series *series, double x, double y)
{
    if (series->count < PLOT_POINTS) series->points[series->count++] = (struct chart_point){x, y};
}

static void ranges(const struct plot *plot, struct axis *x, struct axis *y)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t s = 0; s < plot->count; s++)
        for (size_t i = 0; i < plot->series[s].count; i++) {
            const struct chart_point *point = &plot->series[s].points[i];
            if (isnan(point->y)) continue;
            low[0] = fmin(low[0], point->x);
            high[0] = fmax(high[0], point->x);
            low[1] = fmin(low[1], point->y);
            high[1] = fmax(high[1], point->y);
        }
    const bool empty = high[0] < low[0];
    const double ratio = plot->logarithmic ? 4 : INFINITY;
    *x = axis_make(empty ? 0 : low[0], empty ? 1 : high[0], ratio, 0.03);
    *y = axis_make(empty               ? 0
                   : plot->logarithmic ? low[1]
                                       : fmin(0, low[1]),
                   empty ? 1 : high[1], ratio, plot->logarithmic ? 0.06 : 0);
    if (!plot->logarithmic) y->high += 0.06 * (y->high - y->low);
}

static void draw(const struct plot *plot, const struct chart *chart)
{
    for (size_t s = 0; s < plot->count; s++) {
        const struct plot_series *series = &plot->series[s];
        if (!series->apart) chart_line(chart, series->style, series->points, series->count);
        if (series->dots) chart_dots(chart, series->style, series->points, series->count);
    }
}

void plot_figure(const struct plot *plot, FILE *file)
{
    struct chart chart;
    struct chart_key keys[PLOT_SERIES];
    struct axis x, y;
    ranges(plot, &x, &y);
    chart_begin(&chart, file, plot->title, HEIGHT, x, plot->x_name, y);
    draw(plot, &chart);
    for (size_t s = 0; s < plot->count; s++)
        keys[s] = (struct chart_key){plot->series[s].style, plot->series[s].text};
    chart_end(&chart, keys, plot->count);
}

static void draw_keys(const struct plot *plot, FILE *file)
{
    for (size_t s = 0; s < plot->count; s++) {
        const struct plot_series *series = &plot->series[s];
        const int y = HEAD + HEIGHT + KEY_LINE * (int)(s + 1) - 8;
        fprintf(file, "<path class=\"line %s\" d=\"M%d %dh24\"/>", series->style, CHART_LEFT, y);
        fprintf(file, "<text x=\"%d\" y=\"%d\">", CHART_LEFT + 32, y + 4);
        html_text(file, series->text);
        fputs("</text>\n", file);
    }
}

void plot_svg(const struct plot *plot, FILE *file)
{
    struct chart chart;
    struct axis x, y;
    const int height = HEAD + HEIGHT + KEY_LINE * (int)plot->count + 4;
    ranges(plot, &x, &y);
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" role=\"img\">\n<style>%s</style>\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n<title>",
            CHART_WIDTH, height, CHART_WIDTH, height, style, CHART_WIDTH, height);
    html_text(file, plot->title);
    fprintf(file, "</title>\n<text class=\"title\" x=\"%d\" y=\"20\">", CHART_LEFT);
    html_text(file, plot->title);
    fprintf(file, "</text>\n<g transform=\"translate(0 %d)\">\n", HEAD - 4);
    chart_axes(&chart, file, HEIGHT, x, plot->x_name, y);
    draw(plot, &chart);
    fputs("</g>\n", file);
    draw_keys(plot, file);
    fputs("</svg>\n", file);
}
