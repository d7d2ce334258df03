/* A list of views with a row or a line for each: CSV with a header, or one JSON object a line. */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/number.h"
#include "core/data/csv.h"
#include "core/data/records.h"

#define MAX_MANIFEST_BYTES ((size_t)256 << 20)

enum column { SAMPLE, VIEW, CLASS, SPLIT, LABEL, IMAGE, MASK, COLUMNS };

static const char *const column_names[COLUMNS] = {"sample", "view",  "class", "split",
                                                  "label",  "image", "mask"};

struct manifest {
    struct record_set *set;
    const char *folder; /* of the file: paths are relative to it */
    size_t line;
};

__attribute__((format(printf, 2, 3))) static mvad_status bad_line(const struct manifest *manifest,
                                                                  const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(manifest->set->error, MVAD_ERROR_FORMAT, "%s: line %zu: %s",
                     file_label(manifest->set->options->root), manifest->line, text);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(text, *words) == 0) return true;
    return false;
}

/* Adds one view; values are "" where the manifest says nothing. */
static mvad_status add(struct manifest *manifest, const char *const values[COLUMNS])
{
    static const char *const normal[] = {"good", "ok", "normal", "0", NULL};
    static const char *const required[] = {"sample", "view", "class", NULL};
    struct record_set *set = manifest->set;
    struct record record = {.label = DATASET_ANOMALOUS, .split = DATASET_TEST};
    const char *label = values[LABEL], *split = values[SPLIT], *fault;

    for (int i = SAMPLE; i <= CLASS; i++) {
        /* A sample may be named by a path, as the samples of other layouts are. */
        fault = i == CLASS ? records_name_fault(values[i]) : records_path_fault(values[i]);
        if (fault) return bad_line(manifest, "%s %s", required[i], fault);
    }
    if (strcasecmp(split, "train") == 0)
        record.split = DATASET_TRAIN;
    else if (*split && strcasecmp(split, "test") != 0)
        return bad_line(manifest, "split is neither train nor test");
    if (*label && (fault = records_name_fault(label))) return bad_line(manifest, "label %s", fault);
    if (!*label)
        record.label = DATASET_UNKNOWN;
    else if (is_one_of(label, normal))
        record.label = DATASET_NORMAL;
    if ((fault = records_path_fault(values[IMAGE]))) return bad_line(manifest, "image %s", fault);
    if (*values[MASK] && (fault = records_path_fault(values[MASK])))
        return bad_line(manifest, "mask %s", fault);

    if (!records_wants_class(set, values[CLASS])) return MVAD_OK;
    record.class_name = records_copy(set, values[CLASS], strlen(values[CLASS]));
    record.sample = records_copy(set, values[SAMPLE], strlen(values[SAMPLE]));
    record.view = records_copy(set, values[VIEW], strlen(values[VIEW]));
    record.defect = records_copy(set, label, strlen(label));
    record.image = records_join(set, manifest->folder, values[IMAGE], NULL);
    if (!record.class_name || !record.sample || !record.view || !record.defect || !record.image)
        return records_out_of_memory(set);
    if (*values[MASK] && record.label == DATASET_ANOMALOUS &&
        !(record.mask = records_join(set, manifest->folder, values[MASK], NULL)))
        return records_out_of_memory(set);
    return records_add(set, &record);
}

/* Finds each column in the header row; *where is its field, or CSV_MAX_FIELDS. */
static mvad_status read_header(struct manifest *manifest, const struct csv *csv,
                               size_t where[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++) {
        where[i] = CSV_MAX_FIELDS;
        for (size_t k = 0; k < csv->count; k++) {
            if (strcasecmp(csv->fields[k], column_names[i]) != 0) continue;
            if (where[i] != CSV_MAX_FIELDS)
                return bad_line(manifest, "column '%s' is there twice", column_names[i]);
            where[i] = k;
        }
        bool required = i == SAMPLE || i == VIEW || i == CLASS || i == IMAGE;
        if (required && where[i] == CSV_MAX_FIELDS)
            return bad_line(manifest,
                            "no column '%s' (sample, view, class and image are required; split, "
                            "label and mask are known)",
                            column_names[i]);
    }
    return MVAD_OK;
}

