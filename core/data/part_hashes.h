/* Which parts a model was trained on, told from their photographs whatever they are called: a note of bounded
 * size with one hash a part, or those of the lowest ones. A hash says nothing else of a part, so the lowest
 * are a fair draw of all. */
#ifndef DATA_PART_HASHES_H
#define DATA_PART_HASHES_H

#include "core/data/dataset.h"

#define TRAINED_PARTS_NOTE "mvad.trained_parts"
#define PART_HASHES_MAX 4096

struct part_hashes {
    size_t parts; /* all of them; as many as `count`, unless these are the lowest PART_HASHES_MAX only */
    size_t count;
    uint64_t *hashes; /* owned; ascending */
};

/* Told after each sample, from any thread but one at a time; anything but 0 stops. */
struct part_hashes_progress {
    int32_t (*call)(size_t done, size_t total, void *user); /* may be NULL */
    void *user;
};

/* A hash of 48 bits, not 0, of the contents of each sample's photographs, in whatever order, for those
 * samples that are taken: dataset->sample_count of them, to be freed. 0 for the others, and where a
 * photograph cannot be read. Reads every file whole, with all processors, which takes minutes for a large
 * data set. Stopped: MVAD_OK and *hashes NULL. MVAD_ERROR_OUT_OF_MEMORY. */
mvad_status part_hashes_compute(const struct dataset *dataset, const bool *take,
                                const struct part_hashes_progress *progress, uint64_t **hashes,
                                mvad_error *error);

/* The note's text: the number of parts, a blank, 12 hexadecimal digits a hash. Zeros are passed over;
 * `hashes` is sorted. NULL without memory; to be freed. */
char *part_hashes_to_text(uint64_t *hashes, size_t count);

/* False where the text is no such note, or without memory; *set is empty then. */
bool part_hashes_from_text(const char *text, struct part_hashes *set);

bool part_hashes_have(const struct part_hashes *set, uint64_t hash);

/* Accepts an empty set, and leaves one. */
void part_hashes_free(struct part_hashes *set);

#endif
