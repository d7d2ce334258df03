/* Scoring a test split with one model, or with one a class. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common/cache_option.h"
#include "cli/common/clock.h"
#include "cli/common/interrupt.h"
#include "cli/eval.h"
#include "cli/common/model_folder.h"

struct scoring {
    const struct caller *caller;
    const struct eval_options *options;
    mvad_device *device;
    struct metrics_table table;
    struct relative_table relative;
    const mvad_model *model; /* at work */
    cJSON *parts;            /* a part's scores each */
    const char *class_name;  /* whose model is at work; NULL: one for all */
    bool out_of_memory;
    bool terminal; /* progress is shown */
    double begin, class_begin;
};

static int32_t show_progress(size_t done, size_t total, void *user)
{
    const struct scoring *scoring = user;
    if (!scoring->terminal) return interrupt_came();
    double left = (clock_seconds() - scoring->class_begin) / (double)done * (double)(total - done);
    fprintf(stderr, "\r%s%sscored %zu of %zu samples, %.0f s left   ",
            scoring->class_name ? scoring->class_name : "", scoring->class_name ? ": " : "", done,
            total, left);
    if (done == total || interrupt_came()) fputc('\n', stderr);
    return interrupt_came();
}

static void take_sample(const mvad_sample_scores *sample, void *user)
{
    static const char *const labels[] = {"normal", "anomalous", "unlabelled"};
    struct scoring *scoring = user;
    if (!scoring->options->json.value) { /* nobody else wants to know each part */
        relative_add(&scoring->relative, scoring->model, sample, NULL);
        return;
    }
    cJSON *part = cJSON_CreateObject(), *views = cJSON_CreateArray();
    bool complete = part && views && cJSON_AddItemToArray(scoring->parts, part) &&
                    cJSON_AddStringToObject(part, "class", sample->class_name) &&
                    cJSON_AddStringToObject(part, "part", sample->name) &&
                    cJSON_AddStringToObject(part, "label", labels[sample->label]) &&
                    cJSON_AddNumberToObject(part, "score", sample->score) &&
                    cJSON_AddItemToObject(part, "views", views);
    if (complete) relative_add(&scoring->relative, scoring->model, sample, part);
    for (int32_t v = 0; v < sample->views && complete; v++)
        complete = cJSON_AddItemToArray(views, cJSON_CreateNumber(sample->view_scores[v]));
    if (!complete) scoring->out_of_memory = true;
}

/* With a model a class the mean of the only class is not the one wanted. */
static void take_row(const mvad_metrics_row *row, void *user)
{
    struct scoring *scoring = user;
    if (!scoring->class_name || !strcmp(row->name, scoring->class_name))
        metrics_table_add(row, &scoring->table);
}

static void name_skipped(const mvad_dataset_problem *problem, void *user)
{
    if (problem->fatal)
        command_fail(user, EXIT_DONE, "skipped: %s: %s", problem->kind, problem->text);
}

static int stopped(const struct scoring *scoring)
{
    return command_fail(scoring->caller, EXIT_INTERRUPTED, "stopped; there are no results");
}

static int open_dataset(const struct scoring *scoring, int32_t image_size, mvad_dataset **dataset)
{
    const struct eval_options *options = scoring->options;
    mvad_dataset_options open = mvad_dataset_options_default();
    mvad_error error;
    open.variant = options->variant.value;
    open.classes = scoring->class_name ? scoring->class_name : options->classes.value;
    open.image_size = image_size;
    if (mvad_dataset_open(options->data.value, &open, dataset, &error))
        return command_error(scoring->caller, &error);
    if (options->skip_bad) {
        mvad_dataset_check_options check = mvad_dataset_check_options_default();
        size_t fatal;
        check.threads = options->device.threads.value;
        check.remove = 1;
        check.problem = name_skipped;
        check.progress = interrupt_progress;
        check.user = (void *)(uintptr_t)scoring->caller;
        if (mvad_dataset_check(*dataset, &check, &fatal, &error))
            return command_error(scoring->caller, &error);
        if (interrupt_came()) return stopped(scoring);
    }
    return cache_option_open(scoring->caller, options->cache.value, image_size,
                             options->device.threads.value, *dataset);
}

/* A map that cannot be written is no fault of the data, which the status alone does not tell. */
static int report_error(const struct scoring *scoring, const mvad_error *error)
{
    if (scoring->options->maps.value && error->status == MVAD_ERROR_IO &&
        strstr(error->message, ".npy: "))
        return command_fail(scoring->caller, EXIT_FAILED, "%s", error->message);
    return command_error(scoring->caller, error);
}

