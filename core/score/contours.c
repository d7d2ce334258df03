#include "core/score/contours.h"

#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/score/regions.h"

struct contour_finder {
    int32_t size;
    struct regions *regions;
    uint8_t *mask; /* size * size: 1 above the threshold */
};

mvad_status contour_finder_create(int32_t size, struct contour_finder **finder, mvad_error *error)
{
    *finder = NULL;
    struct contour_finder *created = calloc(1, sizeof *created);
    if (!created) return error_out_of_memory(error, "contours", sizeof *created);
    created->size = size;
    mvad_status status = regions_create((uint32_t)size, (uint32_t)size, &created->regions, error);
    if (!status) {
        const size_t bytes = (size_t)size * (size_t)size;
        created->mask = malloc(bytes);
        if (!created->mask) status = error_out_of_memory(error, "contours", bytes);
    }
    if (status)
        contour_finder_destroy(created);
    else
        *finder = created;
    return status;
}

void contour_finder_destroy(struct contour_finder *finder)
{
    if (!finder) return;
    regions_destroy(finder->regions);
    free(finder->mask);
    free(finder);
}

/* A contour on its way. */
struct tracer {
    const uint32_t *labels;
    uint32_t label;
    int32_t size, width, height; /* of the map; of the photograph */
    struct contours *out;
};

static bool is_inside(const struct tracer *tracer, int32_t x, int32_t y)
{
    return x >= 0 && y >= 0 && x < tracer->size && y < tracer->size &&
           tracer->labels[(size_t)y * (size_t)tracer->size + (size_t)x] == tracer->label;
}

/* A map coordinate in the photograph, rounded down, to the nearest, or up. */
static int32_t scale_down(int64_t at, int32_t side, int32_t size)
{
    return (int32_t)(at * side / size);
}

static int32_t scale_near(int64_t at, int32_t side, int32_t size)
{
    return (int32_t)((2 * at * side + size) / (2 * size));
}

static int32_t scale_up(int64_t at, int32_t side, int32_t size)
{
    return (int32_t)((at * side + size - 1) / size);
}

static bool add_point(struct tracer *tracer, int32_t x, int32_t y)
{
    struct contours *out = tracer->out;
    if (!memory_grow((void **)&out->points, &out->point_capacity, out->point_count,
                     2 * sizeof *out->points))
        return false;
    int32_t *point = out->points + 2 * out->point_count++;
    point[0] = scale_near(x, tracer->width, tracer->size);
    point[1] = scale_near(y, tracer->height, tracer->size);
    return true;
}

/* Walks along the pixel edges with the region on the right-hand side, from the corner (x, y) above
 * and left of its first pixel. Of the two pixels ahead, the left one turns the path left even if the
 * right one is outside: so pixels that touch at a corner are joined. */
static bool trace(struct tracer *tracer, int32_t x, int32_t y)
{
    /* East, south, west, north: the step, and the pixel ahead on the left as seen from a corner. The
     * one on the right is the one on the left of the next direction. */
    static const int32_t step[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
    static const int32_t left[4][2] = {{0, -1}, {0, 0}, {-1, 0}, {-1, -1}};
    const int32_t first_x = x, first_y = y;
    int direction = 0;
    do {
        if (!add_point(tracer, x, y)) return false;
        int turn;
        do {
            const int32_t *ahead = left[direction], *right = left[(direction + 1) % 4];
            x += step[direction][0];
            y += step[direction][1];
            if (is_inside(tracer, x + ahead[0], y + ahead[1]))
                turn = 3;
            else
                turn = is_inside(tracer, x + right[0], y + right[1]) ? 0 : 1;
        } while (!turn);
        direction = (direction + turn) % 4;
    } while (x != first_x || y != first_y || direction != 0);
    return true;
}

/* The box and the area; the score comes later. */
static mvad_region measure(const struct tracer *tracer, const struct region *region)
{
    const int32_t size = tracer->size;
    const int32_t left = scale_down(region->left, tracer->width, size),
                  top = scale_down(region->top, tracer->height, size);
    const double pixel = (double)tracer->width * tracer->height / ((double)size * size);
    return (mvad_region){.left = left,
                         .top = top,
                         .width = scale_up(region->right + 1, tracer->width, size) - left,
                         .height = scale_up(region->bottom + 1, tracer->height, size) - top,
                         .area = region->area * pixel};
}

static mvad_status add_region(struct tracer *tracer, const struct regions *regions, uint32_t index,
                              mvad_error *error)
{
    struct contours *out = tracer->out;
    const struct region *region = regions_at(regions, index);
    const size_t first = out->point_count;
    int32_t x = (int32_t)region->left;
    tracer->label = index + 1;
    while (!is_inside(tracer, x, (int32_t)region->top)) x++;
    if (!memory_grow((void **)&out->regions, &out->capacity, out->count, sizeof *out->regions) ||
        !trace(tracer, x, (int32_t)region->top))
        return error_out_of_memory(error, "contours", out->point_count * 2 * sizeof *out->points);
    mvad_region *added = &out->regions[out->count++];
    *added = measure(tracer, region);
    added->points = out->point_count - first;
    return MVAD_OK;
}

/* Higher scores first; where they are equal, what begins further up and left. */
static int compare(const void *first, const void *second)
{
    const mvad_region *a = first, *b = second;
    if (a->score != b->score) return a->score < b->score ? 1 : -1;
    return (a->contour > b->contour) - (a->contour < b->contour);
}

mvad_status contours_find(struct contours *contours, struct contour_finder *finder, const float *map,
                          float threshold, int32_t width, int32_t height, mvad_error *error)
{
    const size_t pixels = (size_t)finder->size * (size_t)finder->size;
    struct tracer tracer = {.size = finder->size, .width = width, .height = height, .out = contours};
    contours->count = contours->point_count = 0;
    for (size_t i = 0; i < pixels; i++) finder->mask[i] = map[i] > threshold;
    regions_find(finder->regions, finder->mask);
    tracer.labels = regions_labels(finder->regions);
    for (uint32_t i = 0; i < regions_count(finder->regions); i++) {
        mvad_status status = add_region(&tracer, finder->regions, i, error);
        if (status) return status;
        contours->regions[i].score = threshold;
    }
    for (size_t i = 0; i < pixels; i++) {
        if (!tracer.labels[i]) continue;
        float *score = &contours->regions[tracer.labels[i] - 1].score;
        if (map[i] > *score) *score = map[i];
    }
    const int32_t *next = contours->points; /* it moves no more */
    for (size_t i = 0; i < contours->count; i++) {
        contours->regions[i].contour = next;
        next += 2 * contours->regions[i].points;
    }
    if (contours->count)
        qsort(contours->regions, contours->count, sizeof *contours->regions, compare);
    return MVAD_OK;
}

void contours_free(struct contours *contours)
{
    free(contours->regions);
    free(contours->points);
    *contours = (struct contours){0};
}
