/* 8-connected regions of a mask.
 *
 *     struct regions *regions;
 *     status = regions_create(256, 256, &regions, error);
 *     regions_find(regions, mask);
 *     for (uint32_t i = 0; i < regions_count(regions); i++) ... regions_at(regions, i)->area ...
 *     regions_destroy(regions);
 *
 * All memory, 4 bytes a pixel for the labels and about 6 for the worst number of regions, is taken
 * when the object is created.
 */
#ifndef SCORE_REGIONS_H
#define SCORE_REGIONS_H

#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

struct regions;

struct region {
    uint32_t area;          /* pixels */
    uint32_t left, top;     /* the bounding box, in pixels */
    uint32_t right, bottom; /* its last column and row, inside the box */
};

/* For masks of height x width pixels, each from 1 to 32768. */
mvad_status regions_create(uint32_t height, uint32_t width, struct regions **regions,
                           mvad_error *error);
void regions_destroy(struct regions *regions);

/* Finds the regions of a mask, height * width bytes, rows first; anything but 0 belongs to a
 * region. Replaces what was found before. Regions are numbered in the order of their first pixel,
 * row by row. */
void regions_find(struct regions *regions, const uint8_t *mask);

/* How many were found; 0 before the first call of regions_find. */
uint32_t regions_count(const struct regions *regions);

/* The i-th region, valid until the next regions_find. */
const struct region *regions_at(const struct regions *regions, uint32_t index);

/* height * width labels, rows first: 0 outside regions, i + 1 inside the i-th. Valid until the next
 * regions_find. */
const uint32_t *regions_labels(const struct regions *regions);

/* Bytes held. */
size_t regions_bytes(const struct regions *regions);

#endif
