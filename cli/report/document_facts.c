/* What model and training are, as a list of names and values. */
#include <math.h>

#include "cli/common/config_options.h"
#include "cli/common/html.h"
#include "cli/report/report.h"

static void begin(FILE *file, const char *name)
{
    fprintf(file, "<div><dt>%s</dt><dd>", name);
}

static void end(FILE *file)
{
    fputs("</dd></div>\n", file);
}

/* Nothing where there is no value. */
static void fact(FILE *file, const char *name, const char *value)
{
    if (!value || !*value) return;
    begin(file, name);
    html_text(file, value);
    end(file);
}

static void write_threshold(const struct report *report, FILE *file)
{
    if (isnan(report->threshold)) return;
    begin(file, "threshold");
    if (report_has_one_threshold(report))
        fprintf(file, "%.6g%s", report->threshold,
                report->own_scale ? ", the model's" : ", as given");
    else
        fprintf(file, "the model's, of each class, up to %.6g", report->threshold);
    end(file);
    mvad_calibration calibration;
    if (!report->own_scale || mvad_model_calibration(report->model, &calibration, NULL, NULL, NULL))
        return;
    begin(file, "calibration");
    fprintf(file, "%s of %s, at most %.4g of good parts rejected asked for, confidence %.4g",
            calibration.id, calibration.date, calibration.reject_rate, calibration.confidence);
    end(file);
}

static void write_training(const struct training_log *log, FILE *file)
{
    const struct log_step *last = &log->steps[log->step_count - 1];
    begin(file, "training");
    fprintf(file, "%lld step%s", (long long)last->step, last->step == 1 ? "" : "s");
    if (!isnan(log->epochs))
        fprintf(file, ", %.0f epoch%s", log->epochs, log->epochs == 1 ? "" : "s");
    fprintf(file, ", loss %.4g at the last", (double)last->loss);
    end(file);
    if (isnan(log->samples_per_second)) return;
    begin(file, "speed of training");
    fprintf(file, "%.3g samples a second", log->samples_per_second);
    if (!isnan(log->data_wait_share))
        fprintf(file, ", %.1f %% of the time waiting for images", 100 * log->data_wait_share);
    if (!isnan(log->memory_bytes)) fprintf(file, ", %.0f MB of memory", 1e-6 * log->memory_bytes);
    end(file);
}

void document_facts(const struct report *report, FILE *file)
{
    const mvad_config config = mvad_model_config(report->model);
    char text[CONFIG_TEXT];
    config_text(&config, config.views, text);
    fputs("<section>\n<h2>Model and data</h2>\n<dl class=\"list\">\n", file);
    fact(file, "model", report->model_path);
    fact(file, "network", text);
    fact(file, "teacher", mvad_model_note(report->model, "mvad.teacher"));
    fact(file, "teacher's norms", mvad_model_note(report->model, "mvad.teacher_norm"));
    fact(file, "trained on", mvad_model_note(report->model, "mvad.classes"));
    write_threshold(report, file);
    fact(file, "data set", report->data_path);
    fact(file, "kind of data set", mvad_dataset_kind(report->dataset));
    fact(file, "results", report->results_path);
    fact(file, "training log", report->log_path);
    if (report->log_path) write_training(&report->log, file);
    fact(file, "mvad", mvad_version());
    fputs("</dl>\n</section>\n", file);
}
