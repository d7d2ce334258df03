/* What the readers of the three layouts share: records of views, gathered in any order, sorted into
 * an index at the end. Errors as dataset_open states them. */
#ifndef DATA_RECORDS_H
#define DATA_RECORDS_H

#include "core/data/dataset.h"

/* Strings that live as long as the data set, in blocks. */
struct string_block;

/* One view. All strings are in the set's blocks. */
struct record {
    const char *class_name, *sample, *view;
    const char *image, *mask, *defect; /* as in dataset_view */
    enum dataset_split split;
    enum dataset_label label;
};

struct record_set {
    const struct dataset_options *options;
    struct record *records;
    size_t count, capacity;
    struct string_block *strings;
    mvad_error *error;
};

/* A copy of `length` bytes of text, NUL-terminated; NULL where there is no memory. */
const char *records_copy(struct record_set *set, const char *text, size_t length);

/* Texts joined by slashes, empty ones left out, up to a NULL; NULL where there is no memory. */
const char *records_join(struct record_set *set, const char *first, ...) __attribute__((sentinel));

/* The error for a NULL of the two functions above. */
mvad_status records_out_of_memory(struct record_set *set);

mvad_status records_add(struct record_set *set, const struct record *record);

/* Whether the option `classes` is absent or lists this name. */
bool records_wants_class(const struct record_set *set, const char *name);

/* What is wrong with a path of an index file, as the end of a sentence; NULL where it may be joined
 * to the root: relative, without a part "..", not empty, no control characters. */
const char *records_path_fault(const char *path);

/* The same for a name that becomes part of a file name elsewhere (class, sample, view): also
 * without a slash. */
const char *records_name_fault(const char *name);

/* Sorts the records into *dataset, which takes over the strings. Checks that each class asked for
 * is there. */
mvad_status records_finish(struct record_set *set, struct dataset *dataset);

/* Frees what is left. */
void records_free(struct record_set *set);

/* The three readers. They add records, or fail. */
mvad_status realiad_read(struct record_set *set, bool *found);
mvad_status folders_read(struct record_set *set, bool *found);
mvad_status manifest_read(struct record_set *set);

/* A folder's entries that are not hidden, sorted byte by byte; `kind` selects. `names` and each of
 * its strings are freed with names_free. MVAD_ERROR_IO; where `missing_ok`, a folder that does not
 * exist has none. */
enum name_kind { NAME_FOLDER, NAME_FILE };
mvad_status names_list(const char *folder, enum name_kind kind, bool missing_ok, char ***names,
                       size_t *count, mvad_error *error);
void names_free(char **names, size_t count);

/* The ending behind the last dot is one of these (comma-separated, lower case), in any case. */
bool name_has_ending(const char *name, const char *endings);

#endif
