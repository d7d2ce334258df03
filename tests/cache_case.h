/* Small data sets with a cache of decoded images, for the tests of core/data/cache.h. All paths are in
 * the folder of data_images.h. */
#ifndef TESTS_CACHE_CASE_H
#define TESTS_CACHE_CASE_H

#include "core/data/cache.h"
#include "core/data/handle.h"
#include "data_images.h"

/* Opens a data set; its path lies in the folder. */
mvad_dataset *cache_open_data(const char *name);

/* Gives it a cache in a folder, with two threads. Returns whether it was built. */
bool cache_attach(mvad_dataset *dataset, const char *folder, int32_t image_size);

/* Opens, attaches, compares with assert_loads_as_decoded and closes. */
bool cache_try(const char *name, const char *folder, int32_t image_size);

/* Every view, with and without its mask, loads as decoding its files gives it, or fails likewise. */
void assert_loads_as_decoded(const mvad_dataset *dataset, int32_t image_size);

/* The path of the only file in a folder, freed by the caller; the test fails where there are none or
 * several. */
char *cache_path(const char *folder);

/* The number of files in a folder, hidden ones too. */
int cache_count_files(const char *folder);

/* Three parts of two views, PNG and BMP, and two masks, in the folder `name`. Every pixel is another
 * one. */
void cache_write_data(const char *name);

/* A picture of noise, as a BMP file: the length depends on the size alone. */
void cache_write_noise(const char *name, int width, int height, uint32_t seed);

/* Setup and teardown of a test: an empty tree with cache_write_data("data"). */
int cache_case_make(void **state);
int cache_case_remove(void **state);

#endif
