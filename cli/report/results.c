#include "cli/report/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/json.h"
#include "cli/common/options.h"

size_t results_classes(const struct results *results)
{
    return results->table.count ? results->table.count - 1 : 0;
}

static bool read_label(const cJSON *json, mvad_label *label)
{
    static const char *const names[] = {
        [MVAD_NORMAL] = "normal", [MVAD_ANOMALOUS] = "anomalous", [MVAD_UNLABELLED] = "unlabelled"};
    const char *text = cJSON_GetStringValue(json);
    for (int i = 0; text && i < 3; i++)
        if (!strcmp(text, names[i])) {
            *label = (mvad_label)i;
            return true;
        }
    return false;
}

/* The class's row. Parts come class by class, so `last` is the first guess. */
static bool find_class(const struct results *results, const char *name, size_t last, size_t *index)
{
    const size_t classes = results_classes(results);
    for (size_t i = 0; i < classes; i++) {
        *index = (last + i) % classes;
        if (!strcmp(results->table.rows[*index].name, name)) return true;
    }
    return false;
}

/* What is wrong with an entry of "parts", as the end of a sentence, or NULL. */
static const char *read_part(const struct results *results, const cJSON *json, size_t last,
                             struct scored_part *part)
{
    const cJSON *score = cJSON_GetObjectItemCaseSensitive(json, "score");
    const char *class_name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "class"));
    part->name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "part"));
    if (!class_name || !part->name) return "has a part without its class and name";
    if (!find_class(results, class_name, last, &part->class_index))
        return "has a part of a class that has no metrics";
    if (!read_label(cJSON_GetObjectItemCaseSensitive(json, "label"), &part->label))
        return "has a part without a label";
    if (!cJSON_IsNumber(score) || !isfinite(score->valuedouble))
        return "has a part whose score is no number";
    part->score = score->valuedouble;
    return NULL;
}

static const char *read_parts(struct results *results, const cJSON *list, bool *out_of_memory)
{
    size_t count = 0, last = 0;
    if (!cJSON_IsArray(list)) return "has parts that are no list";
    for (const cJSON *item = list->child; item; item = item->next) count++;
    results->parts = calloc(count ? count : 1, sizeof *results->parts);
    *out_of_memory = !results->parts;
    if (*out_of_memory) return NULL;
    for (const cJSON *item = list->child; item; item = item->next) {
        struct scored_part *part = &results->parts[results->part_count];
        const char *fault = read_part(results, item, last, part);
        if (fault) return fault;
        last = part->class_index;
        results->part_count++;
    }
    results->has_parts = true;
    return NULL;
}

int results_read(const struct caller *caller, const char *path, struct results *results)
{
    *results = (struct results){0};
    int code = json_read(caller, path, &results->json);
    if (code != OPTIONS_READ) return code;
    const char *fault = metrics_table_from_json(results->json, &results->table);
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(results->json, "parts");
    bool out_of_memory = results->table.out_of_memory;
    if (!fault && !out_of_memory && parts) fault = read_parts(results, parts, &out_of_memory);
    if (fault) return command_fail(caller, EXIT_UNREADABLE, "%s: %s", path, fault);
    if (out_of_memory) return command_fail(caller, EXIT_FAILED, "out of memory");
    results->strips = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(results->json, "strips"));
    results->combined = cJSON_GetObjectItemCaseSensitive(results->json, "combined") != NULL;
    return OPTIONS_READ;
}

void results_free(struct results *results)
{
    metrics_table_free(&results->table);
    cJSON_Delete(results->json);
    free(results->parts);
    *results = (struct results){0};
}
