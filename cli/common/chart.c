#include "cli/common/chart.h"

#include <math.h>

#include "cli/common/html.h"

enum { TEXT_BELOW = 16, NAME_BELOW = 31 };

static void draw_x(const struct chart *chart, int bottom, const char *name)
{
    double ticks[AXIS_MAX_TICKS];
    char number[AXIS_NUMBER_BYTES];
    const size_t count = axis_ticks(&chart->x, 7, ticks);
    fprintf(chart->file, "<path class=\"axis\" d=\"M%d %dH%d\"/>\n", CHART_LEFT, bottom,
            CHART_RIGHT);
    for (size_t i = 0; i < count; i++) {
        const double at = axis_position(&chart->x, ticks[i]);
        fprintf(chart->file,
                "<path class=\"axis\" d=\"M%.1f %dv4\"/>"
                "<text class=\"middle\" x=\"%.1f\" y=\"%d\">%s</text>\n",
                at, bottom, at, bottom + TEXT_BELOW, axis_number(ticks[i], number));
    }
    fprintf(chart->file, "<text class=\"middle name\" x=\"%d\" y=\"%d\">",
            (CHART_LEFT + CHART_RIGHT) / 2, bottom + NAME_BELOW);
    html_text(chart->file, name);
    fputs("</text>\n", chart->file);
}

static void place_x(struct chart *chart, FILE *file, struct axis x)
{
    *chart = (struct chart){.file = file, .x = x};
    chart->x.begin = CHART_LEFT;
    chart->x.end = CHART_RIGHT;
}

static void open_figure(FILE *file, const char *title, int height)
{
    fputs("<figure class=\"chart\"><figcaption>", file);
    html_text(file, title);
    fprintf(file,
            "</figcaption>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">\n",
            CHART_WIDTH, height);
    fputs("<title>", file);
    html_text(file, title);
    fputs("</title>\n", file);
}

void chart_begin_flat(struct chart *chart, FILE *file, const char *title, int height, int *bottom,
                      struct axis x, const char *x_name)
{
    place_x(chart, file, x);
    *bottom = height - CHART_BELOW;
    open_figure(file, title, height);
    draw_x(chart, *bottom, x_name);
}

void chart_axes(struct chart *chart, FILE *file, int height, struct axis x, const char *x_name,
                struct axis y)
{
    double ticks[AXIS_MAX_TICKS];
    char number[AXIS_NUMBER_BYTES];
    const int bottom = height - CHART_BELOW;
    place_x(chart, file, x);
    draw_x(chart, bottom, x_name);
    chart->y = y;
    chart->y.begin = bottom;
    chart->y.end = CHART_TOP;
    const size_t count = axis_ticks(&chart->y, 6, ticks);
    for (size_t i = 0; i < count; i++) {
        const double at = axis_position(&chart->y, ticks[i]);
        fprintf(file,
                "<path class=\"grid\" d=\"M%d %.1fH%d\"/>"
                "<text class=\"right\" x=\"%d\" y=\"%.1f\">%s</text>\n",
                CHART_LEFT, at, CHART_RIGHT, CHART_LEFT - 6, at + 4, axis_number(ticks[i], number));
    }
}

void chart_begin(struct chart *chart, FILE *file, const char *title, int height, struct axis x,
                 const char *x_name, struct axis y)
{
    open_figure(file, title, height);
    chart_axes(chart, file, height, x, x_name, y);
}

void chart_line(const struct chart *chart, const char *style, const struct chart_point *points,
                size_t count)
{
    char next = 'M';
    fprintf(chart->file, "<path class=\"line %s\" d=\"", style);
    for (size_t i = 0; i < count; i++) {
        if (isnan(points[i].y)) {
            next = 'M';
            continue;
        }
        fprintf(chart->file, "%c%.1f %.1f", next, axis_position(&chart->x, points[i].x),
                axis_position(&chart->y, points[i].y));
        next = 'L';
    }
    fputs("\"/>\n", chart->file);
}

void chart_dots(const struct chart *chart, const char *style, const struct chart_point *points,
                size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isnan(points[i].y))
            fprintf(chart->file, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>", style,
                    axis_position(&chart->x, points[i].x), axis_position(&chart->y, points[i].y));
    fputc('\n', chart->file);
}

void chart_mark(const struct chart *chart, const char *style, double x, int bottom,
                const char *label)
{
    const double at = axis_position(&chart->x, x);
    const bool right = at > CHART_RIGHT - 120;
    fprintf(chart->file, "<path class=\"mark %s\" d=\"M%.1f %dV%d\"/>", style, at, CHART_TOP - 4,
            bottom);
    if (label) {
        fprintf(chart->file, "<text class=\"%s\" x=\"%.1f\" y=\"%d\">", right ? "right" : "left",
                right ? at - 5 : at + 5, CHART_TOP + 6);
        html_text(chart->file, label);
        fputs("</text>", chart->file);
    }
    fputc('\n', chart->file);
}

void chart_end(const struct chart *chart, const struct chart_key *keys, size_t count)
{
    fputs("</svg>\n", chart->file);
    if (count) fputs("<p class=\"keys\">", chart->file);
    for (size_t i = 0; i < count; i++) {
        fprintf(chart->file, "<span><i class=\"%s\"></i> ", keys[i].style);
        html_text(chart->file, keys[i].text);
        fputs("</span> ", chart->file);
    }
    if (count) fputs("</p>\n", chart->file);
    fputs("</figure>\n", chart->file);
}
