#include "core/synth/writer.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"

#define MARKER "synth.txt"
#define MARKER_BYTES 256
#define STEM_BYTES 160 /* of a path inside the class's folder, at most */
#define DATE "20240101000000"

static mvad_status system_error(const char *path, const char *what, mvad_error *error)
{
    return error_set(error, MVAD_ERROR_IO, "%s: %s: %s", file_label(path), what, strerror(errno));
}

/* "folder/name" and so on; NULL when out of memory. Freed by the caller. */
static char *make_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *make_path(const char *format, ...)
{
    char *path;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&path, format, arguments);
    va_end(arguments);
    return length < 0 ? NULL : path;
}

/* Makes the folder and those above it. `path` is changed and restored on the way. */
static mvad_status make_folders(char *path, mvad_error *error)
{
    for (char *c = path + 1;; c++) {
        if (*c != '/' && *c) continue;
        char kept = *c;
        *c = 0;
        /* Another thread may make the same folder at the same time. */
        if (mkdir(path, 0777) && errno != EEXIST)
            return system_error(path, "cannot make the folder", error);
        *c = kept;
        if (!kept) return MVAD_OK;
    }
}

/* Not with file_replace: syncing thousands of images one by one takes longer than rendering them,
 * and what a crash may cost is made again from the seed. A file that could not be written whole is
 * removed. */
static mvad_status write_file(const char *path, const void *data, size_t bytes, mvad_error *error)
{
    const uint8_t *next = data;
    mvad_status status = MVAD_OK;
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) return system_error(path, "cannot write", error);
    while (bytes > 0) {
        ssize_t written = write(file, next, bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            if (!written) errno = ENOSPC;
            status = system_error(path, "cannot write", error);
            break;
        }
        next += written;
        bytes -= (size_t)written;
    }
    if (close(file) && errno != EINTR && !status)
        status = system_error(path, "cannot write", error);
    if (status) unlink(path);
    return status;
}

/* The names in a folder, without the dots; -1 with errno set where it cannot be read. */
static int count_entries(const char *folder)
{
    DIR *open_folder = opendir(folder);
    if (!open_folder) return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(open_folder));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(open_folder);
    return count;
}

/* Whether a folder that is not empty was made from the same options. */
static mvad_status check_marker(const char *folder, const char *path, const char *expected,
                                mvad_error *error)
{
    struct file_mapping mapping;
    if (file_map(path, MARKER_BYTES, &mapping, NULL))
        return error_set(error, MVAD_ERROR_IO,
                         "%s: is not empty and no rendered data set (it has no " MARKER ")",
                         file_label(folder));
    bool same = mapping.size == strlen(expected) && !memcmp(mapping.data, expected, mapping.size);
    file_unmap(&mapping);
    if (same) return MVAD_OK;
    return error_set(error, MVAD_ERROR_IO,
                     "%s: holds a data set rendered with other options (see its " MARKER
                     "); remove it or choose another folder",
                     file_label(folder));
}

/* A set that is made again is not complete until it is done. */
static mvad_status remove_records(const char *folder, int classes, mvad_error *error)
{
    mvad_status status = MVAD_OK;
    for (int class = 0; class < classes && !status; class ++) {
        char *path = make_path("%s/realiad_jsons/%s.json", folder, family_at(class)->name);
        if (!path)
            status = error_out_of_memory(error, "a path", strlen(folder));
        else if (unlink(path) && errno != ENOENT)
            status = system_error(path, "cannot remove", error);
        free(path);
    }
    return status;
}

mvad_status writer_open(const char *folder, const mvad_synth_options *options, mvad_error *error)
{
    char text[MARKER_BYTES];
    mvad_status status;
    snprintf(text, sizeof text,
             "mvad synth, version 1\nclasses %d\nsamples_train %d\nsamples_test %d\n"
             "image_size %d\nseed %" PRIu64 "\n",
             options->classes, options->samples_train, options->samples_test, options->image_size,
             options->seed);
    char *marker = make_path("%s/" MARKER, folder), *copy = memory_copy_string(folder);
    if (!marker || !copy) {
        status = error_out_of_memory(error, "a path", strlen(folder));
        goto cleanup;
    }
    if ((status = make_folders(copy, error))) goto cleanup;
    int entries = count_entries(folder);
    if (entries < 0)
        status = system_error(folder, "cannot read the folder", error);
    else if (entries > 0) {
        status = check_marker(folder, marker, text, error);
        if (!status) status = remove_records(folder, options->classes, error);
    } else
        status = file_replace(marker, &(struct file_piece){text, strlen(text)}, 1, error);

cleanup:
    free(marker);
    free(copy);
    return status;
}

