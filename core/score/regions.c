#include "core/score/regions.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"

#define REGIONS_MAX_SIDE 32768

struct regions {
    uint32_t height, width, limit, count;
    uint32_t *labels;    /* height * width */
    uint32_t *parents;   /* limit + 1: trees of provisional labels, the lowest is the root */
    struct region *list; /* limit */
};

mvad_status regions_create(uint32_t height, uint32_t width, struct regions **regions,
                           mvad_error *error)
{
    *regions = NULL;
    if (!height || !width || height > REGIONS_MAX_SIDE || width > REGIONS_MAX_SIDE)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "regions: %u x %u pixels, must be from 1 to %d a side", height, width,
                         REGIONS_MAX_SIDE);
    struct regions *created = calloc(1, sizeof *created);
    if (!created) return error_out_of_memory(error, "regions", sizeof *created);
    created->height = height;
    created->width = width;
    /* A new label starts at a pixel none of whose neighbours above or left is set: at most one in
     * every 2 x 2 pixels. */
    created->limit = ((height + 1) / 2) * ((width + 1) / 2);
    created->labels = calloc((size_t)height * width, sizeof *created->labels);
    created->parents = malloc(((size_t)created->limit + 1) * sizeof *created->parents);
    created->list = malloc((size_t)created->limit * sizeof *created->list);
    if (!created->labels || !created->parents || !created->list) {
        size_t bytes = regions_bytes(created);
        regions_destroy(created);
        return error_out_of_memory(error, "regions", bytes);
    }
    *regions = created;
    return MVAD_OK;
}

void regions_destroy(struct regions *regions)
{
    if (!regions) return;
    free(regions->labels);
    free(regions->parents);
    free(regions->list);
    free(regions);
}

static uint32_t find_root(uint32_t *parents, uint32_t label)
{
    while (parents[label] != label) {
        parents[label] = parents[parents[label]];
        label = parents[label];
    }
    return label;
}

/* The lower root of the two trees, now the root of both. */
static uint32_t join(uint32_t *parents, uint32_t a, uint32_t b)
{
    a = find_root(parents, a);
    b = find_root(parents, b);
    if (a > b) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    parents[b] = a;
    return a;
}

/* Labels each set pixel with a provisional label and returns how many there are. */
static uint32_t label_provisionally(struct regions *regions, const uint8_t *mask)
{
    const uint32_t width = regions->width;
    uint32_t last = 0, *parents = regions->parents;
    for (uint32_t y = 0; y < regions->height; y++) {
        uint32_t *row = regions->labels + (size_t)y * width;
        const uint32_t *above = y ? row - width : NULL;
        for (uint32_t x = 0; x < width; x++) {
            row[x] = 0;
            if (!mask[(size_t)y * width + x]) continue;
            uint32_t label = above ? above[x] : 0;
            /* The pixel above touches all three others, which have been joined with it already. */
            if (!label) {
                uint32_t left = x ? row[x - 1] : 0, corner = above && x ? above[x - 1] : 0,
                         right = above && x + 1 < width ? above[x + 1] : 0;
                label = left ? left : corner;
                if (label && right)
                    label = join(parents, label, right);
                else if (right)
                    label = right;
            }
            if (!label) {
                label = ++last;
                parents[label] = label;
            }
            row[x] = label;
        }
    }
    return last;
}

void regions_find(struct regions *regions, const uint8_t *mask)
{
    const uint32_t width = regions->width;
    uint32_t *parents = regions->parents, provisional = label_provisionally(regions, mask);
    regions->count = 0;
    /* A root is the lowest label of its tree, so it gets its final number before the others: going
     * up, a parent already holds the final number. */
    for (uint32_t label = 1; label <= provisional; label++) {
        if (parents[label] == label) {
            regions->list[regions->count] = (struct region){.left = UINT32_MAX, .top = UINT32_MAX};
            parents[label] = ++regions->count;
        } else {
            parents[label] = parents[parents[label]];
        }
    }
    for (uint32_t y = 0; y < regions->height; y++) {
        uint32_t *row = regions->labels + (size_t)y * width;
        for (uint32_t x = 0; x < width; x++) {
            if (!row[x]) continue;
            row[x] = parents[row[x]];
            struct region *region = &regions->list[row[x] - 1];
            region->area++;
            if (x < region->left) region->left = x;
            if (x > region->right) region->right = x;
            if (y < region->top) region->top = y;
            region->bottom = y;
        }
    }
}

uint32_t regions_count(const struct regions *regions)
{
    return regions->count;
}

const struct region *regions_at(const struct regions *regions, uint32_t index)
{
    return &regions->list[index];
}

const uint32_t *regions_labels(const struct regions *regions)
{
    return regions->labels;
}

size_t regions_bytes(const struct regions *regions)
{
    size_t limit = regions->limit;
    return sizeof *regions + (size_t)regions->height * regions->width * sizeof *regions->labels +
           (limit + 1) * sizeof *regions->parents + limit * sizeof *regions->list;
}
