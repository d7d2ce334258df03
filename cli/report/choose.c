/* Which parts are shown. */
#include <stdlib.h>

#include "cli/common/options.h"
#include "cli/report/examples.h"

/* A part that may be shown. */
struct candidate {
    size_t part;
    double score;
};

/* Equal scores in the order of the file, so that the same results give the same report. */
static int by_score(const void *a, const void *b)
{
    const struct candidate *first = a, *second = b;
    if (first->score != second->score) return first->score < second->score ? -1 : 1;
    return first->part < second->part ? -1 : first->part > second->part;
}

static size_t collect(const struct results *results, size_t class_index, mvad_label label,
                      struct candidate *candidates)
{
    size_t count = 0;
    for (size_t i = 0; i < results->part_count; i++) {
        const struct scored_part *part = &results->parts[i];
        if (part->class_index == class_index && part->label == label)
            candidates[count++] = (struct candidate){i, part->score};
    }
    if (count) qsort(candidates, count, sizeof *candidates, by_score);
    return count;
}

/* `count` of them, from the lowest or from the highest score. */
static void take(struct examples *examples, const struct candidate *sorted, size_t total,
                 size_t count, bool lowest, enum example_group group)
{
    for (size_t i = 0; i < count; i++)
        examples->items[examples->count++] =
            (struct example){.part = sorted[lowest ? i : total - 1 - i].part, .group = group};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

int examples_choose(const struct caller *caller, const struct results *results, int each,
                    struct examples *examples)
{
    const size_t most = (size_t)each, classes = results_classes(results);
    *examples = (struct examples){0};
    if (!results->part_count) return OPTIONS_READ;
    struct candidate *normal = calloc(results->part_count, sizeof *normal);
    struct candidate *anomalous = calloc(results->part_count, sizeof *anomalous);
    /* Never more than there are parts. */
    examples->items = calloc(results->part_count, sizeof *examples->items);
    const bool complete = normal && anomalous && examples->items;
    for (size_t c = 0; c < classes && complete; c++) {
        const size_t good = collect(results, c, MVAD_NORMAL, normal);
        const size_t bad = collect(results, c, MVAD_ANOMALOUS, anomalous);
        const size_t alarms = least(good, most), missed = least(bad, most);
        take(examples, normal, good, alarms, false, EXAMPLE_FALSE_ALARM);
        take(examples, anomalous, bad, missed, true, EXAMPLE_MISSED);
        take(examples, anomalous, bad, least(bad - missed, most), false, EXAMPLE_CLEAREST);
        take(examples, normal, good, least(good - alarms, most), true, EXAMPLE_BEST);
    }
    free(normal);
    free(anomalous);
    return complete ? OPTIONS_READ : command_fail(caller, EXIT_FAILED, "out of memory");
}

void examples_free(struct examples *examples)
{
    if (examples->views) fclose(examples->views);
    free(examples->items);
    *examples = (struct examples){0};
}