static mvad_status read_csv(struct manifest *manifest, const char *text, size_t length)
{
    struct csv csv;
    const char *fault;
    size_t where[COLUMNS], columns = 0;
    mvad_status status = MVAD_OK;
    csv_begin(&csv, text, length);
    while (!status && csv_next(&csv, &fault)) {
        manifest->line = csv.line;
        if (!columns) {
            columns = csv.count;
            status = read_header(manifest, &csv, where);
            continue;
        }
        if (csv.count != columns) {
            status = bad_line(manifest, "%zu fields, the header has %zu", csv.count, columns);
            break;
        }
        const char *values[COLUMNS];
        for (int i = 0; i < COLUMNS; i++)
            values[i] = where[i] == CSV_MAX_FIELDS ? "" : csv.fields[where[i]];
        status = add(manifest, values);
    }
    if (!status && fault) {
        manifest->line = csv.line;
        status = bad_line(manifest, "%s", fault);
    }
    csv_end(&csv);
    return status;
}

static mvad_status read_object(struct manifest *manifest, const cJSON *object)
{
    const char *values[COLUMNS];
    char numbers[COLUMNS][NUMBER_TEXT];
    if (!cJSON_IsObject(object)) return bad_line(manifest, "no JSON object");
    for (int i = 0; i < COLUMNS; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, column_names[i]);
        values[i] = "";
        if (cJSON_IsString(item)) {
            values[i] = item->valuestring;
        } else if (cJSON_IsNumber(item)) { /* views and labels are often numbers */
            number_to_text(item->valuedouble, 15, numbers[i]);
            values[i] = numbers[i];
        } else if (item && !cJSON_IsNull(item)) {
            return bad_line(manifest, "'%s' is neither a text nor a number", column_names[i]);
        }
    }
    return add(manifest, values);
}

static mvad_status read_jsonl(struct manifest *manifest, const char *text, size_t length)
{
    mvad_status status = MVAD_OK;
    for (const char *end = text + length; text < end && !status;) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t bytes = (size_t)((stop ? stop : end) - text), blank = 0;
        manifest->line++;
        while (blank < bytes && strchr(" \t\r", text[blank])) blank++;
        if (blank < bytes) {
            const char *rest = NULL;
            cJSON *object = cJSON_ParseWithLengthOpts(text, bytes, &rest, false);
            while (rest && rest < text + bytes && strchr(" \t\r", *rest)) rest++;
            if (!object || rest != text + bytes)
                status = bad_line(manifest, "no valid JSON object");
            else
                status = read_object(manifest, object);
            cJSON_Delete(object);
        }
        text += bytes + (stop != NULL);
    }
    return status;
}

mvad_status manifest_read(struct record_set *set)
{
    const char *path = set->options->root;
    struct manifest manifest = {.set = set};
    struct file_mapping mapping;
    bool is_csv = name_has_ending(path, "csv");
    if (!is_csv && !name_has_ending(path, "jsonl"))
        return error_set(set->error, MVAD_ERROR_FORMAT,
                         "%s: neither a folder nor a manifest (.csv or .jsonl)", file_label(path));
    const char *slash = strrchr(path, '/');
    manifest.folder = slash ? records_copy(set, path, (size_t)(slash - path) + 1) : "";
    if (!manifest.folder) return records_out_of_memory(set);

    mvad_status status = file_map(path, MAX_MANIFEST_BYTES, &mapping, set->error);
    if (status) return status;
    const char *text = mapping.data ? (const char *)mapping.data : "";
    status = (is_csv ? read_csv : read_jsonl)(&manifest, text, mapping.size);
    file_unmap(&mapping);
    return status;
}
