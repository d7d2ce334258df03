#include "core/score/map_folder.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/score/npy.h"

#define SUFFIX_BYTES 32 /* "~N.npy" */

/* Appends `text` to `name`, which has room for three bytes for each of its bytes. */
static char *append_safely(char *name, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '/')
            *name++ = '_';
        else if (c < 128 && (isalnum(c) || strchr("._-", c)))
            *name++ = (char)c;
        else
            name += sprintf(name, "%%%02X", c);
    }
    *name = 0;
    return name;
}

/* FNV-1a. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
    return hash;
}

/* A scan of the list: 20,000 samples cost a fraction of a second in all. */
static bool is_used(const struct map_folder *folder, uint64_t hash)
{
    for (size_t i = 0; i < folder->count; i++)
        if (folder->used[i] == hash) return true;
    return false;
}

mvad_status map_folder_save(struct map_folder *folder, const char *class_name, const char *sample,
                            int64_t views, int64_t size, const float *maps, mvad_error *error)
{
    const size_t bytes =
        strlen(folder->path) + 3 * (strlen(class_name) + strlen(sample)) + SUFFIX_BYTES;
    char *path = malloc(bytes);
    if (!path ||
        !memory_grow((void **)&folder->used, &folder->capacity, folder->count, sizeof(uint64_t))) {
        free(path);
        return error_out_of_memory(error, "maps", bytes);
    }
    char *name = path + sprintf(path, "%s/", folder->path);
    char *end = append_safely(name, class_name);
    *end++ = '_';
    end = append_safely(end, sample);
    if (*name == '.') *name = '_'; /* not a hidden file */
    uint64_t hash = hash_text(name);
    for (unsigned n = 2; is_used(folder, hash); n++) {
        snprintf(end, SUFFIX_BYTES, "~%u", n);
        hash = hash_text(name);
    }
    folder->used[folder->count++] = hash;
    strcat(end, ".npy");
    const int64_t shape[3] = {views, size, size};
    mvad_status status = npy_save(path, 3, shape, maps, error);
    free(path);
    return status;
}

void map_folder_free(struct map_folder *folder)
{
    free(folder->used);
    *folder = (struct map_folder){0};
}
