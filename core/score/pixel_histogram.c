#include "core/score/pixel_histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/score/score_key.h"

#define PAGE_BITS 8
#define PAGE_BINS (1u << PAGE_BITS)
#define EMPTY UINT32_MAX

struct page {
    struct tally bins[PAGE_BINS];
};

struct pixel_histogram {
    uint32_t shift;
    uint32_t capacity, used;
    uint32_t slots;     /* of the table: a power of two, at least twice the capacity */
    struct page *pages; /* capacity */
    uint32_t *numbers;  /* capacity: (key >> shift) >> PAGE_BITS of each page's bins */
    uint32_t *table;    /* slots: a page's index or EMPTY, open addressing by the page's number */
    uint64_t *order;    /* capacity: room to sort the pages */
    struct pixel_histogram_range range;
};

mvad_status pixel_histogram_create(size_t bytes, struct pixel_histogram **histogram,
                                   mvad_error *error)
{
    *histogram = NULL;
    if (bytes < (size_t)64 << 10 || bytes > (size_t)4 << 30)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "pixel histogram: %zu bytes, must be from 64 KiB to 4 GiB", bytes);
    struct pixel_histogram *created = calloc(1, sizeof *created);
    if (!created) return error_out_of_memory(error, "pixel histogram", sizeof *created);
    created->capacity = (uint32_t)(bytes / sizeof(struct page));
    created->slots = 1;
    while (created->slots < 2 * created->capacity) created->slots *= 2;
    created->pages = memory_allocate(created->capacity * sizeof *created->pages);
    created->numbers = malloc(created->capacity * sizeof *created->numbers);
    created->table = malloc(created->slots * sizeof *created->table);
    created->order = malloc(created->capacity * sizeof *created->order);
    if (!created->pages || !created->numbers || !created->table || !created->order) {
        bytes = pixel_histogram_bytes(created);
        pixel_histogram_destroy(created);
        return error_out_of_memory(error, "pixel histogram", bytes);
    }
    /* Touched, so that a system without the memory says so before the first score. */
    memset(created->pages, 0, created->capacity * sizeof *created->pages);
    memset(created->table, 0xFF, created->slots * sizeof *created->table);
    *histogram = created;
    return MVAD_OK;
}

void pixel_histogram_destroy(struct pixel_histogram *histogram)
{
    if (!histogram) return;
    free(histogram->pages);
    free(histogram->numbers);
    free(histogram->table);
    free(histogram->order);
    free(histogram);
}

/* The table's entry of a page, EMPTY where the page is not there yet. */
static uint32_t *find_entry(const struct pixel_histogram *histogram, uint32_t number)
{
    uint32_t mask = histogram->slots - 1, slot = (number * 0x9E3779B1u) >> 7 & mask;
    while (histogram->table[slot] != EMPTY && histogram->numbers[histogram->table[slot]] != number)
        slot = (slot + 1) & mask;
    return &histogram->table[slot];
}

/* Requires a free page. */
static struct page *start_page(struct pixel_histogram *histogram, uint32_t *entry, uint32_t number)
{
    uint32_t index = histogram->used++;
    *entry = index;
    histogram->numbers[index] = number;
    memset(&histogram->pages[index], 0, sizeof *histogram->pages);
    return &histogram->pages[index];
}

/* Joins pairs of bins, and with them pairs of pages. */
static void coarsen(struct pixel_histogram *histogram)
{
    uint32_t count = histogram->used;
    histogram->shift++;
    histogram->used = 0;
    memset(histogram->table, 0xFF, histogram->slots * sizeof *histogram->table);
    for (uint32_t i = 0; i < count; i++) {
        /* A copy, because the joined page may take this one's place; never that of a later one. */
        struct page old = histogram->pages[i];
        uint32_t number = histogram->numbers[i];
        uint32_t *entry = find_entry(histogram, number >> 1);
        struct page *page =
            *entry == EMPTY ? start_page(histogram, entry, number >> 1) : &histogram->pages[*entry];
        struct tally *half = page->bins + (number & 1) * (PAGE_BINS / 2);
        for (uint32_t j = 0; j < PAGE_BINS; j++) tally_add(&half[j / 2], &old.bins[j]);
    }
}

/* The page for a key, made where it is missing. May change `shift` and where all pages are. */
static struct page *page_of(struct pixel_histogram *histogram, uint32_t key)
{
    for (;;) {
        uint32_t number = key >> histogram->shift >> PAGE_BITS;
        uint32_t *entry = find_entry(histogram, number);
        if (*entry != EMPTY) return &histogram->pages[*entry];
        if (histogram->used < histogram->capacity) return start_page(histogram, entry, number);
        coarsen(histogram);
    }
}

static bool is_empty(const struct pixel_histogram_range *range)
{
    return !range->total.normal && !range->total.anomalous;
}

/* Joins another range to one; `shift` is the caller's. */
static void widen(struct pixel_histogram_range *range, const struct pixel_histogram_range *other)
{
    bool first = is_empty(range);
    if (first || other->lowest < range->lowest) range->lowest = other->lowest;
    if (first || other->highest > range->highest) {
        range->highest = other->highest;
        range->at_highest = (struct tally){0};
    }
    if (other->highest == range->highest) tally_add(&range->at_highest, &other->at_highest);
    tally_add(&range->total, &other->total);
}

