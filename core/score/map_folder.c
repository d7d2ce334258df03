#include "core/score/map_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/score/npy.h"

mvad_status map_folder_save(struct map_folder *folder, const char *class_name, const char *sample,
                            int64_t views, int64_t size, const float *maps, mvad_error *error)
{
    const char *const texts[] = {class_name, sample};
    const char *name;
    mvad_status status = folder->names ? MVAD_OK : mvad_file_names_create(&folder->names, error);
    if (!status) status = mvad_file_names_next(folder->names, texts, 2, &name, error);
    if (status) return status;
    const size_t bytes = strlen(folder->path) + strlen(name) + sizeof "/.npy";
    char *path = malloc(bytes);
    if (!path) return error_out_of_memory(error, "maps", bytes);
    snprintf(path, bytes, "%s/%s.npy", folder->path, name);
    const int64_t shape[3] = {views, size, size};
    status = npy_save(path, 3, shape, maps, error);
    free(path);
    return status;
}

void map_folder_free(struct map_folder *folder)
{
    mvad_file_names_destroy(folder->names);
    *folder = (struct map_folder){0};
}
