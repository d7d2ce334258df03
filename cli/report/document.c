/* The page as a whole. It is HTML that is well-formed XML too, with nothing outside itself. */
#include <math.h>

#include "cli/common/options.h"
#include "cli/report/curves.h"
#include "cli/common/html.h"
#include "cli/report/report.h"

const char *document_percent(double share, char text[16])
{
    snprintf(text, 16, isnan(share) ? "-" : "%.1f %%", 100 * share);
    return text;
}

/* "CLASS" of one, "6 classes" of several. */
static void write_subject(const struct report *report, FILE *file)
{
    const size_t classes = results_classes(&report->results);
    if (classes == 1 && *report->results.table.rows[0].name)
        html_text(file, report->results.table.rows[0].name);
    else
        fprintf(file, "%zu class%s", classes, classes == 1 ? "" : "es");
}

static void write_tile(FILE *file, const char *value, const char *name)
{
    fprintf(file, "<div><b>%s</b><span>%s</span></div>\n", value, name);
}

/* The numbers one looks for first. */
static void write_tiles(const struct report *report, FILE *file)
{
    static const mvad_metric metrics[] = {MVAD_METRIC_SAMPLE_AUROC, MVAD_METRIC_IMAGE_AUROC,
                                          MVAD_METRIC_PIXEL_AUROC, MVAD_METRIC_PIXEL_AUPRO};
    const mvad_metrics_row *mean = &report->results.table.rows[report->results.table.count - 1];
    const struct report_verdicts verdicts = report_count_all_verdicts(report);
    char text[48];
    fputs("<div class=\"tiles\">\n", file);
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        write_tile(file, document_percent(mean->value[metrics[i]], text),
                   mvad_metric_name(metrics[i]));
    if (!isnan(report->threshold) && verdicts.normal) {
        snprintf(text, sizeof text, "%zu / %zu", verdicts.false_alarms, verdicts.normal);
        write_tile(file, text, "false alarms");
    }
    if (!isnan(report->threshold) && verdicts.anomalous) {
        snprintf(text, sizeof text, "%zu / %zu", verdicts.missed, verdicts.anomalous);
        write_tile(file, text, "missed");
    }
    fputs("</div>\n", file);
}

static void write_notes(const struct report *report, FILE *file)
{
    const struct results *results = &report->results;
    if (!results->has_parts)
        fprintf(file,
                "<p class=\"note\">The results do not list the scores of parts%s, so there are no "
                "score distributions and no examples.</p>\n",
                results->combined ? ": they combine two evaluations"
                                  : "; an evaluation with this version of mvad does");
    if (results->has_parts && isnan(report->threshold))
        fputs("<p class=\"note\">The model has no threshold, so no part is judged. The colours of "
              "heat maps have the highest score of a normal part in their middle.</p>\n",
              file);
    if (report->differing)
        fprintf(
            file,
            "<p class=\"note\">%zu of the parts shown score differently now than in the results: "
            "these were made with another model or other data.</p>\n",
            report->differing);
    if (report->log_path && report->log.bad_lines)
        fprintf(file,
                "<p class=\"note\">%zu line%s of the training log could not be read and %s left "
                "out.</p>\n",
                report->log.bad_lines, report->log.bad_lines == 1 ? "" : "s",
                report->log.bad_lines == 1 ? "is" : "are");
}

static void write_header(const struct report *report, FILE *file)
{
    const mvad_metrics_row *mean = &report->results.table.rows[report->results.table.count - 1];
    fputs("<header class=\"page\">\n<p class=\"small\">mvad: multi-view anomaly detection</p>\n"
          "<h1>Report: ",
          file);
    write_subject(report, file);
    fprintf(file,
            "</h1>\n<p>%zu part%s with %zu views tested. Metrics are means over the "
            "classes.</p>\n",
            (size_t)mean->samples, mean->samples == 1 ? "" : "s", (size_t)mean->views);
    write_tiles(report, file);
    write_notes(report, file);
    fputs("</header>\n", file);
}

/* The colours of heat maps, as mvad_picture_encode has them: their opacity grows with the score. */
static void write_legend(const struct report *report, FILE *file)
{
    const mvad_score_scale *scale = &report->scale;
    fprintf(
        file,
        "<section class=\"legend\">\n<h2>Examples</h2>\n<p>Of each class the parts most worth a "
        "look, each with its views: the photograph, the heat map with what is above the "
        "threshold outlined and, where there is one, the mask of the defect. The number "
        "below is the view's score, its highest pixel.</p>\n"
        "<div class=\"scale\"><div></div><p><span>%.4g</span><span>%.4g%s</span><span>%.4g"
        "</span></p></div>\n</section>\n",
        (double)scale->low, ((double)scale->low + (double)scale->high) / 2,
        scale->threshold == (scale->low + scale->high) / 2 && !isnan(report->threshold) &&
                report_has_one_threshold(report)
            ? " threshold"
            : "",
        (double)scale->high);
}

static int write_body(const struct report *report, FILE *file)
{
    write_header(report, file);
    document_metrics(report, file);
    if (report->log_path) {
        fputs("<section>\n<h2>Training</h2>\n", file);
        if (!curves_write(file, &report->log))
            return command_fail(report->caller, EXIT_FAILED, "out of memory");
        fputs("</section>\n", file);
    }
    document_facts(report, file);
    if (report->examples.count) write_legend(report, file);
    for (size_t c = 0; c < results_classes(&report->results); c++)
        if (report_shows_class(report, c) && !document_class(report, c, file))
            return command_fail(report->caller, EXIT_FAILED, "cannot read a temporary file back");
    return OPTIONS_READ;
}

int document_write(const struct report *report, FILE *file)
{
    fputs("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
          "<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>mvad report: ",
          file);
    write_subject(report, file);
    fputs("</title>\n<style>\n", file);
    html_style(file);
    fputs("</style>\n</head>\n<body>\n<main>\n", file);
    const int code = write_body(report, file);
    fputs("</main>\n</body>\n</html>\n", file);
    return code;
}
