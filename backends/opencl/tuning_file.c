#include <clblast_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/opencl/tuning.h"
#include "core/base/checksum.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"

enum { MAX_PATH = 4096, MAX_FILE = 16 << 20, MAX_PARAMETERS = 32 };

const char *opencl_variant_name(enum launch_variant variant)
{
    static const char *const names[LAUNCH_VARIANT_COUNT] = {"direct", "tiled", "blas"};
    return names[variant];
}

/* The file's path, and whether the user named it. False: there is no place for one. */
static bool tuning_path(const struct opencl_device *device, char path[MAX_PATH], bool *named)
{
    const char *own = getenv("MVAD_OPENCL_TUNING");
    char folder[MAX_PATH - 64], identity[4 * OPENCL_NAME + 16];
    *named = own && *own;
    if (*named) return snprintf(path, MAX_PATH, "%s", own) < MAX_PATH;
    if (!opencl_cache_folder(folder, sizeof folder)) return false;
    snprintf(identity, sizeof identity, "%s\n%s\n%s\n%s\n%d", device->platform, device->name,
             device->version, device->driver, device->launch.processor);
    snprintf(path, MAX_PATH, "%s/opencl-%016llx.tuning", folder,
             (unsigned long long)checksum_bytes(0, identity, strlen(identity)));
    return true;
}

mvad_status opencl_gemm_override(struct opencl_device *device, const char *line, mvad_error *error)
{
    char text[TUNING_LINE], *rest;
    const char *names[MAX_PARAMETERS];
    size_t values[MAX_PARAMETERS], count = 0;
    snprintf(text, sizeof text, "%s", line);
    const char *kernel = strtok_r(text, " \t", &rest), *bits = strtok_r(NULL, " \t", &rest);
    const CLBlastPrecision precision =
        bits && !strcmp(bits, "64") ? CLBlastPrecisionDouble : CLBlastPrecisionSingle;
    for (char *word; kernel && bits && (word = strtok_r(NULL, " \t", &rest));) {
        char *equals = strchr(word, '='), *end;
        if (!equals || count == MAX_PARAMETERS) goto malformed;
        *equals = 0;
        names[count] = word;
        values[count] = strtoul(equals + 1, &end, 10);
        if (end == equals + 1 || *end) goto malformed;
        count++;
    }
    if (!count) goto malformed;
    if (CLBlastOverrideParameters(device->place.device, kernel, precision, count, names, values))
        return error_set(error, MVAD_ERROR_FORMAT,
                         "CLBlast knows no kernel %s with these parameters: %.200s", kernel, line);
    return MVAD_OK;
malformed:
    return error_set(error, MVAD_ERROR_FORMAT, "not NAME BITS KEY=NUMBER ..: %.200s", line);
}

void opencl_tuning_add(struct opencl_tuning *tuning, const char *key, enum launch_variant variant)
{
    if (!memory_grow((void **)&tuning->shape, &tuning->capacity, tuning->count,
                     sizeof *tuning->shape))
        return;
    struct tuned_shape *shape = &tuning->shape[tuning->count++];
    snprintf(shape->key, sizeof shape->key, "%s", key);
    shape->variant = variant;
    tuning->changed = true;
}

static bool take_shape(struct opencl_tuning *tuning, const char *key, const char *variant)
{
    for (int v = 0; v < LAUNCH_VARIANT_COUNT; v++) {
        if (strcmp(variant, opencl_variant_name((enum launch_variant)v)) != 0) continue;
        opencl_tuning_add(tuning, key, (enum launch_variant)v);
        return true;
    }
    return false;
}

/* One line without its end. */
static mvad_status take_line(struct opencl_device *device, const char *line, mvad_error *error)
{
    char key[TUNING_KEY], variant[16];
    line += strspn(line, " \t");
    if (!*line || *line == '#') return MVAD_OK;
    if (!strncmp(line, "gemm ", 5)) {
        mvad_status status = opencl_gemm_override(device, line + 5, error);
        if (!status) snprintf(device->tuning->gemm, sizeof device->tuning->gemm, "%s", line + 5);
        return status;
    }
    if (sscanf(line, "conv %111s %15s", key, variant) == 2 &&
        take_shape(device->tuning, key, variant))
        return MVAD_OK;
    return error_set(error, MVAD_ERROR_FORMAT, "not a line of a tuning file: %.200s", line);
}

mvad_status opencl_tuning_load(struct opencl_device *device, mvad_error *error)
{
    char path[MAX_PATH], line[TUNING_LINE];
    bool named;
    struct file_mapping file;
    device->tuning = calloc(1, sizeof *device->tuning);
    if (!device->tuning) return error_out_of_memory(error, "tuning", sizeof *device->tuning);
    if (!tuning_path(device, path, &named)) return MVAD_OK;
    mvad_status status = file_map(path, MAX_FILE, &file, error);
    if (status) return named ? status : MVAD_OK;
    log_write(MVAD_LOG_INFO, "%s: choices of an earlier search", file_label(path));
    int number = 0;
    for (size_t at = 0; at < file.size && !status;) {
        const char *begin = (const char *)file.data + at;
        const char *end = memchr(begin, '\n', file.size - at);
        const size_t length = end ? (size_t)(end - begin) : file.size - at;
        mvad_error reason;
        snprintf(line, sizeof line, "%.*s", length < sizeof line ? (int)length : 0, begin);
        number++;
        if (take_line(device, line, &reason)) {
            if (named)
                status = error_set(error, MVAD_ERROR_FORMAT, "%s: line %d: %.300s",
                                   file_label(path), number, reason.message);
            else
                log_write(MVAD_LOG_WARNING, "%s: line %d is passed over: %.300s", file_label(path),
                          number, reason.message);
        }
        at += length + 1;
    }
    file_unmap(&file);
    device->tuning->changed = false;
    return status;
}

mvad_status opencl_tuning_save(struct opencl_device *device, mvad_error *error)
{
    struct opencl_tuning *tuning = device->tuning;
    char path[MAX_PATH];
    bool named;
    if (!tuning->changed || !tuning_path(device, path, &named)) return MVAD_OK;
    const size_t size = (tuning->count + 2) * TUNING_LINE;
    char *text = malloc(size);
    if (!text) return error_out_of_memory(error, "tuning", size);
    int at = snprintf(text, size, "# %s, driver %s, mvad %s\n", device->name, device->driver,
                      mvad_version());
    if (*tuning->gemm) at += snprintf(text + at, size - (size_t)at, "gemm %s\n", tuning->gemm);
    for (size_t i = 0; i < tuning->count; i++)
        at += snprintf(text + at, size - (size_t)at, "conv %s %s\n", tuning->shape[i].key,
                       opencl_variant_name(tuning->shape[i].variant));
    const struct file_piece piece = {text, (size_t)at};
    mvad_error reason;
    mvad_status status = file_replace(path, &piece, 1, &reason);
    free(text);
    tuning->changed = false;
    if (status && named) error_set(error, status, "%s", reason.message);
    if (status && !named)
        log_write(MVAD_LOG_WARNING, "what was measured is not kept: %s", reason.message);
    return named ? status : MVAD_OK;
}

void opencl_tuning_free(struct opencl_device *device)
{
    if (!device->tuning) return;
    free(device->tuning->shape);
    free(device->tuning);
    device->tuning = NULL;
}