/* Scores what `model_path` is for: all of the data set, or scoring->class_name. */
static int score(struct scoring *scoring, const char *model_path)
{
    const struct eval_options *options = scoring->options;
    mvad_model *model = NULL;
    mvad_dataset *dataset = NULL;
    mvad_evaluate_options evaluate = mvad_evaluate_options_default();
    mvad_error error;
    int32_t views;
    int code = config_options_load(scoring->caller, &options->config, model_path, &model, &views);
    if (code == OPTIONS_READ)
        code = open_dataset(scoring, mvad_model_config(model).image_size, &dataset);
    if (code == OPTIONS_READ)
        code =
            precision_read(scoring->caller, options->precision.value, &evaluate.session.precision);
    evaluate.session.samples = options->batch.value;
    evaluate.strips = options->strips;
    evaluate.maps = options->maps.value;
    evaluate.sample = take_sample;
    scoring->model = model;
    if (code == OPTIONS_READ) relative_begin(&scoring->relative, scoring->caller, model);
    evaluate.progress = show_progress;
    evaluate.user = scoring;
    scoring->class_begin = clock_seconds();
    if (code == OPTIONS_READ && evaluate.maps && mkdir(evaluate.maps, 0777) && errno != EEXIST)
        code = command_fail(scoring->caller, EXIT_FAILED, "%s: cannot make this folder: %s",
                            evaluate.maps, strerror(errno));
    if (code == OPTIONS_READ &&
        mvad_evaluate(model, scoring->device, dataset, &evaluate, take_row, scoring, &error)) {
        if (scoring->terminal) fputc('\n', stderr);
        code = report_error(scoring, &error);
    } else if (code == OPTIONS_READ && interrupt_came()) {
        code = stopped(scoring);
    }
    mvad_dataset_close(dataset);
    mvad_model_destroy(model);
    return code;
}

/* Each class with test samples by its own model. */
static int score_by_class(struct scoring *scoring)
{
    const struct eval_options *options = scoring->options;
    mvad_dataset_options open = mvad_dataset_options_default();
    mvad_dataset *dataset = NULL;
    mvad_error error;
    open.variant = options->variant.value;
    open.classes = options->classes.value;
    if (mvad_dataset_open(options->data.value, &open, &dataset, &error))
        return command_error(scoring->caller, &error);
    int code = OPTIONS_READ;
    for (size_t i = 0; i < mvad_dataset_class_count(dataset) && code == OPTIONS_READ; i++) {
        mvad_dataset_class c;
        char *path = NULL;
        if (mvad_dataset_class_at(dataset, i, &c, NULL) || !c.test_samples) continue;
        scoring->class_name = c.name;
        code = model_folder_class(scoring->caller, options->model.value, c.name,
                                  "model.safetensors", &path);
        if (code == OPTIONS_READ) code = score(scoring, path);
        free(path);
    }
    scoring->class_name = NULL;
    mvad_dataset_close(dataset);
    if (code == OPTIONS_READ && !scoring->table.count)
        code = command_fail(scoring->caller, EXIT_UNREADABLE, "%s: there are no test samples",
                            options->data.value);
    if (code == OPTIONS_READ) metrics_table_add_mean(&scoring->table);
    return code;
}

static int give_results(struct scoring *scoring)
{
    const struct eval_options *options = scoring->options;
    relative_end(&scoring->relative);
    if (scoring->table.out_of_memory || scoring->out_of_memory || scoring->relative.out_of_memory)
        return command_fail(scoring->caller, EXIT_FAILED, "out of memory");
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "version", mvad_version());
    cJSON_AddStringToObject(json, "model", options->model.value);
    cJSON_AddStringToObject(json, "data", options->data.value);
    cJSON_AddBoolToObject(json, "strips", options->strips);
    cJSON_AddNumberToObject(json, "seconds", clock_seconds() - scoring->begin);
    cJSON_AddItemToObject(json, "parts", scoring->parts);
    scoring->parts = NULL;
    return eval_give_results(scoring->caller, options, &scoring->table, &scoring->relative, json);
}

int eval_score(const struct caller *caller, const struct eval_options *options)
{
    struct scoring scoring = {.caller = caller,
                              .options = options,
                              .parts = cJSON_CreateArray(),
                              .terminal = isatty(STDERR_FILENO),
                              .begin = clock_seconds()};
    char *file = NULL;
    interrupt_catch();
    int code = eval_check_results(caller, options);
    if (code == OPTIONS_READ) code = device_options_open(caller, &options->device, &scoring.device);
    if (code == OPTIONS_READ) code = model_folder_find(caller, options->model.value, &file);
    if (code == OPTIONS_READ) code = file ? score(&scoring, file) : score_by_class(&scoring);
    if (code == OPTIONS_READ) code = give_results(&scoring);
    metrics_table_free(&scoring.table);
    relative_free(&scoring.relative);
    cJSON_Delete(scoring.parts);
    mvad_device_close(scoring.device);
    free(file);
    return code;
}
