/* Regions of a map above a threshold: their contours filled again against flood fills, their boxes
 * and areas, shapes known by hand. */
#include <math.h>
#include <stdbool.h>

#include "make_safetensors.h"

#include "core/score/contours.h"

enum { SIDE = 24, PIXELS = SIDE * SIDE };

static const float threshold = 0.5f;

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Noise, smoothed `rounds` times: the more, the larger the regions. */
static void draw_map(uint32_t seed, int rounds, float map[PIXELS])
{
    for (int i = 0; i < PIXELS; i++) map[i] = (float)(next_random(&seed) % 1000) / 999.0f;
    for (int round = 0; round < rounds; round++) {
        float old[PIXELS];
        memcpy(old, map, sizeof old);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                float sum = 0;
                for (int dy = -1; dy <= 1; dy++)
                    for (int dx = -1; dx <= 1; dx++)
                        sum += old[(y + dy + SIDE) % SIDE * SIDE + (x + dx + SIDE) % SIDE];
                map[y * SIDE + x] = sum / 9;
            }
    }
}

/* Spreads from pixel `at` over pixels whose `from` is `value`, to neighbours by `neighbours` ways,
 * and marks them. */
static void flood(const uint8_t *from, uint8_t value, int at, int neighbours, uint8_t *marks)
{
    static const int steps[8][2] = {{1, 0}, {-1, 0}, {0, 1},  {0, -1},
                                    {1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
    if (marks[at] || from[at] != value) return;
    marks[at] = 1;
    for (int i = 0; i < neighbours; i++) {
        int x = at % SIDE + steps[i][0], y = at / SIDE + steps[i][1];
        if (x >= 0 && y >= 0 && x < SIDE && y < SIDE)
            flood(from, value, y * SIDE + x, neighbours, marks);
    }
}

/* What cannot be reached from the border without entering the region: it and its holes. */
static void fill_holes(const uint8_t region[PIXELS], uint8_t filled[PIXELS])
{
    uint8_t outside[PIXELS] = {0};
    for (int i = 0; i < PIXELS; i++) {
        const int x = i % SIDE, y = i / SIDE;
        if (x == 0 || y == 0 || x == SIDE - 1 || y == SIDE - 1) flood(region, 0, i, 4, outside);
    }
    for (int i = 0; i < PIXELS; i++) filled[i] = !outside[i];
}

/* Whether a point lies inside the polygon: a ray to the left crosses its edges an odd number of
 * times. */
static bool is_inside(const mvad_region *region, double x, double y)
{
    bool inside = false;
    for (size_t i = 0; i < region->points; i++) {
        const int32_t *a = region->contour + 2 * i;
        const int32_t *b = region->contour + 2 * ((i + 1) % region->points);
        if ((a[1] > y) != (b[1] > y) && a[0] < x) inside = !inside;
    }
    return inside;
}

/* Edges run along one axis and turn at every point. */
static void assert_corners(const mvad_region *region)
{
    assert_true(region->points >= 4 && region->points % 2 == 0);
    for (size_t i = 0; i < region->points; i++) {
        const int32_t *a = region->contour + 2 * i;
        const int32_t *b = region->contour + 2 * ((i + 1) % region->points);
        assert_int_equal(a[i % 2 == 0], b[i % 2 == 0]); /* the first one goes along x */
        assert_int_not_equal(a[i % 2], b[i % 2]);
    }
}

/* One region against the flood from the first pixel of the map that has its score; `scale` pixels of
 * the photograph a pixel of the map. */
static void check_region(const mvad_region *region, const float map[PIXELS], const int scale[2],
                         uint8_t seen[PIXELS])
{
    uint8_t above[PIXELS], marks[PIXELS] = {0}, filled[PIXELS];
    int at = 0, area = 0, left = SIDE, top = SIDE, right = -1, bottom = -1;
    for (int i = 0; i < PIXELS; i++) above[i] = map[i] > threshold;
    while (map[at] != region->score || seen[at]) at++;
    flood(above, 1, at, 8, marks);
    fill_holes(marks, filled);
    for (int i = 0; i < PIXELS; i++) {
        const int x = i % SIDE, y = i / SIDE;
        assert_int_equal(is_inside(region, (x + 0.5) * scale[0], (y + 0.5) * scale[1]), filled[i]);
        if (!marks[i]) continue;
        seen[i] = 1;
        area++;
        assert_true(map[i] <= region->score);
        left = x < left ? x : left;
        right = x > right ? x : right;
        top = y < top ? y : top;
        bottom = y > bottom ? y : bottom;
    }
    assert_int_equal(region->left, left * scale[0]);
    assert_int_equal(region->top, top * scale[1]);
    assert_int_equal(region->width, (right + 1 - left) * scale[0]);
    assert_int_equal(region->height, (bottom + 1 - top) * scale[1]);
    assert_true(fabs(region->area - (double)area * scale[0] * scale[1]) < 1e-6);
    assert_corners(region);
}

static void contours_enclose_their_regions(void **state)
{
    (void)state;
    static const int scales[][2] = {{1, 1}, {3, 2}, {1, 5}};
    struct contour_finder *finder;
    struct contours contours = {0};
    size_t regions = 0, joined = 0;
    assert_int_equal(contour_finder_create(SIDE, &finder, NULL), MVAD_OK);
    for (uint32_t seed = 0; seed < 60; seed++) {
        const int *scale = scales[seed % 3];
        float map[PIXELS], last = INFINITY;
        uint8_t seen[PIXELS] = {0};
        draw_map(seed, (int)(seed % 4), map);
        assert_int_equal(contours_find(&contours, finder, map, threshold, SIDE * scale[0],
                                       SIDE * scale[1], NULL),
                         MVAD_OK);
        for (size_t i = 0; i < contours.count; i++) {
            const mvad_region *region = &contours.regions[i];
            assert_true(region->score <= last);
            last = region->score;
            check_region(region, map, scale, seen);
            /* Points that the contour passes twice. */
            for (size_t a = 0; a < region->points; a++)
                for (size_t b = 0; b < a; b++)
                    joined += !memcmp(region->contour + 2 * a, region->contour + 2 * b,
                                      2 * sizeof(int32_t));
        }
        regions += contours.count;
        for (int i = 0; i < PIXELS; i++) assert_int_equal(seen[i], map[i] > threshold);
    }
    assert_true(regions > 200 && joined > 200);
    contours_free(&contours);
    contour_finder_destroy(finder);
}

/* The contour of a map drawn with letters: # is above the threshold. */
static void assert_contour(const char *const *rows, int size, const char *wanted)
{
    struct contour_finder *finder;
    struct contours contours = {0};
    float map[64];
    char text[256] = "";
    for (int i = 0; i < size * size; i++) map[i] = rows[i / size][i % size] == '#' ? 1 : 0;
    assert_int_equal(contour_finder_create(size, &finder, NULL), MVAD_OK);
    assert_int_equal(contours_find(&contours, finder, map, threshold, size, size, NULL), MVAD_OK);
    for (size_t i = 0; i < contours.count; i++)
        for (size_t p = 0; p < contours.regions[i].points; p++) {
            const int32_t *point = contours.regions[i].contour + 2 * p;
            const size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%s%d%d",
                     p   ? " "
                     : i ? "; "
                         : "",
                     point[0], point[1]);
        }
    assert_string_equal(text, wanted);
    contours_free(&contours);
    contour_finder_destroy(finder);
}

static void known_shapes(void **state)
{
    (void)state;
    assert_contour((const char *[]){"...", "...", "..."}, 3, "");
    assert_contour((const char *[]){"###", "###", "###"}, 3, "00 30 33 03");
    assert_contour((const char *[]){"#"}, 1, "00 10 11 01");
    assert_contour((const char *[]){"...", ".#.", "..."}, 3, "11 21 22 12");
    /* A hole is not cut out. */
    assert_contour((const char *[]){"###", "#.#", "###"}, 3, "00 30 33 03");
    /* Corners join, to either side. */
    assert_contour((const char *[]){"#.", ".#"}, 2, "00 10 11 21 22 12 11 01");
    assert_contour((const char *[]){".#", "#."}, 2, "10 20 21 11 12 02 01 11");
    assert_contour((const char *[]){"#.#", "...", "##."}, 3,
                   "00 10 11 01; 20 30 31 21; 02 22 23 03");
    assert_contour((const char *[]){"##.", "#..", "..."}, 3, "00 20 21 11 12 02");
}

/* A photograph whose sides the map's do not divide, and one smaller than the map. */
static void boxes_hold_their_regions(void **state)
{
    (void)state;
    static const int32_t sides[][2] = {{50, 20}, {7, 100}, {1, 1}, {16384, 3}, {SIDE, SIDE}};
    struct contour_finder *finder;
    struct contours contours = {0};
    assert_int_equal(contour_finder_create(SIDE, &finder, NULL), MVAD_OK);
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++)
        for (int at = 0; at < PIXELS; at += 7) {
            const int32_t width = sides[s][0], height = sides[s][1];
            const double step[2] = {(double)width / SIDE, (double)height / SIDE};
            const int x = at % SIDE, y = at / SIDE;
            float map[PIXELS] = {0};
            map[at] = 2;
            assert_int_equal(contours_find(&contours, finder, map, threshold, width, height, NULL),
                             MVAD_OK);
            assert_int_equal(contours.count, 1);
            const mvad_region *r = &contours.regions[0];
            assert_true(r->left >= 0 && r->top >= 0 && r->width >= 1 && r->height >= 1);
            assert_true(r->left + r->width <= width && r->top + r->height <= height);
            assert_int_equal(r->left, (int)floor(x * step[0] + 1e-9));
            assert_int_equal(r->top, (int)floor(y * step[1] + 1e-9));
            assert_int_equal(r->left + r->width, (int)ceil((x + 1) * step[0] - 1e-9));
            assert_int_equal(r->top + r->height, (int)ceil((y + 1) * step[1] - 1e-9));
            assert_true(fabs(r->area - step[0] * step[1]) < 1e-9);
            assert_int_equal(r->points, 4);
            for (size_t p = 0; p < 4; p++) {
                const double exact[2] = {(x + (p == 1 || p == 2)) * step[0],
                                         (y + (p >= 2)) * step[1]};
                for (int c = 0; c < 2; c++)
                    assert_true(fabs(r->contour[2 * p + c] - exact[c]) <= 0.5 + 1e-9);
            }
        }
    contours_free(&contours);
    contour_finder_destroy(finder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contours_enclose_their_regions),
        cmocka_unit_test(known_shapes),
        cmocka_unit_test(boxes_hold_their_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
