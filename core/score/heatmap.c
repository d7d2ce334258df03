#include "core/score/heatmap.h"

#include <math.h>
#include <string.h>

#define COLOURS 6
#define PIXELS_PER_LINE 400 /* of the longer side, for each pixel of an outline's width */

void heatmap_colour(float t, float rgb[3])
{
    /* At equal distances; CIE L* is near 12, 27, 42, 57, 74 and 93. */
    static const float colours[COLOURS][3] = {{38, 14, 84},  {104, 26, 122}, {178, 46, 104},
                                              {232, 92, 62}, {250, 164, 46}, {250, 238, 150}};
    float at = fminf(fmaxf(t, 0), 1) * (COLOURS - 1);
    int i = (int)fminf(at, COLOURS - 2);
    for (int c = 0; c < 3; c++)
        rgb[c] = colours[i][c] + (at - (float)i) * (colours[i + 1][c] - colours[i][c]);
}

/* The two map pixels around output i of `outputs`, and the share of the second: centres of pixels lie
 * at i + 1/2, and what is outside the map is its border. */
static float neighbours(int32_t i, int32_t outputs, int32_t size, int32_t pair[2])
{
    float at = ((float)i + 0.5f) * (float)size / (float)outputs - 0.5f;
    at = fminf(fmaxf(at, 0), (float)(size - 1));
    pair[0] = (int32_t)at;
    pair[1] = pair[0] + 1 < size ? pair[0] + 1 : pair[0];
    return at - (float)pair[0];
}

static float mix(float a, float b, float share)
{
    return a + share * (b - a);
}

void heatmap_blend(const struct image *picture, const mvad_view_result *view,
                   const mvad_score_scale *scale)
{
    const float range = scale->high - scale->low;
    uint8_t *pixel = picture->pixels;
    for (int32_t y = 0; y < picture->height; y++) {
        int32_t rows[2], columns[2];
        const float down = neighbours(y, picture->height, view->map_size, rows);
        const float *upper = view->map + (size_t)rows[0] * (size_t)view->map_size;
        const float *lower = view->map + (size_t)rows[1] * (size_t)view->map_size;
        for (int32_t x = 0; x < picture->width; x++, pixel += 3) {
            const float across = neighbours(x, picture->width, view->map_size, columns);
            const float score = mix(mix(upper[columns[0]], upper[columns[1]], across),
                                    mix(lower[columns[0]], lower[columns[1]], across), down);
            const float t = fminf(fmaxf((score - scale->low) / range, 0), 1);
            float rgb[3];
            heatmap_colour(t, rgb);
            for (int c = 0; c < 3; c++)
                pixel[c] = (uint8_t)(mix(pixel[c], rgb[c], t * HEATMAP_OPACITY) + 0.5f);
        }
    }
}

/* A filled rectangle of one grey value, both corners inside, cut at the picture's border. */
static void fill(const struct image *picture, int64_t left, int64_t top, int64_t right,
                 int64_t bottom, uint8_t grey)
{
    if (left < 0) left = 0;
    if (top < 0) top = 0;
    if (right > picture->width - 1) right = picture->width - 1;
    if (bottom > picture->height - 1) bottom = picture->height - 1;
    for (int64_t y = top; y <= bottom && left <= right; y++)
        memset(picture->pixels + 3 * (y * picture->width + left), grey,
               (size_t)(3 * (right - left + 1)));
}

/* A contour's coordinate in the picture, between pixels. */
static int64_t scale_to(int32_t at, int32_t side, int32_t photograph)
{
    return ((int64_t)at * side * 2 + photograph) / (2 * (int64_t)photograph);
}

/* All edges of a region as lines of `width` pixels, from `width / 2` before the edge on. */
static void draw(const struct image *picture, const mvad_view_result *view,
                 const mvad_region *region, int64_t width, uint8_t grey)
{
    const int64_t before = width / 2;
    for (size_t i = 0; i < region->points; i++) {
        const int32_t *a = region->contour + 2 * i;
        const int32_t *b = region->contour + 2 * ((i + 1) % region->points);
        const int64_t ax = scale_to(a[0], picture->width, view->width),
                      ay = scale_to(a[1], picture->height, view->height),
                      bx = scale_to(b[0], picture->width, view->width),
                      by = scale_to(b[1], picture->height, view->height);
        fill(picture, (ax < bx ? ax : bx) - before, (ay < by ? ay : by) - before,
             (ax > bx ? ax : bx) - before + width - 1, (ay > by ? ay : by) - before + width - 1,
             grey);
    }
}

void heatmap_outline(const struct image *picture, const mvad_view_result *view)
{
    const int32_t longer = picture->width > picture->height ? picture->width : picture->height;
    const int64_t width = 1 + longer / PIXELS_PER_LINE;
    for (size_t i = 0; i < view->region_count; i++) {
        draw(picture, view, &view->regions[i], width + 2, 32);
        draw(picture, view, &view->regions[i], width, 255);
    }
}
