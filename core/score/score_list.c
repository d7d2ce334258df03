#include "core/score/score_list.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/score/score_key.h"

static mvad_status add_item(struct score_list *list, uint64_t item, mvad_error *error)
{
    if (!memory_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items))
        return error_out_of_memory(error, "scores", (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = item;
    return MVAD_OK;
}

mvad_status score_list_add(struct score_list *list, float score, bool anomalous, mvad_error *error)
{
    return add_item(list, (uint64_t)score_key(score) << 1 | anomalous, error);
}

mvad_status score_list_append(struct score_list *list, const struct score_list *other,
                              mvad_error *error)
{
    size_t before = list->count;
    for (size_t i = 0; i < other->count; i++) {
        mvad_status status = add_item(list, other->items[i], error);
        if (status) {
            list->count = before;
            return status;
        }
    }
    return MVAD_OK;
}

static int descending(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left < right) - (left > right);
}

void score_list_measure(struct score_list *list, struct curve_metrics *metrics)
{
    struct curve curve;
    struct tally total = {0};
    for (size_t i = 0; i < list->count; i++) total.anomalous += list->items[i] & 1;
    total.normal = list->count - total.anomalous;
    curve_begin(&curve, &total);
    if (list->count) qsort(list->items, list->count, sizeof *list->items, descending);
    for (size_t i = 0; i < list->count;) {
        uint64_t key = list->items[i] >> 1;
        struct tally group = {0};
        for (; i < list->count && list->items[i] >> 1 == key; i++) {
            group.anomalous += list->items[i] & 1;
            group.normal += !(list->items[i] & 1);
        }
        curve_add(&curve, &group, true);
    }
    curve_end(&curve, metrics);
}

void score_list_clear(struct score_list *list)
{
    free(list->items);
    memset(list, 0, sizeof *list);
}
