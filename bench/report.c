#include <inttypes.h>
#include <stdio.h>

#include "bench/step.h"
#include "cli/common/config_options.h"
#include "cli/common/json.h"

static double ratio(double value, double whole)
{
    return whole > 0 ? value / whole : 0;
}

static void print_memory(const struct step_result *result)
{
    const double planned = (double)step_planned_bytes(result);
    const double measured = (double)result->measured_bytes;
    printf("planned memory   %10.1f MB: weights %.1f MB, activations %.1f MB\n", planned / 1e6,
           (double)result->cost.weights_bytes / 1e6, (double)result->cost.activations_bytes / 1e6);
    if (!result->measured_bytes) {
        printf("measured peak    unknown: /proc/self/status does not tell\n");
        return;
    }
    printf("measured peak    %10.1f MB: %.3f of the planned%s\n", measured / 1e6,
           ratio(measured, planned),
           result->peak_reset ? "" : " (may be older than the step: the peak could not be reset)");
}

static void print_ops(const struct step_result *result)
{
    double total = 0;
    for (int i = 0; i < result->op_count; i++) total += result->ops[i].seconds;
    printf("\n%-24s %6s %10s %7s %9s %8s\n", "op", "calls", "ms", "share", "GMAC/s", "GB/s");
    for (int i = 0; i < result->op_count; i++) {
        const mvad_op_time *op = &result->ops[i];
        printf("%-24s %6" PRIu64 " %10.2f %6.1f%% %9.2f %8.2f\n", op->op, op->calls,
               op->seconds * 1e3, 100 * ratio(op->seconds, total),
               ratio(op->macs, op->seconds) / 1e9, ratio(op->bytes, op->seconds) / 1e9);
    }
    printf("%-24s %6s %10.2f\n", "total", "", total * 1e3);
}

int step_print_text(const struct step_settings *settings, const struct step_result *result)
{
    char text[CONFIG_TEXT];
    const double gemm = step_gemm_rate(result), median = result->median;
    const mvad_cost *cost = &result->cost;
    config_text(&settings->config, settings->config.views, text);
    printf("%s of %d sample%s%s, %s, mvad %s\n", settings->train ? "training step" : "forward pass",
           settings->batch, settings->batch == 1 ? "" : "s",
           settings->recompute ? ", recompute" : "", precision_name(settings->precision),
           mvad_version());
    printf("%s\n%s: %s, %s, %d threads\n\n", text, result->device.id, result->device.name,
           result->device.details, result->device.threads);
    printf("time of a step   %10.2f ms median of %d (%.2f to %.2f)\n", median * 1e3,
           settings->repeats, result->least * 1e3, result->most * 1e3);
    printf("time of a sample %10.2f ms\n", median * 1e3 / settings->batch);
    printf("multiply-adds    %10.2f GMACs as the paper counts%s (%.2f as executed)\n",
           cost->macs / 1e9, settings->train ? ", the teacher once and the rest three times" : "",
           cost->macs_executed / 1e9);
    printf("rate             %10.2f GMAC/s (%.2f as executed)\n", ratio(cost->macs, median) / 1e9,
           ratio(cost->macs_executed, median) / 1e9);
    printf("matrix product   %10.2f GMAC/s in f32, %d x %d (%.2f before, %.2f after)\n", gemm / 1e9,
           STEP_GEMM_SIZE, STEP_GEMM_SIZE, result->gemm_before / 1e9, result->gemm_after / 1e9);
    printf("share            %10.1f %% of the matrix product's rate\n",
           100 * ratio(ratio(cost->macs, median), gemm));
    print_memory(result);
    if (settings->ops) print_ops(result);
    return EXIT_DONE;
}

static cJSON *json_ops(const struct step_result *result)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < result->op_count; i++) {
        const mvad_op_time *op = &result->ops[i];
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "op", op->op);
        cJSON_AddNumberToObject(row, "calls", (double)op->calls);
        cJSON_AddNumberToObject(row, "seconds", op->seconds);
        cJSON_AddNumberToObject(row, "macs", op->macs);
        cJSON_AddNumberToObject(row, "bytes", op->bytes);
        cJSON_AddItemToArray(list, row);
    }
    return list;
}

int step_print_json(const struct caller *caller, const struct step_settings *settings,
                    const struct step_result *result)
{
    const double gemm = step_gemm_rate(result), rate = ratio(result->cost.macs, result->median);
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"batch", settings->batch},
        {"repeats", settings->repeats},
        {"warmup", settings->warmup},
        {"seconds_median", result->median},
        {"seconds_min", result->least},
        {"seconds_max", result->most},
        {"seconds_per_sample", result->median / settings->batch},
        {"macs_per_second", rate},
        {"macs_executed_per_second", ratio(result->cost.macs_executed, result->median)},
        {"gemm_size", STEP_GEMM_SIZE},
        {"gemm_macs_per_second_before", result->gemm_before},
        {"gemm_macs_per_second_after", result->gemm_after},
        {"gemm_macs_per_second", gemm},
        {"share_of_gemm_rate", ratio(rate, gemm)},
        {"planned_bytes", (double)step_planned_bytes(result)},
    };
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "version", mvad_version());
    cJSON_AddStringToObject(json, "mode", settings->train ? "train" : "inference");
    cJSON_AddBoolToObject(json, "recompute", settings->recompute);
    cJSON_AddStringToObject(json, "precision", precision_name(settings->precision));
    cJSON_AddItemToObject(json, "config", json_config(&settings->config, settings->config.views));
    cJSON_AddItemToObject(json, "device", json_device(&result->device));
    cJSON_AddItemToObject(json, "cost", json_cost(&result->cost));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cJSON_AddNumberToObject(json, numbers[i].name, numbers[i].value);
    if (result->measured_bytes) {
        const double measured = (double)result->measured_bytes;
        cJSON_AddNumberToObject(json, "measured_bytes", measured);
        cJSON_AddNumberToObject(json, "measured_over_planned",
                                ratio(measured, (double)step_planned_bytes(result)));
        cJSON_AddBoolToObject(json, "peak_reset", result->peak_reset);
    } else {
        cJSON_AddNullToObject(json, "measured_bytes");
    }
    if (settings->ops) cJSON_AddItemToObject(json, "ops", json_ops(result));
    return json_print(caller, json);
}
