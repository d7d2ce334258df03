/* What the report says of one class: how its scores lie, and parts of it with their pictures. */
#include <math.h>
#include <stdarg.h>

#include "cli/report/distribution.h"
#include "cli/common/html.h"
#include "cli/report/report.h"

__attribute__((format(printf, 3, 4))) static void fact(FILE *file, const char *name,
                                                       const char *format, ...)
{
    va_list arguments;
    fprintf(file, "<div><dt>%s</dt><dd>", name);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fputs("</dd></div>\n", file);
}

/* The lowest and the highest score of a label in a class; false: it has no such part. */
static bool score_range(const struct results *results, size_t class_index, mvad_label label,
                        double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < results->part_count; i++) {
        const struct scored_part *part = &results->parts[i];
        if (part->class_index != class_index || part->label != label) continue;
        *low = fmin(*low, part->score);
        *high = fmax(*high, part->score);
    }
    return *low <= *high;
}

static void write_summary(const struct report *report, size_t class_index, FILE *file)
{
    const mvad_metrics_row *row = &report->results.table.rows[class_index];
    const struct report_verdicts verdicts = report_count_verdicts(report, class_index);
    const bool judged = !isnan(report->thresholds[class_index]);
    double low, high;
    char text[3][16];
    fputs("<dl class=\"facts\">\n", file);
    fact(file, "sample AUROC", "%s",
         document_percent(row->value[MVAD_METRIC_SAMPLE_AUROC], text[0]));
    fact(file, "image AUROC", "%s", document_percent(row->value[MVAD_METRIC_IMAGE_AUROC], text[1]));
    fact(file, "pixel AUPRO", "%s", document_percent(row->value[MVAD_METRIC_PIXEL_AUPRO], text[2]));
    if (judged && verdicts.normal)
        fact(file, "false alarms", "%zu of %zu normal parts", verdicts.false_alarms,
             verdicts.normal);
    if (judged && verdicts.anomalous)
        fact(file, "missed", "%zu of %zu anomalous parts", verdicts.missed, verdicts.anomalous);
    if (score_range(&report->results, class_index, MVAD_NORMAL, &low, &high))
        fact(file, "normal parts score", "%.4g to %.4g", low, high);
    if (score_range(&report->results, class_index, MVAD_ANOMALOUS, &low, &high))
        fact(file, "anomalous parts score", "%.4g to %.4g", low, high);
    fputs("</dl>\n", file);
}

static void write_verdict(const struct report *report, const struct scored_part *part, FILE *file)
{
    const double threshold = report->thresholds[part->class_index];
    const bool flagged = part->score > threshold;
    const bool right = flagged == (part->label == MVAD_ANOMALOUS);
    fprintf(file, "<span class=\"score\">score <b>%.4g</b>", part->score);
    if (!isnan(threshold)) fprintf(file, " %s %.4g", flagged ? "&gt;" : "≤", threshold);
    fputs("</span>", file);
    if (!isnan(threshold))
        fprintf(file, "<span class=\"verdict %s\">%s</span>", right ? "right" : "wrong",
                right     ? (flagged ? "found" : "passed")
                : flagged ? "false alarm"
                          : "missed");
}

static bool write_example(const struct report *report, const struct example *example, FILE *file)
{
    const struct scored_part *part = &report->results.parts[example->part];
    const char *label = part->label == MVAD_NORMAL ? "normal" : "anomalous";
    bool copied = true;
    fputs("<article>\n<header><h4>", file);
    html_text(file, part->name);
    fprintf(file, "</h4><span class=\"label %s\">%s</span>", label, label);
    write_verdict(report, part, file);
    fputs("</header>\n", file);
    if (example->drawn)
        copied = examples_copy(&report->examples, example, file);
    else
        fputs("<p class=\"note\">This part is not in the data set.</p>\n", file);
    fputs("</article>\n", file);
    return copied;
}

static bool write_examples(const struct report *report, size_t class_index, FILE *file)
{
    static const char *const titles[EXAMPLE_GROUPS] = {
        [EXAMPLE_FALSE_ALARM] = "Normal parts with the highest scores: most likely false alarms",
        [EXAMPLE_MISSED] = "Anomalous parts with the lowest scores: most likely missed",
        [EXAMPLE_CLEAREST] = "Anomalous parts with the highest scores: clearest",
        [EXAMPLE_BEST] = "Normal parts with the lowest scores: best"};
    int group = -1;
    for (size_t i = 0; i < report->examples.count; i++) {
        const struct example *example = &report->examples.items[i];
        if (report->results.parts[example->part].class_index != class_index) continue;
        if ((int)example->group != group) {
            group = (int)example->group;
            fprintf(file, "<h3>%s</h3>\n", titles[group]);
        }
        if (!write_example(report, example, file)) return false;
    }
    return true;
}

bool document_class(const struct report *report, size_t class_index, FILE *file)
{
    fprintf(file, "<section class=\"part-class\" id=\"class-%zu\">\n<h2>", class_index);
    html_text(file, report->results.table.rows[class_index].name);
    fputs("</h2>\n<div class=\"charts\">\n", file);
    distribution_write(file, &report->results, class_index, report->thresholds[class_index]);
    write_summary(report, class_index, file);
    fputs("</div>\n", file);
    const bool written = write_examples(report, class_index, file);
    fputs("</section>\n", file);
    return written;
}
