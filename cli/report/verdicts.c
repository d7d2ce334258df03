/* What the threshold makes of the parts. */
#include <math.h>
#include <string.h>

#include "cli/report/report.h"

static bool has_parts(const struct results *results, size_t class_index)
{
    for (size_t i = 0; i < results->part_count; i++)
        if (results->parts[i].class_index == class_index) return true;
    return false;
}

bool report_shows_class(const struct report *report, size_t class_index)
{
    const char *name = report->results.table.rows[class_index].name;
    mvad_dataset_class found;
    if (!has_parts(&report->results, class_index)) return false;
    if (!report->chosen_classes) return true;
    for (size_t i = 0; !mvad_dataset_class_at(report->dataset, i, &found, NULL); i++)
        if (!strcmp(found.name, name)) return true;
    return false;
}

bool report_has_one_threshold(const struct report *report)
{
    for (size_t c = 0; c < results_classes(&report->results); c++)
        if (report->thresholds[c] != report->threshold) return false;
    return true;
}

struct report_verdicts report_count_verdicts(const struct report *report, size_t class_index)
{
    struct report_verdicts verdicts = {0};
    const double threshold = report->thresholds[class_index];
    for (size_t i = 0; i < report->results.part_count; i++) {
        const struct scored_part *part = &report->results.parts[i];
        if (part->class_index != class_index) continue;
        const bool flagged = part->score > threshold;
        if (part->label == MVAD_NORMAL) {
            verdicts.normal++;
            verdicts.false_alarms += flagged;
        } else if (part->label == MVAD_ANOMALOUS) {
            verdicts.anomalous++;
            verdicts.missed += !flagged && !isnan(threshold);
        }
    }
    return verdicts;
}

struct report_verdicts report_count_all_verdicts(const struct report *report)
{
    struct report_verdicts all = {0};
    for (size_t c = 0; c < results_classes(&report->results); c++) {
        if (!report_shows_class(report, c)) continue;
        const struct report_verdicts verdicts = report_count_verdicts(report, c);
        all.normal += verdicts.normal;
        all.false_alarms += verdicts.false_alarms;
        all.anomalous += verdicts.anomalous;
        all.missed += verdicts.missed;
    }
    return all;
}
