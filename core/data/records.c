/* Gathers records and sorts them into an index. */
#include "core/data/records.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/data/cache.h"

#define BLOCK_BYTES ((size_t)1 << 16)

struct string_block {
    struct string_block *next;
    size_t used, bytes;
    char text[];
};

static char *reserve(struct record_set *set, size_t bytes)
{
    struct string_block *block = set->strings;
    if (!block || block->bytes - block->used < bytes) {
        size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        block = malloc(sizeof *block + size);
        if (!block) return NULL;
        *block = (struct string_block){.next = set->strings, .bytes = size};
        set->strings = block;
    }
    block->used += bytes;
    return block->text + block->used - bytes;
}

static void free_strings(struct string_block *block)
{
    while (block) {
        struct string_block *next = block->next;
        free(block);
        block = next;
    }
}

const char *records_copy(struct record_set *set, const char *text, size_t length)
{
    char *copy = reserve(set, length + 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

const char *records_join(struct record_set *set, const char *first, ...)
{
    va_list parts;
    size_t bytes = 1;
    va_start(parts, first);
    for (const char *part = first; part; part = va_arg(parts, const char *))
        bytes += strlen(part) + 1;
    va_end(parts);
    char *joined = reserve(set, bytes), *end = joined;
    if (!joined) return NULL;

    va_start(parts, first);
    for (const char *part = first; part; part = va_arg(parts, const char *)) {
        size_t length = strlen(part);
        if (!length) continue;
        if (end > joined && end[-1] != '/') *end++ = '/';
        memcpy(end, part, length);
        end += length;
    }
    va_end(parts);
    *end = 0;
    return joined;
}

mvad_status records_out_of_memory(struct record_set *set)
{
    return error_out_of_memory(set->error, file_label(set->options->root), BLOCK_BYTES);
}

mvad_status records_add(struct record_set *set, const struct record *record)
{
    if (!memory_grow((void **)&set->records, &set->capacity, set->count, sizeof *set->records))
        return records_out_of_memory(set);
    set->records[set->count++] = *record;
    return MVAD_OK;
}

static int compare_samples(const struct record *a, const struct record *b)
{
    int order = strcmp(a->class_name, b->class_name);
    if (!order) order = (a->split > b->split) - (a->split < b->split);
    if (!order) order = strcmp(a->sample, b->sample);
    return order;
}

static int compare_records(const void *first, const void *second)
{
    const struct record *a = first, *b = second;
    int order = compare_samples(a, b);
    if (!order) order = strverscmp(a->view, b->view);
    if (!order) order = strcmp(a->image, b->image);
    if (!order) order = strcmp(a->mask ? a->mask : "", b->mask ? b->mask : "");
    if (!order) order = (a->label > b->label) - (a->label < b->label);
    if (!order) order = strcmp(a->defect, b->defect);
    return order;
}

/* A class that was asked for and has no record. */
static mvad_status check_classes(struct record_set *set, const struct dataset *dataset)
{
    const char *list = set->options->classes;
    if (!list) return MVAD_OK;
    do {
        size_t length = strcspn(list, ","), i = 0;
        for (; i < dataset->class_count; i++) {
            const char *name = dataset->classes[i].name;
            if (strlen(name) == length && memcmp(name, list, length) == 0) break;
        }
        if (i == dataset->class_count)
            return error_set(set->error, MVAD_ERROR_INVALID_ARGUMENT, "%s: has no class '%.*s'",
                             file_label(set->options->root), length < 100 ? (int)length : 100, list);
        list += length + (list[length] == ',');
    } while (*list);
    return MVAD_OK;
}

static void add_view(struct dataset *dataset, const struct record *record)
{
    struct dataset_sample *sample = &dataset->samples[dataset->sample_count - 1];
    dataset->views[dataset->view_count++] = (struct dataset_view){.name = record->view,
                                                                  .image = record->image,
                                                                  .mask = record->mask,
                                                                  .defect = record->defect,
                                                                  .label = record->label};
    sample->view_count++;
    if (record->label == DATASET_ANOMALOUS || sample->label == DATASET_NORMAL)
        sample->label = record->label;
}

mvad_status records_finish(struct record_set *set, struct dataset *dataset)
{
    size_t count = set->count, class_count = 0, sample_count = 0;
    if (count) qsort(set->records, count, sizeof *set->records, compare_records);
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &set->records[i];
        class_count += i == 0 || strcmp(record[-1].class_name, record->class_name) != 0;
        sample_count += i == 0 || compare_samples(&record[-1], record) != 0;
    }

    *dataset = (struct dataset){0};
    dataset->classes = calloc(class_count + 1, sizeof *dataset->classes);
    dataset->samples = calloc(sample_count + 1, sizeof *dataset->samples);
    dataset->views = calloc(count + 1, sizeof *dataset->views);
    if (!dataset->classes || !dataset->samples || !dataset->views) {
        dataset_close(dataset);
        return records_out_of_memory(set);
    }
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &set->records[i];
        if (i == 0 || strcmp(record[-1].class_name, record->class_name) != 0)
            dataset->classes[dataset->class_count++] =
                (struct dataset_class){record->class_name, dataset->sample_count, 0, 0};
        struct dataset_class *class = &dataset->classes[dataset->class_count - 1];
        if (i == 0 || compare_samples(&record[-1], record) != 0) {
            dataset->samples[dataset->sample_count++] =
                (struct dataset_sample){record->sample, dataset->class_count - 1, record->split,
                                        DATASET_NORMAL, dataset->view_count,      0};
            if (record->split == DATASET_TRAIN)
                class->train_count++;
            else
                class->test_count++;
        }
        add_view(dataset, record);
    }

    mvad_status status = check_classes(set, dataset);
    if (status) {
        dataset_close(dataset);
        return status;
    }
    dataset->strings = set->strings;
    set->strings = NULL;
    return MVAD_OK;
}

void records_free(struct record_set *set)
{
    free(set->records);
    free_strings(set->strings);
    *set = (struct record_set){0};
}

void dataset_close(struct dataset *dataset)
{
    image_cache_close(dataset->cache);
    free(dataset->classes);
    free(dataset->samples);
    free(dataset->views);
    free_strings(dataset->strings);
    *dataset = (struct dataset){0};
}
