/* The regions of an anomaly map above a threshold, in pixels of the photograph.
 *
 *     struct contour_finder *finder;
 *     struct contours contours = {0};
 *     status = contour_finder_create(256, &finder, error);
 *     status = contours_find(&contours, finder, map, 0.2f, 2448, 2048, error);
 *     ... contours.regions[0 .. contours.count) ...
 *     contours_free(&contours);
 *     contour_finder_destroy(finder);
 *
 * A region is 8-connected. Its contour runs along the edges of its pixels, clockwise from the top
 * left corner of its first pixel, turning at every point and at no other; where two pixels touch
 * at a corner only, it passes there twice. Map coordinate x becomes round(x * width / size), so
 * regions that meet in the map meet in the photograph; in one that is smaller than the map, points
 * may fall together.
 */
#ifndef SCORE_CONTOURS_H
#define SCORE_CONTOURS_H

#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

struct contour_finder;

/* The regions of one map; start from {0}. Reusing it reuses its memory. */
struct contours {
    mvad_region *regions; /* by score, highest first */
    size_t count, capacity;
    int32_t *points; /* of all contours, x, y pairs */
    size_t point_count, point_capacity;
};

/* For maps of size x size pixels, size from 1 to 32768. */
mvad_status contour_finder_create(int32_t size, struct contour_finder **finder, mvad_error *error);
void contour_finder_destroy(struct contour_finder *finder);

/* Replaces what *contours holds by the regions of `map`, size x size finite numbers, whose pixels
 * are above `threshold`, scaled to a photograph of width x height pixels. A box is the smallest one
 * of whole pixels that holds its region. MVAD_ERROR_OUT_OF_MEMORY. */
mvad_status contours_find(struct contours *contours, struct contour_finder *finder, const float *map,
                          float threshold, int32_t width, int32_t height, mvad_error *error);

void contours_free(struct contours *contours);

#endif
