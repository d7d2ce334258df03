/* Names: of entries in a folder, and which of them are safe. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/data/records.h"

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

mvad_status names_list(const char *folder, enum name_kind kind, bool missing_ok, char ***names,
                       size_t *count, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    size_t capacity = 0;
    *names = NULL;
    *count = 0;
    DIR *listing = opendir(folder);
    if (!listing && missing_ok && (errno == ENOENT || errno == ENOTDIR)) return MVAD_OK;
    if (!listing)
        return error_set(error, MVAD_ERROR_IO, "%s: cannot list: %s", file_label(folder),
                         strerror(errno));

    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(listing);
        if (!entry && errno)
            status = error_set(error, MVAD_ERROR_IO, "%s: cannot list: %s", file_label(folder),
                               strerror(errno));
        if (!entry) break;
        struct stat info; /* links are followed */
        if (entry->d_name[0] == '.' || fstatat(dirfd(listing), entry->d_name, &info, 0)) continue;
        if (kind == NAME_FOLDER ? !S_ISDIR(info.st_mode) : !S_ISREG(info.st_mode)) continue;
        char *name = NULL;
        if (!memory_grow((void **)names, &capacity, *count, sizeof **names) ||
            !(name = memory_copy_string(entry->d_name))) {
            status = error_out_of_memory(error, file_label(folder), strlen(entry->d_name) + 1);
            break;
        }
        (*names)[(*count)++] = name;
    }
    closedir(listing);
    if (status) {
        names_free(*names, *count);
        *names = NULL;
        *count = 0;
    } else if (*count) {
        qsort(*names, *count, sizeof **names, compare_names);
    }
    return status;
}

bool name_has_ending(const char *name, const char *endings)
{
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name) return false;
    size_t length = strlen(dot + 1);
    while (*endings) {
        size_t next = strcspn(endings, ",");
        if (next == length && strncasecmp(dot + 1, endings, length) == 0) return true;
        endings += next + (endings[next] == ',');
    }
    return false;
}

/* C0, DEL, and C1 in UTF-8: they would break lines and tables, or drive a terminal. */
static bool has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7F) return true;
        if (*p == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0) return true;
    }
    return false;
}

const char *records_path_fault(const char *path)
{
    if (!*path) return "is empty";
    if (has_control(path)) return "has a control character";
    if (*path == '/') return "is absolute";
    while (*path) {
        size_t part = strcspn(path, "/");
        if (part == 2 && path[0] == '.' && path[1] == '.') return "leaves the data folder";
        path += part + (path[part] == '/');
    }
    return NULL;
}

const char *records_name_fault(const char *name)
{
    if (strchr(name, '/')) return "has a slash";
    if (strcmp(name, ".") == 0) return "is no name";
    return records_path_fault(name);
}

bool records_wants_class(const struct record_set *set, const char *name)
{
    const char *list = set->options->classes;
    size_t length = strlen(name);
    if (!list) return true;
    while (*list) {
        size_t next = strcspn(list, ",");
        if (next == length && memcmp(list, name, length) == 0) return true;
        list += next + (list[next] == ',');
    }
    return false;
}
