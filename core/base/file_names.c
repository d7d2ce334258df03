/* Names of files for things of a data set, which may be called anything. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checksum.h"
#include "core/base/error.h"
#include "core/base/memory.h"

#define SUFFIX_BYTES 16 /* "~N" */

struct mvad_file_names {
    uint64_t *used; /* hashes of the names given out: 8 bytes each */
    size_t count, capacity;
    char *name; /* the last one */
};

mvad_status mvad_file_names_create(mvad_file_names **names, mvad_error *error)
{
    if (!names) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "names are NULL");
    *names = calloc(1, sizeof **names);
    return *names ? error_clear(error) : error_out_of_memory(error, "file names", sizeof **names);
}

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

static uint64_t hash_text(const char *text)
{
    return checksum_bytes(0, text, strlen(text));
}

/* A scan of the list: 20,000 names cost a fraction of a second in all. */
static bool is_used(const mvad_file_names *names, uint64_t hash)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->used[i] == hash) return true;
    return false;
}

mvad_status mvad_file_names_next(mvad_file_names *names, const char *const *texts, size_t count,
                                 const char **name, mvad_error *error)
{
    if (!names || !texts || !name)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "names, texts or name are NULL");
    *name = NULL;
    size_t bytes = SUFFIX_BYTES + 1;
    for (size_t i = 0; i < count; i++) bytes += 3 * strlen(texts[i]) + 1;
    char *made = realloc(names->name, bytes);
    if (made) names->name = made;
    if (!made ||
        !memory_grow((void **)&names->used, &names->capacity, names->count, sizeof *names->used))
        return error_out_of_memory(error, "file names", bytes);
    char *end = made;
    for (size_t i = 0; i < count; i++) {
        if (!*texts[i]) continue;
        if (end > made) *end++ = '_';
        end = append_safely(end, texts[i]);
    }
    if (end == made || *made == '.') { /* not a hidden file, and not none */
        if (end == made) end++;
        *made = '_';
    }
    *end = 0;
    uint64_t hash = hash_text(made);
    for (unsigned n = 2; is_used(names, hash); n++) {
        snprintf(end, SUFFIX_BYTES, "~%u", n);
        hash = hash_text(made);
    }
    names->used[names->count++] = hash;
    *name = made;
    return error_clear(error);
}

void mvad_file_names_destroy(mvad_file_names *names)
{
    if (!names) return;
    free(names->used);
    free(names->name);
    free(names);
}
