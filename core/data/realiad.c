/* Real-IAD: one JSON file a class, image files in one of several places. */
#include <cjson/cJSON.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/records.h"

#define MAX_JSON_BYTES ((size_t)256 << 20)
#define PROBES 16 /* records whose image is looked for to find out where the images are */

/* One class being read. */
struct class_file {
    struct record_set *set;
    const char *json; /* path of the file, for messages */
    const char *name; /* of the class, in the set's strings */
    const char *prefix, *normal;
    const char *images; /* the folder that prefix and paths are joined to */
};

__attribute__((format(printf, 2, 3))) static mvad_status bad_class(const struct class_file *file,
                                                                   const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(file->set->error, MVAD_ERROR_FORMAT, "%s: %s", file_label(file->json), text);
}

/* A member that is a string; NULL where it is missing or something else. */
static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* ---- where the images are ---- */

/* Image folders inside the root in the order of preference: the smallest that is large enough, then
 * the largest of the others; 0 stands for the original size. */
static void order_sizes(int32_t wanted, int32_t sizes[4])
{
    static const int32_t all[] = {256, 512, 1024, INT32_MAX};
    size_t count = 0;
    for (size_t i = 0; i < 4; i++)
        if (all[i] >= wanted) sizes[count++] = all[i];
    for (size_t i = 4; i-- > 0;)
        if (all[i] < wanted) sizes[count++] = all[i];
}

/* Whether the image of some record lies under this folder; a few records of each list are tried, so
 * that a missing file does not decide. */
static bool has_images(const struct class_file *file, const cJSON *const lists[2],
                       const char *folder)
{
    char path[PATH_MAX];
    for (int split = 0; split < 2; split++) {
        int tries = 0;
        const cJSON *item;
        cJSON_ArrayForEach(item, lists[split])
        {
            const char *image = text_of(item, "image_path");
            if (!image || records_path_fault(image)) continue;
            int length = snprintf(path, sizeof path, "%s/%s/%s", folder, file->prefix, image);
            if (length < (int)sizeof path && access(path, F_OK) == 0) return true;
            if (++tries == PROBES) break;
        }
    }
    return false;
}

static mvad_status find_images(struct class_file *file, const cJSON *const lists[2])
{
    const char *root = file->set->options->root;
    int32_t sizes[4];
    char size_folder[32];
    order_sizes(file->set->options->image_size, sizes);
    for (size_t i = 0; i < 5; i++) {
        if (i == 4)
            size_folder[0] = 0; /* directly in the root */
        else if (sizes[i] == INT32_MAX)
            strcpy(size_folder, "realiad_raw");
        else
            snprintf(size_folder, sizeof size_folder, "realiad_%d", sizes[i]);
        /* Archives unpack to a folder of their own name, once more. */
        const char *const inner[] = {"", file->name, size_folder};
        for (size_t k = 0; k < 3; k++) {
            const char *folder = records_join(file->set, root, size_folder, inner[k], NULL);
            if (!folder) return records_out_of_memory(file->set);
            if (!has_images(file, lists, folder)) continue;
            file->images = folder;
            return MVAD_OK;
        }
    }
    return error_set(file->set->error, MVAD_ERROR_IO,
                     "%s: no images of class '%.60s' under realiad_{256,512,1024,raw}/%.60s, %.60s "
                     "or %.60s/%.60s",
                     file_label(root), file->name, file->name, file->name, file->name, file->name);
}

/* ---- records ---- */

/* Splits a file name at its last "_C<digits>_": the sample is what stands before it, the view
 * "C<digits>". False where there is none. */
static bool split_name(const char *name, size_t *sample_length, const char **view,
                       size_t *view_length)
{
    for (size_t i = strlen(name); i-- > 1;) {
        if (name[i] != '_' || name[i + 1] != 'C') continue;
        size_t digits = strspn(name + i + 2, "0123456789");
        if (digits == 0 || name[i + 2 + digits] != '_') continue;
        *sample_length = i;
        *view = name + i + 1;
        *view_length = 1 + digits;
        return true;
    }
    return false;
}

/* root/prefix/path, or NULL with *status set. */
static const char *full_path(struct class_file *file, const char *path, const char *what,
                             mvad_status *status)
{
    const char *fault = records_path_fault(path);
    if (fault) {
        *status = bad_class(file, "%s of a record %s", what, fault);
        return NULL;
    }
    const char *joined = records_join(file->set, file->images, file->prefix, path, NULL);
    if (!joined) *status = records_out_of_memory(file->set);
    return joined;
}

static mvad_status read_record(struct class_file *file, const cJSON *item, enum dataset_split split)
{
    struct record_set *set = file->set;
    mvad_status status = MVAD_OK;
    const char *anomaly = text_of(item, "anomaly_class"), *path = text_of(item, "image_path");
    const cJSON *mask = cJSON_GetObjectItemCaseSensitive(item, "mask_path");
    if (!anomaly || !path || !mask || !(cJSON_IsNull(mask) || cJSON_IsString(mask)))
        return bad_class(file, "record '%.100s' lacks anomaly_class, image_path or mask_path",
                         path && !records_path_fault(path) ? path : "");

    struct record record = {.class_name = file->name, .split = split, .label = DATASET_NORMAL};
    if (!(record.image = full_path(file, path, "image_path", &status))) return status;
    /* The side that hides a defect has no mask, and is normal. */
    if (cJSON_IsString(mask) && strcmp(anomaly, file->normal) != 0) {
        record.mask = full_path(file, mask->valuestring, "mask_path", &status);
        if (!record.mask) return status;
        record.label = DATASET_ANOMALOUS;
    }
    if (records_name_fault(anomaly))
        return bad_class(file, "anomaly_class of record '%.100s' %s", path,
                         records_name_fault(anomaly));

    const char *slash = strrchr(record.image, '/'), *view;
    const char *name = slash ? slash + 1 : record.image;
    size_t sample_length, view_length;
    if (!split_name(name, &sample_length, &view, &view_length))
        return bad_class(file, "image_path '%.100s' names no view (_C1_ and so on)", path);
    record.sample = records_copy(set, name, sample_length);
    record.view = records_copy(set, view, view_length);
    record.defect = records_copy(set, anomaly, strlen(anomaly));
    if (!record.sample || !record.view || !record.defect) return records_out_of_memory(set);
    return records_add(set, &record);
}

