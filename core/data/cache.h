/* The decoded images of a data set in one file: reading them costs a copy, where decoding a JPEG of
 * 1024 x 1024 pixels costs more than the network takes on a GPU.
 *
 *     struct image_cache *cache;
 *     status = image_cache_open(&dataset, &options, &cache, &built, error);
 *     ... image_cache_read_pixels(cache, view, pixels) || decode ...
 *     image_cache_close(cache);
 *
 * A cache is only a faster way to the same bytes. Whatever it cannot give (a source that could not be
 * decoded, a damaged block, a read error) is said to be not there, and the source is decoded.
 *
 * The file is read, not mapped: a mapping that another process truncates ends the program with
 * SIGBUS, and its bytes could change between the check of their checksum and their use. The copy this
 * costs goes where the pixels are wanted anyway. */
#ifndef DATA_CACHE_H
#define DATA_CACHE_H

#include "core/data/dataset.h"

struct image_cache;

/* Opens the cache of these views at this size in options->folder, or builds it: where there is none,
 * where a source is another one than it was (told by path, size and times of change), where header
 * and table do not agree with their checksum and the file's size. It replaces the file in one step,
 * so that several processes may do so at a time. Place i of the cache is view i of the data set as it
 * is now. Options are checked by the caller. MVAD_ERROR_IO names the folder or the file;
 * MVAD_ERROR_OUT_OF_MEMORY. On failure, and where options->progress stopped it, *cache is NULL and there is
 * no new file. */
mvad_status image_cache_open(const struct dataset *dataset, const mvad_cache_options *options,
                             struct image_cache **cache, bool *built, mvad_error *error);

/* Whether there is a cache (it may be NULL) and its images have this size. */
bool image_cache_has_size(const struct image_cache *cache, int32_t image_size);

/* The pixels, S * S * 3 bytes, and the marks, S * S bytes, of a place, as load_image and load_mask
 * give them. False where it does not have them; the output is then undefined. From any thread. */
bool image_cache_read_pixels(struct image_cache *cache, size_t place, uint8_t *pixels);
bool image_cache_read_marks(struct image_cache *cache, size_t place, uint8_t *marks);

/* Removes a file in which a damaged block was met, so that the next one to open it builds it anew.
 * Accepts NULL. */
void image_cache_close(struct image_cache *cache);

#endif