/* What a score adds to the counts. */
static struct tally tally_of(const uint32_t *labels, const uint64_t *region_weights, size_t i)
{
    if (!labels || !labels[i]) return (struct tally){.normal = 1};
    return (struct tally){.anomalous = 1, .weight = region_weights[labels[i] - 1]};
}

/* The range of the scores alone. */
static struct pixel_histogram_range range_of(const float *scores, size_t count,
                                             const uint32_t *labels, const uint64_t *region_weights)
{
    struct pixel_histogram_range range = {.lowest = scores[0], .highest = scores[0]};
    for (size_t i = 1; i < count; i++) {
        range.lowest = scores[i] < range.lowest ? scores[i] : range.lowest;
        range.highest = scores[i] > range.highest ? scores[i] : range.highest;
    }
    for (size_t i = 0; i < count; i++) {
        if (scores[i] != range.highest) continue;
        struct tally one = tally_of(labels, region_weights, i);
        tally_add(&range.at_highest, &one);
    }
    range.total.normal = count;
    for (size_t i = 0; labels && i < count; i++) {
        if (!labels[i]) continue;
        range.total.normal--;
        range.total.anomalous++;
        range.total.weight += region_weights[labels[i] - 1];
    }
    return range;
}

void pixel_histogram_add(struct pixel_histogram *histogram, const float *scores, size_t count,
                         const uint32_t *labels, const uint64_t *region_weights)
{
    if (!count) return;
    /* Neighbouring pixels mostly fall into the same page. */
    struct page *page = NULL;
    uint32_t page_number = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t key = score_key(scores[i]), bin = key >> histogram->shift;
        if (!page || bin >> PAGE_BITS != page_number) {
            page = page_of(histogram, key);
            bin = key >> histogram->shift;
            page_number = bin >> PAGE_BITS;
        }
        struct tally *counted = &page->bins[bin & (PAGE_BINS - 1)];
        if (labels && labels[i]) {
            counted->anomalous++;
            counted->weight += region_weights[labels[i] - 1];
        } else {
            counted->normal++;
        }
    }
    struct pixel_histogram_range added = range_of(scores, count, labels, region_weights);
    widen(&histogram->range, &added);
}

void pixel_histogram_merge(struct pixel_histogram *histogram, const struct pixel_histogram *other)
{
    if (is_empty(&other->range)) return;
    while (histogram->shift < other->shift) coarsen(histogram);
    for (uint32_t i = 0; i < other->used; i++) {
        for (uint32_t j = 0; j < PAGE_BINS; j++) {
            const struct tally *bin = &other->pages[i].bins[j];
            if (!bin->normal && !bin->anomalous) continue;
            uint32_t key = (other->numbers[i] << PAGE_BITS | j) << other->shift;
            struct page *page = page_of(histogram, key);
            tally_add(&page->bins[key >> histogram->shift & (PAGE_BINS - 1)], bin);
        }
    }
    widen(&histogram->range, &other->range);
}

static int descending(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left < right) - (left > right);
}

void pixel_histogram_visit(struct pixel_histogram *histogram,
                           void (*visit)(const struct tally *bin, float score, void *user),
                           void *user)
{
    for (uint32_t i = 0; i < histogram->used; i++)
        histogram->order[i] = (uint64_t)histogram->numbers[i] << 32 | i;
    qsort(histogram->order, histogram->used, sizeof *histogram->order, descending);
    for (uint32_t i = 0; i < histogram->used; i++) {
        uint32_t index = (uint32_t)histogram->order[i];
        for (uint32_t j = PAGE_BINS; j-- > 0;) {
            const struct tally *bin = &histogram->pages[index].bins[j];
            if (!bin->normal && !bin->anomalous) continue;
            uint32_t key = (histogram->numbers[index] << PAGE_BITS | j) << histogram->shift;
            visit(bin, fmaxf(score_from_key(key), histogram->range.lowest), user);
        }
    }
}

struct measuring {
    struct curve curve;
    bool equal;
};

static void measure_bin(const struct tally *bin, float score, void *user)
{
    (void)score;
    struct measuring *measuring = user;
    curve_add(&measuring->curve, bin, measuring->equal);
}

void pixel_histogram_measure(struct pixel_histogram *histogram, struct curve_metrics *metrics)
{
    struct measuring measuring = {.equal = histogram->shift == 0};
    curve_begin(&measuring.curve, &histogram->range.total);
    pixel_histogram_visit(histogram, measure_bin, &measuring);
    curve_end(&measuring.curve, metrics);
}

void pixel_histogram_range(const struct pixel_histogram *histogram,
                           struct pixel_histogram_range *range)
{
    *range = histogram->range;
    range->shift = histogram->shift;
}

size_t pixel_histogram_bytes(const struct pixel_histogram *histogram)
{
    return sizeof *histogram + histogram->slots * sizeof *histogram->table +
           histogram->capacity *
               (sizeof *histogram->pages + sizeof *histogram->numbers + sizeof *histogram->order);
}
