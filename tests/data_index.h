/* Opening a data set in the test's folder, and its index as text. */
#ifndef TESTS_DATA_INDEX_H
#define TESTS_DATA_INDEX_H

#include "core/data/dataset.h"
#include "data_images.h"

/* A test's teardown: empties the folder. */
int index_empty(void **state);

/* Opens what has this name in the folder, "" for the folder itself; it has to work. */
struct dataset open_with(const char *name, const char *variant, const char *classes,
                         int32_t image_size);
struct dataset open_root(void);

/* Opening it fails so, with one line that holds the path and `what`. */
void assert_refused_with(const char *name, const char *variant, const char *classes,
                         mvad_status status, const char *what);
void assert_refused(const char *name, mvad_status status, const char *what);

/* The whole index as text: a line a sample, "class split name: view label 'defect' image mask; ..",
 * with paths relative to the folder. */
void assert_index(const struct dataset *dataset, const char *wanted);

#endif
