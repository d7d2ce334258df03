#include "core/data/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/data/scan.h"

/* A view and the sample it belongs to. */
struct owned_view {
    const struct dataset_view *view;
    size_t sample, index;
};

struct checker {
    const struct dataset *dataset;
    const struct scan_result *results;
    struct dataset_report *report;
    mvad_error *error;
};

const char *dataset_problem_name(enum dataset_problem_kind kind)
{
    switch (kind) {
    case PROBLEM_MISSING_IMAGE: return "missing image";
    case PROBLEM_BROKEN_IMAGE: return "broken image";
    case PROBLEM_MISSING_MASK: return "missing mask";
    case PROBLEM_BROKEN_MASK: return "broken mask";
    case PROBLEM_DUPLICATE_IMAGE: return "image recorded twice";
    case PROBLEM_DUPLICATE_VIEW: return "view recorded twice";
    case PROBLEM_TOO_MANY_VIEWS: return "too many views";
    case PROBLEM_VIEW_COUNT: return "unusual number of views";
    case PROBLEM_MASK_SIZE: return "mask of another size";
    case PROBLEM_EMPTY_MASK: return "empty mask";
    case PROBLEM_NO_MASK: return "anomalous view without a mask";
    case PROBLEM_NO_LABEL: return "view without a label";
    case PROBLEM_KINDS: break;
    }
    return "unknown problem";
}

bool dataset_problem_is_fatal(enum dataset_problem_kind kind)
{
    return kind <= PROBLEM_TOO_MANY_VIEWS;
}

__attribute__((format(printf, 4, 5))) static mvad_status add_problem(struct checker *checker,
                                                                     enum dataset_problem_kind kind,
                                                                     size_t sample,
                                                                     const char *format, ...)
{
    struct dataset_report *report = checker->report;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *copy = memory_copy_string(text);
    if (!copy || !memory_grow((void **)&report->problems, &report->capacity, report->problem_count,
                              sizeof *report->problems)) {
        free(copy);
        return error_out_of_memory(checker->error, "data check", sizeof text);
    }
    report->problems[report->problem_count++] = (struct dataset_problem){kind, sample, copy};
    report->counts[kind]++;
    report->fatal_count += dataset_problem_is_fatal(kind);
    return MVAD_OK;
}

/* ---- files ---- */

static mvad_status check_view(struct checker *checker, size_t sample, size_t index)
{
    const struct dataset_view *view = &checker->dataset->views[index];
    const struct scan_result *result = &checker->results[index];
    const char *image = file_label(view->image);
    mvad_status status = MVAD_OK;

    if (result->image_status)
        status = add_problem(checker,
                             result->image_status == MVAD_ERROR_IO ? PROBLEM_MISSING_IMAGE
                                                                   : PROBLEM_BROKEN_IMAGE,
                             sample, "%s", result->image_message);
    if (!status && view->label == DATASET_UNKNOWN)
        status = add_problem(checker, PROBLEM_NO_LABEL, sample, "%s: no label", image);
    if (!status && view->label == DATASET_ANOMALOUS && !view->mask)
        status =
            add_problem(checker, PROBLEM_NO_MASK, sample, "%s: anomalous, without a mask", image);
    if (status || !view->mask) return status;

    const char *mask = file_label(view->mask);
    if (result->mask_status)
        return add_problem(checker,
                           result->mask_status == MVAD_ERROR_IO ? PROBLEM_MISSING_MASK
                                                                : PROBLEM_BROKEN_MASK,
                           sample, "%s", result->mask_message);
    if (!result->image_status &&
        (result->mask_width != result->width || result->mask_height != result->height))
        status = add_problem(checker, PROBLEM_MASK_SIZE, sample,
                             "%s: %d x %d pixels, its image has %d x %d", mask, result->mask_width,
                             result->mask_height, result->width, result->height);
    if (!status && result->mask_empty)
        status = add_problem(checker, PROBLEM_EMPTY_MASK, sample,
                             "%s: nothing is marked, but the view is recorded as anomalous", mask);
    return status;
}

/* ---- counts of views ---- */

/* The number of views that most samples have; the larger of two that are as frequent. */
static size_t usual_views(const struct dataset *dataset)
{
    size_t counts[MVAD_MAX_VIEWS + 1] = {0}, usual = 0;
    for (size_t i = 0; i < dataset->sample_count; i++)
        if (dataset->samples[i].view_count <= MVAD_MAX_VIEWS)
            counts[dataset->samples[i].view_count]++;
    for (size_t n = 1; n <= MVAD_MAX_VIEWS; n++)
        if (counts[n] >= counts[usual]) usual = n;
    return usual;
}

static mvad_status check_sample(struct checker *checker, size_t index, size_t usual)
{
    const struct dataset *dataset = checker->dataset;
    const struct dataset_sample *sample = &dataset->samples[index];
    const struct dataset_view *views = &dataset->views[sample->first_view];
    const char *class_name = dataset->classes[sample->class_index].name;
    const char *name = file_label(sample->name);
    mvad_status status = MVAD_OK;

    for (size_t i = 0; i < sample->view_count && !status; i++)
        status = check_view(checker, index, sample->first_view + i);
    for (size_t i = 1; i < sample->view_count && !status; i++)
        if (strcmp(views[i - 1].name, views[i].name) == 0 &&
            strcmp(views[i - 1].image, views[i].image) != 0)
            status = add_problem(checker, PROBLEM_DUPLICATE_VIEW, index,
                                 "%s: is view '%.100s' of its sample, as another file is",
                                 file_label(views[i].image), views[i].name);
    if (status) return status;
    if (sample->view_count > MVAD_MAX_VIEWS)
        return add_problem(checker, PROBLEM_TOO_MANY_VIEWS, index,
                           "%.100s, sample '%s': %zu views, at most %d can be used", class_name,
                           name, sample->view_count, MVAD_MAX_VIEWS);
    if (sample->view_count != usual)
        return add_problem(checker, PROBLEM_VIEW_COUNT, index,
                           "%.100s, sample '%s': %zu views, most samples have %zu", class_name,
                           name, sample->view_count, usual);
    return MVAD_OK;
}

