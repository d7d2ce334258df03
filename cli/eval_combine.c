/* The mean of two results, class by class: the paper's cross-setting. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval.h"

#define MAX_RESULT_BYTES (256l << 20) /* a big test set has tens of thousands of parts */

static int unreadable(const struct caller *caller, const char *path, const char *why)
{
    return command_fail(caller, EXIT_UNREADABLE, "%s: %s", path, why);
}

/* Reads a file that --json wrote. *strips: how its pixels were measured. */
static int read_result(const struct caller *caller, const char *path, struct metrics_table *table,
                       bool *strips)
{
    FILE *file = fopen(path, "rb");
    if (!file) return unreadable(caller, path, strerror(errno));
    long size = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    rewind(file);
    char *text = size >= 0 && size <= MAX_RESULT_BYTES ? malloc((size_t)size + 1) : NULL;
    bool complete = text && fread(text, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    cJSON *json = complete ? cJSON_ParseWithLength(text, (size_t)size) : NULL;
    const char *fault = !complete ? "cannot be read" : !json ? "is not JSON" : NULL;
    if (!fault) fault = metrics_table_from_json(json, table);
    *strips = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "strips"));
    cJSON_Delete(json);
    free(text);
    if (fault) return command_fail(caller, EXIT_UNREADABLE, "%s: %s", path, fault);
    if (table->out_of_memory) return command_fail(caller, EXIT_FAILED, "out of memory");
    return OPTIONS_READ;
}

/* Each class of `a` is in `b`; where they differ in what was tested, that is worth a warning. */
static int check_classes(const struct caller *caller, const struct metrics_table *a,
                         const struct metrics_table *b, const char *a_path, const char *b_path)
{
    for (size_t i = 0; i + 1 < a->count; i++) {
        const mvad_metrics_row *other = metrics_table_find(b, a->rows[i].name);
        if (!other)
            return command_fail(caller, EXIT_UNREADABLE, "%s: has no class %s, which %s has",
                                b_path, a->rows[i].name, a_path);
        if (other->samples != a->rows[i].samples || other->views != a->rows[i].views)
            command_fail(caller, EXIT_DONE,
                         "warning: class %s: %s and %s were not made from the same samples",
                         a->rows[i].name, a_path, b_path);
    }
    return OPTIONS_READ;
}

int eval_combine(const struct caller *caller, const struct eval_options *options)
{
    const char *const paths[] = {options->combine.value, options->combine_second};
    struct metrics_table tables[2] = {{0}}, mean = {0};
    bool strips[2] = {false, false};
    int code = eval_check_results(caller, options);
    for (int i = 0; i < 2 && code == OPTIONS_READ; i++)
        code = read_result(caller, paths[i], &tables[i], &strips[i]);
    if (code == OPTIONS_READ && strips[0] != strips[1])
        code = command_fail(caller, EXIT_UNREADABLE,
                            "%s and %s: one was made with --strips, the other without", paths[0],
                            paths[1]);
    if (code == OPTIONS_READ)
        code = check_classes(caller, &tables[0], &tables[1], paths[0], paths[1]);
    if (code == OPTIONS_READ && tables[0].count != tables[1].count)
        code = check_classes(caller, &tables[1], &tables[0], paths[1], paths[0]);
    if (code == OPTIONS_READ) {
        metrics_table_combine(&tables[0], &tables[1], &mean);
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "version", mvad_version());
        cJSON_AddItemToObject(json, "combined", cJSON_CreateStringArray(paths, 2));
        cJSON_AddBoolToObject(json, "strips", strips[0]);
        code = mean.out_of_memory ? command_fail(caller, EXIT_FAILED, "out of memory")
                                  : eval_give_results(caller, options, &mean, NULL, json);
    }
    metrics_table_free(&tables[0]);
    metrics_table_free(&tables[1]);
    metrics_table_free(&mean);
    return code;
}
