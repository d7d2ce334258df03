/* A folder of anomaly maps, one .npy file a sample.
 *
 *     struct map_folder folder = {.path = "maps"};
 *     status = map_folder_save(&folder, "bottle", "scratch/0007", views, size, maps, error);
 *     map_folder_free(&folder);        // the file is maps/bottle_scratch_0007.npy
 */
#ifndef SCORE_MAP_FOLDER_H
#define SCORE_MAP_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "mvad.h"

struct map_folder {
    const char *path;       /* exists; not owned */
    mvad_file_names *names; /* given out so far; NULL at first */
};

/* Writes `maps`, (views, size, size). The file is called CLASS_SAMPLE.npy, as mvad_file_names_next
 * makes it. Errors as npy_save's, and MVAD_ERROR_OUT_OF_MEMORY. */
mvad_status map_folder_save(struct map_folder *folder, const char *class_name, const char *sample,
                            int64_t views, int64_t size, const float *maps, mvad_error *error);

void map_folder_free(struct map_folder *folder);

#endif