/* ---- records ---- */

static int compare_views(const void *first, const void *second)
{
    const struct owned_view *a = first, *b = second;
    int order = strcmp(a->view->image, b->view->image);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static mvad_status check_duplicates(struct checker *checker)
{
    const struct dataset *dataset = checker->dataset;
    mvad_status status = MVAD_OK;
    size_t count = dataset->view_count, k = 0;
    struct owned_view *views = malloc((count + 1) * sizeof *views);
    if (!views) return error_out_of_memory(checker->error, "data check", count * sizeof *views);
    for (size_t i = 0; i < dataset->sample_count; i++)
        for (size_t v = 0; v < dataset->samples[i].view_count; v++, k++)
            views[k] = (struct owned_view){&dataset->views[k], i, k};
    qsort(views, count, sizeof *views, compare_views);
    for (k = 1; k < count && !status; k++) {
        const struct owned_view *before = &views[k - 1], *view = &views[k];
        if (strcmp(before->view->image, view->view->image) != 0) continue;
        const struct dataset_sample *other = &dataset->samples[before->sample];
        status = add_problem(checker, PROBLEM_DUPLICATE_IMAGE, view->sample,
                             "%s: recorded twice, first in %s sample '%.100s'",
                             file_label(view->view->image),
                             other->split == DATASET_TRAIN ? "training" : "test", other->name);
    }
    free(views);
    return status;
}

/* ---- totals ---- */

static void add_size(struct dataset_totals *totals, const struct scan_result *result)
{
    if (!result->width) return;
    bool first = totals->max_width == 0;
    if (first || result->width < totals->min_width) totals->min_width = result->width;
    if (first || result->height < totals->min_height) totals->min_height = result->height;
    if (result->width > totals->max_width) totals->max_width = result->width;
    if (result->height > totals->max_height) totals->max_height = result->height;
}

static void count_sample(const struct checker *checker, const struct dataset_sample *sample,
                         struct dataset_totals *totals)
{
    if (sample->split == DATASET_TRAIN)
        totals->train_samples++;
    else
        totals->test_samples++;
    totals->anomalous_samples += sample->label == DATASET_ANOMALOUS;
    totals->views += sample->view_count;
    for (size_t v = sample->first_view; v < sample->first_view + sample->view_count; v++) {
        totals->anomalous_views += checker->dataset->views[v].label == DATASET_ANOMALOUS;
        add_size(totals, &checker->results[v]);
    }
}

static int compare_problems(const void *first, const void *second)
{
    const struct dataset_problem *a = first, *b = second;
    if (a->sample != b->sample) return a->sample < b->sample ? -1 : 1;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    return strcmp(a->text, b->text);
}

mvad_status dataset_check(const struct dataset *dataset, const struct dataset_check_options *options,
                          struct dataset_report *report, mvad_error *error)
{
    const struct dataset_check_options defaults = {0};
    size_t usual = usual_views(dataset);
    mvad_status status = MVAD_OK;
    *report = (struct dataset_report){0};
    struct scan_result *results = calloc(dataset->view_count + 1, sizeof *results);
    struct checker checker = {dataset, results, report, error};
    report->classes = calloc(dataset->class_count + 1, sizeof *report->classes);
    if (!results || !report->classes) {
        status = error_out_of_memory(error, "data check", dataset->view_count * sizeof *results);
        goto cleanup;
    }

    status = scan_views(dataset, options ? options : &defaults, results, &report->stopped, error);
    if (report->stopped) goto cleanup;
    for (size_t i = 0; i < dataset->sample_count && !status; i++) {
        const struct dataset_sample *sample = &dataset->samples[i];
        count_sample(&checker, sample, &report->classes[sample->class_index]);
        count_sample(&checker, sample, &report->all);
        status = check_sample(&checker, i, usual);
    }
    if (!status) status = check_duplicates(&checker);
    if (!status && report->problem_count)
        qsort(report->problems, report->problem_count, sizeof *report->problems, compare_problems);

cleanup:
    for (size_t i = 0; results && i < dataset->view_count; i++) {
        free(results[i].image_message);
        free(results[i].mask_message);
    }
    free(results);
    if (status) dataset_report_free(report);
    return status;
}

void dataset_report_free(struct dataset_report *report)
{
    for (size_t i = 0; i < report->problem_count; i++) free(report->problems[i].text);
    free(report->problems);
    free(report->classes);
    *report = (struct dataset_report){0};
}

size_t dataset_report_mark(const struct dataset_report *report, const struct dataset *dataset,
                           bool *remove)
{
    size_t count = 0;
    memset(remove, 0, dataset->sample_count * sizeof *remove);
    for (size_t i = 0; i < report->problem_count; i++)
        if (dataset_problem_is_fatal(report->problems[i].kind))
            remove[report->problems[i].sample] = true;
    for (size_t i = 0; i < dataset->sample_count; i++) count += remove[i];
    return count;
}
