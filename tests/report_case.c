#include "report_case.h"

#include <math.h>

#include "html_check.h"
#include "run_program.h"

static struct report_case own;

const struct report_case *report_case(void)
{
    return &own;
}

static void keep_part(const mvad_sample_scores *sample, void *user)
{
    (void)user;
    assert_in_range(own.part_count, 0, EVAL_PARTS - 1);
    struct report_part *part = &own.parts[own.part_count++];
    snprintf(part->class_name, sizeof part->class_name, "%s", sample->class_name);
    snprintf(part->name, sizeof part->name, "%s", sample->name);
    part->label = sample->label;
    part->score = sample->score;
    part->views = sample->views;
}

static void keep_row(const mvad_metrics_row *row, void *user)
{
    int *rows = user;
    assert_in_range(*rows, 0, 2);
    memcpy(own.metrics[(*rows)++], row->value, sizeof row->value);
}

static void evaluate(void)
{
    mvad_model *model;
    mvad_device *device;
    mvad_dataset *dataset;
    mvad_dataset_options open = mvad_dataset_options_default();
    mvad_evaluate_options options = mvad_evaluate_options_default();
    int rows = 0;
    char *path = scratch_path("m.safetensors");
    options.sample = keep_part;
    assert_int_equal(mvad_model_load(path, NULL, &model, NULL), MVAD_OK);
    assert_int_equal(mvad_device_open("cpu", 0, &device, NULL), MVAD_OK);
    assert_int_equal(mvad_dataset_open(own.data, &open, &dataset, NULL), MVAD_OK);
    assert_int_equal(mvad_evaluate(model, device, dataset, &options, keep_row, &rows, NULL),
                     MVAD_OK);
    assert_int_equal(rows, 3);
    mvad_dataset_close(dataset);
    mvad_device_close(device);
    mvad_model_destroy(model);
    free(path);
}

static cJSON *row_json(const double value[MVAD_METRIC_COUNT], int samples)
{
    static const char *const keys[MVAD_METRIC_COUNT] = {
        "sample_auroc", "sample_ap",   "sample_f1_max", "image_auroc",  "image_ap",
        "image_f1_max", "pixel_auroc", "pixel_ap",      "pixel_f1_max", "pixel_aupro"};
    cJSON *row = cJSON_CreateObject(), *metrics = cJSON_AddObjectToObject(row, "metrics");
    for (int m = 0; m < MVAD_METRIC_COUNT; m++)
        cJSON_AddItemToObject(metrics, keys[m],
                              isnan(value[m]) ? cJSON_CreateNull() : cJSON_CreateNumber(value[m]));
    cJSON_AddNumberToObject(row, "samples", samples);
    cJSON_AddNumberToObject(row, "views", 2 * samples);
    return row;
}

cJSON *report_results(void)
{
    static const char *const labels[] = {"normal", "anomalous", "unlabelled"};
    cJSON *json = cJSON_CreateObject();
    cJSON *classes = cJSON_AddArrayToObject(json, "classes");
    for (int i = 0; i < 2; i++) {
        cJSON *row = row_json(own.metrics[i], i ? 3 : 9);
        cJSON_AddStringToObject(row, "name", i ? "cap" : "bolt");
        cJSON_AddItemToArray(classes, row);
    }
    cJSON_AddItemToObject(json, "mean", row_json(own.metrics[2], 12));
    cJSON *parts = cJSON_AddArrayToObject(json, "parts");
    for (size_t i = 0; i < own.part_count; i++) {
        cJSON *part = cJSON_CreateObject();
        cJSON_AddStringToObject(part, "class", own.parts[i].class_name);
        cJSON_AddStringToObject(part, "part", own.parts[i].name);
        cJSON_AddStringToObject(part, "label", labels[own.parts[i].label]);
        cJSON_AddNumberToObject(part, "score", (double)own.parts[i].score);
        cJSON_AddItemToArray(parts, part);
    }
    return json;
}

void report_write_text(const char *name, const char *text)
{
    char *path = scratch_path(name);
    write_bytes(path, text, strlen(text));
    free(path);
}

char *report_read_text(const char *name)
{
    size_t size;
    char *path = scratch_path(name), *text = (char *)read_bytes(path, &size);
    text[size] = 0;
    free(path);
    return text;
}

void report_write_results(const char *name, const cJSON *results)
{
    char *text = cJSON_Print(results);
    assert_non_null(text);
    report_write_text(name, text);
    cJSON_free(text);
}

void report_run(const char *command, const char *warning)
{
    struct output output = expect_run(0, "%s --data %s", command, own.data);
    assert_string_equal(output.out, "");
    if (warning)
        assert_one_line(&output, "mvad: warning: ", warning);
    else
        assert_string_equal(output.err, "");
    output_free(&output);
}

char *report_read_page(void)
{
    char *page = report_read_text("r.html");
    const char *fault = html_fault(page);
    if (fault) print_error("the page has %s\n", fault);
    assert_null(fault);
    return page;
}

int report_make(void **state)
{
    if (eval_make(state)) return -1;
    own = (struct report_case){.data = tree_path("parts.csv")};
    evaluate();
    cJSON *results = report_results();
    report_write_results("eval.json", results);
    cJSON_Delete(results);
    return 0;
}

int report_remove(void **state)
{
    free(own.data);
    return eval_remove(state);
}
