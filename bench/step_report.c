#include <inttypes.h>
#include <stdio.h>

#include "bench/step.h"
#include "cli/common/config_options.h"
#include "cli/common/json.h"

static double ratio(double value, double whole)
{
    return whole > 0 ? value / whole : 0;
}

static void memory_lines(struct document *document, const struct step_result *result)
{
    const double planned = (double)step_planned_bytes(result);
    const double measured = (double)result->measured_bytes;
    document_line(document, "planned memory   %10.1f MB: weights %.1f MB, activations %.1f MB",
                  planned / 1e6, (double)result->cost.weights_bytes / 1e6,
                  (double)result->cost.activations_bytes / 1e6);
    document_line(document, "device memory    %10.1f MB at most",
                  (double)result->device_bytes / 1e6);
    if (!result->measured_bytes)
        document_line(document, "measured peak    unknown: /proc/self/status does not tell");
    else
        document_line(
            document, "measured peak    %10.1f MB of the host: %.3f of the planned%s",
            measured / 1e6, ratio(measured, planned),
            result->peak_reset ? "" : " (may be older than the step: the peak could not be reset)");
}

static void rate_lines(struct document *document, const struct step_settings *settings,
                       const struct step_result *result)
{
    const double gemm = step_gemm_rate(result), copy = step_copy_rate(result);
    const double median = result->time.median;
    const mvad_cost *cost = &result->cost;
    document_line(document, "rate             %10.2f GMAC/s (%.2f as executed)",
                  ratio(cost->macs, median) / 1e9, ratio(cost->macs_executed, median) / 1e9);
    document_line(document,
                  "matrix product   %10.2f GMAC/s in %s, %d x %d (%.2f before, %.2f after)",
                  gemm / 1e9, precision_name(settings->precision), result->gemm_size,
                  result->gemm_size, result->gemm_before / 1e9, result->gemm_after / 1e9);
    document_line(document, "share            %10.1f %% of the matrix product's rate",
                  100 * ratio(ratio(cost->macs, median), gemm));
    if (copy > 0)
        document_line(document,
                      "copy             %10.2f GB/s, read and written (%.2f before, %.2f after)",
                      copy / 1e9, result->copy_before / 1e9, result->copy_after / 1e9);
    else
        document_line(document, "copy             cannot be measured on this device");
}

static void lines(struct document *document, const struct step_settings *settings,
                  const struct step_result *result)
{
    char text[CONFIG_TEXT];
    const struct spread *time = &result->time;
    const mvad_cost *cost = &result->cost;
    config_text(&settings->config, settings->config.views, text);
    document_line(document, "%s of %d sample%s%s, %s",
                  settings->train ? "training step" : "forward pass", settings->batch,
                  settings->batch == 1 ? "" : "s", settings->recompute ? ", recompute" : "",
                  precision_name(settings->precision));
    document_line(document, "%s", text);
    document_line(document, "%s: %s, %s, %d threads", result->device.id, result->device.name,
                  result->device.details, result->device.threads);
    document_line(document, "time of a step   %10.2f ms median of %d (%.2f to %.2f)",
                  time->median * 1e3, settings->repeats, time->least * 1e3, time->most * 1e3);
    document_line(document, "time of a sample %10.2f ms", time->median * 1e3 / settings->batch);
    document_line(
        document, "multiply-adds    %10.2f GMACs as the paper counts%s (%.2f as executed)",
        cost->macs / 1e9, settings->train ? ", the teacher once and the rest three times" : "",
        cost->macs_executed / 1e9);
    rate_lines(document, settings, result);
    memory_lines(document, result);
}

static void json_numbers(cJSON *json, const struct step_settings *settings,
                         const struct step_result *result)
{
    const double gemm = step_gemm_rate(result), median = result->time.median;
    const double rate = ratio(result->cost.macs, median);
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"batch", settings->batch},
        {"repeats", settings->repeats},
        {"warmup", settings->warmup},
        {"seconds_median", median},
        {"seconds_min", result->time.least},
        {"seconds_max", result->time.most},
        {"seconds_per_sample", median / settings->batch},
        {"macs_per_second", rate},
        {"macs_executed_per_second", ratio(result->cost.macs_executed, median)},
        {"gemm_size", result->gemm_size},
        {"gemm_macs_per_second_before", result->gemm_before},
        {"gemm_macs_per_second_after", result->gemm_after},
        {"gemm_macs_per_second", gemm},
        {"share_of_gemm_rate", ratio(rate, gemm)},
        {"copy_bytes", (double)STEP_COPY_BYTES},
        {"planned_bytes", (double)step_planned_bytes(result)},
        {"device_peak_bytes", (double)result->device_bytes},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cJSON_AddNumberToObject(json, numbers[i].name, numbers[i].value);
    if (step_copy_rate(result) > 0)
        cJSON_AddNumberToObject(json, "copy_bytes_per_second", step_copy_rate(result));
    else
        cJSON_AddNullToObject(json, "copy_bytes_per_second");
}

void step_document(struct document *document, const struct step_settings *settings,
                   const struct step_result *result)
{
    cJSON *json = document->json;
    lines(document, settings, result);
    cJSON_AddStringToObject(json, "mode", settings->train ? "train" : "inference");
    cJSON_AddBoolToObject(json, "recompute", settings->recompute);
    cJSON_AddStringToObject(json, "precision", precision_name(settings->precision));
    cJSON_AddItemToObject(json, "config", json_config(&settings->config, settings->config.views));
    cJSON_AddItemToObject(json, "device", json_device(&result->device));
    cJSON_AddItemToObject(json, "cost", json_cost(&result->cost));
    json_numbers(json, settings, result);
    if (result->measured_bytes) {
        const double measured = (double)result->measured_bytes;
        cJSON_AddNumberToObject(json, "measured_bytes", measured);
        cJSON_AddNumberToObject(json, "measured_over_planned",
                                ratio(measured, (double)step_planned_bytes(result)));
        cJSON_AddBoolToObject(json, "peak_reset", result->peak_reset);
    } else {
        cJSON_AddNullToObject(json, "measured_bytes");
    }
}
