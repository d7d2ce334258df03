/* A part's result as text and as JSON. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/predict.h"

void part_label(const mvad_part_result *part, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s", part->class_name, *part->class_name ? "/" : "", part->name);
    for (char *c = text; *c; c++) /* names given on the command line may hold anything */
        if (iscntrl((unsigned char)*c)) *c = '?';
}

/* The end of a line. */
static void print_missing(FILE *file, const struct part_arrival *arrival)
{
    if (arrival && arrival->missing && arrival->missing_names) {
        fputs("\tmissing ", file);
        for (const char *c = arrival->missing_names; *c; c++)
            fputc(iscntrl((unsigned char)*c) ? '?' : *c, file);
    }
    if (arrival && arrival->missing && !arrival->missing_names)
        fprintf(file, "\tmissing %zu", arrival->missing);
    fputc('\n', file);
}

void part_print_line(FILE *file, const mvad_part_result *part, const struct part_context *context)
{
    char label[512], relative[32] = "-";
    size_t regions = 0;
    part_label(part, label, sizeof label);
    if (part->fault) {
        fprintf(file, "%s\t%s\t-\t-\t-\t-", label, mvad_verdict_name(part->verdict));
        print_missing(file, context->arrival);
        return;
    }
    for (size_t v = 0; v < part->view_count; v++) regions += part->views[v].region_count;
    if (!isnan(part->relative)) snprintf(relative, sizeof relative, "%.3f", part->relative);
    fprintf(file, "%s\t%s\t%.7g\t%s\t%zu\t%s", label, mvad_verdict_name(part->verdict), part->score,
            part->views[part->responsible].name, regions, relative);
    print_missing(file, context->arrival);
}

/* With as many digits as tell which float it is: nine always do. A NaN is left out. */
static void add_float(cJSON *json, const char *key, float value)
{
    char text[32];
    if (isnan(value)) return;
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtof(text, NULL) == value) break;
    }
    cJSON_AddRawToObject(json, key, text);
}

/* NULL when out of memory, here and below. */
static cJSON *region_json(const mvad_region *region)
{
    const int32_t box[4] = {region->left, region->top, region->width, region->height};
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "box", cJSON_CreateIntArray(box, 4));
    cJSON_AddNumberToObject(json, "area", region->area);
    add_float(json, "score", region->score);
    cJSON *contour = cJSON_AddArrayToObject(json, "contour");
    for (size_t i = 0; i < region->points; i++)
        cJSON_AddItemToArray(contour, cJSON_CreateIntArray(region->contour + 2 * i, 2));
    return json;
}

static cJSON *view_json(const mvad_view_result *view)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "view", view->name);
    cJSON_AddStringToObject(json, "image", view->image);
    add_float(json, "score", view->score);
    add_float(json, "relative", view->relative);
    cJSON_AddNumberToObject(json, "width", view->width);
    cJSON_AddNumberToObject(json, "height", view->height);
    cJSON *regions = cJSON_AddArrayToObject(json, "regions");
    for (size_t i = 0; i < view->region_count; i++)
        cJSON_AddItemToArray(regions, region_json(&view->regions[i]));
    return json;
}

static void add_arrival(cJSON *json, const struct part_arrival *arrival)
{
    cJSON_AddNumberToObject(json, "latency", arrival->latency);
    cJSON_AddStringToObject(json, "time", arrival->time);
    cJSON_AddNumberToObject(json, "missing_views", (double)arrival->missing);
    if (!arrival->missing || !arrival->missing_names) return;
    cJSON *names = cJSON_AddArrayToObject(json, "missing_names");
    for (const char *name = arrival->missing_names; name;) {
        const size_t length = strcspn(name, ",");
        char *copy = strndup(name, length);
        cJSON_AddItemToArray(names, cJSON_CreateString(copy ? copy : ""));
        free(copy);
        name = name[length] ? name + length + 2 : NULL;
    }
}

static void add_judgement(cJSON *json, const mvad_part_result *part)
{
    add_float(json, "threshold", part->thresholds.reject);
    add_float(json, "accept_threshold", part->thresholds.accept);
    add_float(json, "pixel_threshold", part->thresholds.pixel);
    add_float(json, "score", part->score);
    add_float(json, "relative", part->relative);
    cJSON_AddStringToObject(json, "responsible_view", part->views[part->responsible].name);
    cJSON *views = cJSON_AddArrayToObject(json, "views");
    for (size_t v = 0; v < part->view_count; v++)
        cJSON_AddItemToArray(views, view_json(&part->views[v]));
}

bool part_print_json(FILE *file, const mvad_part_result *part, const struct part_context *context)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "part", part->name);
    cJSON_AddStringToObject(json, "class", part->class_name);
    if (part->label != MVAD_UNLABELLED)
        cJSON_AddStringToObject(json, "label",
                                part->label == MVAD_ANOMALOUS ? "anomalous" : "normal");
    cJSON_AddStringToObject(json, "verdict", mvad_verdict_name(part->verdict));
    if (part->fault)
        cJSON_AddStringToObject(json, "error", part->fault);
    else
        add_judgement(json, part);
    cJSON_AddNumberToObject(json, "seconds", part->seconds);
    if (context->arrival) add_arrival(json, context->arrival);
    cJSON_AddStringToObject(json, "model", context->model);
    if (*context->calibration) cJSON_AddStringToObject(json, "calibration", context->calibration);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text) fprintf(file, "%s\n", text);
    cJSON_free(text);
    return text;
}