static mvad_status read_root(struct class_file *file, const cJSON *root)
{
    static const char *const keys[] = {"train", "test"};
    const cJSON *meta = cJSON_GetObjectItemCaseSensitive(root, "meta"), *item;
    const cJSON *lists[2];
    file->prefix = text_of(meta, "prefix");
    file->normal = text_of(meta, "normal_class");
    if (!file->prefix || !file->normal)
        return bad_class(file, "no index of Real-IAD: meta.prefix or meta.normal_class is missing");
    if (*file->prefix && records_path_fault(file->prefix))
        return bad_class(file, "meta.prefix %s", records_path_fault(file->prefix));
    for (int i = 0; i < 2; i++) {
        lists[i] = cJSON_GetObjectItemCaseSensitive(root, keys[i]);
        if (!cJSON_IsArray(lists[i])) return bad_class(file, "'%s' is not a list", keys[i]);
    }
    if (!lists[0]->child && !lists[1]->child) return MVAD_OK;

    mvad_status status = find_images(file, lists);
    for (int i = 0; i < 2 && !status; i++) {
        cJSON_ArrayForEach(item, lists[i])
        {
            if ((status = read_record(file, item, i == 0 ? DATASET_TRAIN : DATASET_TEST))) break;
        }
    }
    return status;
}

static mvad_status read_class(struct record_set *set, const char *folder, const char *json_name)
{
    struct class_file file = {.set = set};
    struct file_mapping mapping;
    file.json = records_join(set, folder, json_name, NULL);
    file.name = records_copy(set, json_name, strlen(json_name) - strlen(".json"));
    if (!file.json || !file.name) return records_out_of_memory(set);
    if (records_name_fault(file.name))
        return bad_class(&file, "the name of the file %s", records_name_fault(file.name));

    mvad_status status = file_map(file.json, MAX_JSON_BYTES, &mapping, set->error);
    if (status) return status;
    /* The library's own limit on nesting keeps its recursion within the stack. */
    const char *end = NULL;
    cJSON *root = mapping.size ? cJSON_ParseWithLengthOpts((const char *)mapping.data, mapping.size,
                                                           &end, false)
                               : NULL;
    if (!root)
        status = bad_class(&file, "no valid JSON (byte %zu)",
                           end ? (size_t)(end - (const char *)mapping.data) : 0);
    else
        status = read_root(&file, root);
    cJSON_Delete(root);
    file_unmap(&mapping);
    return status;
}

/* Whether a class has a folder in the root or in one of the image folders there. */
static bool has_class_folder(const struct record_set *set, const char *name)
{
    static const char *const sizes[] = {".", "realiad_256", "realiad_512", "realiad_1024",
                                        "realiad_raw"};
    char path[PATH_MAX];
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        const char *size = sizes[i / 2], *inner = i % 2 ? size : ".";
        int length =
            snprintf(path, sizeof path, "%s/%s/%s/%s", set->options->root, size, inner, name);
        if (length < (int)sizeof path && access(path, F_OK) == 0) return true;
    }
    return false;
}

/* Reads all classes of a folder of JSON files. In the root itself there may be others' files; there
 * a class also has a folder of its own. */
static mvad_status read_jsons(struct record_set *set, const char *folder, bool is_root, bool *found)
{
    char **names;
    size_t count;
    mvad_status status = names_list(folder, NAME_FILE, true, &names, &count, set->error);
    for (size_t i = 0; i < count && !status; i++) {
        if (!name_has_ending(names[i], "json") || strlen(names[i]) <= strlen(".json")) continue;
        const char *name = records_copy(set, names[i], strlen(names[i]) - strlen(".json"));
        if (!name) {
            status = records_out_of_memory(set);
            break;
        }
        if (is_root && !has_class_folder(set, name)) continue;
        *found = true;
        if (records_wants_class(set, name)) status = read_class(set, folder, names[i]);
    }
    names_free(names, count);
    return status;
}

mvad_status realiad_read(struct record_set *set, bool *found)
{
    const char *root = set->options->root, *variant = set->options->variant;
    char name[128];
    snprintf(name, sizeof name, "realiad_jsons%s%.100s", variant ? "_" : "", variant ? variant : "");
    const char *const folders[] = {
        records_join(set, root, name, NULL),
        records_join(set, root, name, name, NULL),
        records_join(set, root, "realiad_jsons", name, NULL),
        root,
    };
    for (size_t i = 0; i < 4 && !*found; i++) {
        bool is_root = i == 3;
        if (is_root && variant) break; /* the files there are the usual ones */
        if (!folders[i]) return records_out_of_memory(set);
        mvad_status status = read_jsons(set, folders[i], is_root, found);
        if (status) return status;
    }
    return MVAD_OK;
}
