#include "core/data/part_hashes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/data/image.h"
#include "core/data/parallel.h"

enum { DIGITS = 12, COUNT_TEXT = 24 };
#define HASH_MASK ((UINT64_C(1) << 48) - 1)

struct work {
    const struct dataset *dataset;
    const size_t *taken; /* indices of samples */
    uint64_t *hashes;
};

static bool hash_photograph(const char *path, uint64_t *hash)
{
    struct file_mapping file;
    if (file_map(path, IMAGE_MAX_FILE_BYTES, &file, NULL)) return false;
    *hash = hash_bytes(HASH_START, file.data, file.size);
    file_unmap(&file);
    return true;
}

/* Added up, so that names and order of the views do not matter. */
static bool hash_sample(size_t index, void *user)
{
    struct work *work = user;
    const struct dataset_sample *sample = &work->dataset->samples[work->taken[index]];
    uint64_t sum = 0, hash;
    for (size_t v = 0; v < sample->view_count; v++) {
        if (!hash_photograph(work->dataset->views[sample->first_view + v].image, &hash))
            return true;
        sum += hash_word(HASH_START, hash);
    }
    sum = hash_word(HASH_START, sum) >> 16;
    work->hashes[work->taken[index]] = sum ? sum : 1;
    return true;
}

mvad_status part_hashes_compute(const struct dataset *dataset, const bool *take,
                                const struct part_hashes_progress *progress, uint64_t **hashes,
                                mvad_error *error)
{
    const size_t all = dataset->sample_count;
    size_t count = 0, *taken = calloc(all + 1, sizeof *taken);
    *hashes = calloc(all + 1, sizeof **hashes);
    if (!taken || !*hashes) {
        free(taken);
        free(*hashes);
        *hashes = NULL;
        return error_out_of_memory(error, "hashes of parts", all);
    }
    for (size_t i = 0; i < all; i++)
        if (take[i]) taken[count++] = i;
    struct work work = {dataset, taken, *hashes};
    const struct parallel_job job = {.count = count,
                                     .work = hash_sample,
                                     .user = &work,
                                     .progress = progress->call,
                                     .progress_user = progress->user};
    const bool done = parallel_run(&job);
    free(taken);
    if (!done) {
        free(*hashes);
        *hashes = NULL;
    }
    return MVAD_OK;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

char *part_hashes_to_text(uint64_t *hashes, size_t count)
{
    size_t first = 0;
    if (count) qsort(hashes, count, sizeof *hashes, compare);
    while (first < count && !hashes[first]) first++;
    const size_t parts = count - first, kept = parts < PART_HASHES_MAX ? parts : PART_HASHES_MAX;
    char *text = malloc(COUNT_TEXT + kept * DIGITS);
    if (!text) return NULL;
    int at = snprintf(text, COUNT_TEXT, "%zu ", parts);
    for (size_t i = 0; i < kept; i++)
        at += snprintf(text + at, DIGITS + 1, "%012" PRIx64, hashes[first + i]);
    return text;
}

bool part_hashes_from_text(const char *text, struct part_hashes *set)
{
    char *end, digits[DIGITS + 1] = "";
    *set = (struct part_hashes){0};
    if (*text < '0' || *text > '9') return false;
    const unsigned long long parts = strtoull(text, &end, 10);
    const size_t length = *end == ' ' ? strlen(end + 1) : 1, count = length / DIGITS;
    if (length % DIGITS || count > PART_HASHES_MAX || count > parts ||
        (count < parts && count < PART_HASHES_MAX) || strspn(end + 1, "0123456789abcdef") != length)
        return false;
    *set = (struct part_hashes){.parts = (size_t)parts, .count = count};
    if (!(set->hashes = calloc(count + 1, sizeof *set->hashes))) return false;
    for (size_t i = 0; i < count; i++) {
        memcpy(digits, end + 1 + i * DIGITS, DIGITS);
        set->hashes[i] = strtoull(digits, NULL, 16) & HASH_MASK;
        if (i && set->hashes[i] < set->hashes[i - 1]) {
            part_hashes_free(set);
            return false;
        }
    }
    return true;
}

bool part_hashes_have(const struct part_hashes *set, uint64_t hash)
{
    return set->count && bsearch(&hash, set->hashes, set->count, sizeof hash, compare);
}

void part_hashes_free(struct part_hashes *set)
{
    free(set->hashes);
    *set = (struct part_hashes){0};
}
