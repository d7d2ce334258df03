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

void plot_label(struct plot_series *series, const char *text)
{
    if (series->count && series->count <= PLOT_LABELS)
        snprintf(series->labels[series->count - 1], sizeof *series->labels, "%s", text);
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
    x->whole = plot->whole;
    *y = axis_make(empty               ? 0
                   : plot->logarithmic ? low[1]
                                       : fmin(0, low[1]),
                   empty ? 1 : high[1], ratio, plot->logarithmic ? 0.06 : 0);
    if (!plot->logarithmic) y->high += 0.06 * (y->high - y->low);
}

/* At the right of its point, or at the left where there is no room. */
static void draw_labels(const struct chart *chart, const struct plot_series *series)
{
    for (size_t i = 0; i < series->count && i < PLOT_LABELS; i++) {
        if (!*series->labels[i] || isnan(series->points[i].y)) continue;
        const double x = axis_position(&chart->x, series->points[i].x);
        const bool right = x > (CHART_LEFT + CHART_RIGHT) / 2.0;
        fprintf(chart->file, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", right ? "right" : "left",
                right ? x - 6 : x + 6, axis_position(&chart->y, series->points[i].y) + 4);
        html_text(chart->file, series->labels[i]);
        fputs("</text>\n", chart->file);
    }
}

static void draw(const struct plot *plot, const struct chart *chart)
{
    for (size_t s = 0; s < plot->count; s++) {
        const struct plot_series *series = &plot->series[s];
        if (!series->apart) chart_line(chart, series->style, series->points, series->count);
        if (series->dots) chart_dots(chart, series->style, series->points, series->count);
        draw_labels(chart, series);
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
    char styles[PLOT_SERIES][32];
    for (size_t s = 0; s < plot->count; s++) {
        snprintf(styles[s], sizeof styles[s], "%s%s", plot->series[s].style,
                 plot->series[s].apart ? " dot" : "");
        keys[s] = (struct chart_key){styles[s], plot->series[s].text};
    }
    chart_end(&chart, keys, plot->count);
}

static void draw_keys(const struct plot *plot, FILE *file)
{
    for (size_t s = 0; s < plot->count; s++) {
        const struct plot_series *series = &plot->series[s];
        const int y = HEAD + HEIGHT + KEY_LINE * (int)(s + 1) - 8;
        if (series->apart)
            fprintf(file, "<circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"3\"/>", series->style,
                    CHART_LEFT + 12, y);
        else
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