/* "NG/YW/S0022/CLASS_0022_NG_YW_C1_DATE", and where the folders in it end. */
static int make_stem(const struct sample *sample, int view, char stem[STEM_BYTES])
{
    const char *name = sample->family->name, *code = defect_code(sample->kind);
    if (sample->kind == DEFECT_NONE)
        snprintf(stem, STEM_BYTES, "OK/S%04d/%.64s_%04d_OK_C%d_" DATE, sample->number, name,
                 sample->number, view + 1);
    else
        snprintf(stem, STEM_BYTES, "NG/%s/S%04d/%.64s_%04d_NG_%s_C%d_" DATE, code, sample->number,
                 name, sample->number, code, view + 1);
    return (int)(strrchr(stem, '/') - stem);
}

mvad_status writer_image(const char *folder, int image_size, const struct sample *sample, int view,
                         bool is_mask, const void *data, size_t bytes, mvad_error *error)
{
    char stem[STEM_BYTES], size_name[16] = "raw";
    mvad_status status;
    int cut = make_stem(sample, view, stem);
    if (image_size == 256 || image_size == 512 || image_size == 1024)
        snprintf(size_name, sizeof size_name, "%d", image_size);
    char *parent =
        make_path("%s/realiad_%s/%s/%.*s", folder, size_name, sample->family->name, cut, stem);
    char *path =
        parent ? make_path("%s/%s.%s", parent, stem + cut + 1, is_mask ? "png" : "jpg") : NULL;
    if (!path) {
        status = error_out_of_memory(error, "a path", strlen(folder));
        goto cleanup;
    }
    status = make_folders(parent, error);
    if (!status) status = write_file(path, data, bytes, error);

cleanup:
    free(parent);
    free(path);
    return status;
}

/* {"category", "anomaly_class", "image_path", "mask_path"}; NULL when out of memory. The side that
 * hides the defect of a defective part is a normal image. */
static cJSON *make_record(const struct sample *sample, int view)
{
    char stem[STEM_BYTES], path[STEM_BYTES + 4];
    make_stem(sample, view, stem);
    bool masked = sample->masked[view];
    cJSON *record = cJSON_CreateObject();
    cJSON_AddStringToObject(record, "category", sample->family->name);
    cJSON_AddStringToObject(record, "anomaly_class", masked ? defect_code(sample->kind) : "OK");
    snprintf(path, sizeof path, "%s.jpg", stem);
    cJSON_AddStringToObject(record, "image_path", path);
    snprintf(path, sizeof path, "%s.png", stem);
    if (masked)
        cJSON_AddStringToObject(record, "mask_path", path);
    else
        cJSON_AddNullToObject(record, "mask_path");
    if (cJSON_GetArraySize(record) == 4) return record;
    cJSON_Delete(record);
    return NULL;
}

/* NULL when out of memory. */
static char *print_records(const struct sample *samples, size_t count)
{
    char prefix[FAMILY_NAME_BYTES + 2], *text = NULL;
    cJSON *root = cJSON_CreateObject();
    cJSON *meta = cJSON_AddObjectToObject(root, "meta");
    cJSON *lists[2] = {cJSON_AddArrayToObject(root, "train"), cJSON_AddArrayToObject(root, "test")};
    snprintf(prefix, sizeof prefix, "%s/", samples[0].family->name);
    bool whole = cJSON_AddStringToObject(meta, "prefix", prefix) &&
                 cJSON_AddStringToObject(meta, "normal_class", "OK") && lists[0] && lists[1];
    for (size_t i = 0; i < count && whole; i++)
        for (int view = 0; view < SCENE_VIEWS && whole; view++)
            whole = cJSON_AddItemToArray(lists[samples[i].is_test], make_record(&samples[i], view));
    if (whole) text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}

mvad_status writer_records(const char *folder, const struct sample *samples, size_t count,
                           mvad_error *error)
{
    mvad_status status;
    char *parent = make_path("%s/realiad_jsons", folder);
    char *path = parent ? make_path("%s/%s.json", parent, samples[0].family->name) : NULL;
    char *text = print_records(samples, count);
    if (!path || !text) {
        status = error_out_of_memory(error, "the records", count * SCENE_VIEWS);
        goto cleanup;
    }
    status = make_folders(parent, error);
    if (!status) {
        const struct file_piece pieces[] = {{text, strlen(text)}, {"\n", 1}};
        status = file_replace(path, pieces, 2, error);
    }

cleanup:
    free(parent);
    free(path);
    cJSON_free(text);
    return status;
}
