/* A part's result as text and as JSON. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>

#include "cli/predict.h"

void part_label(const mvad_part_result *part, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s", part->class_name, *part->class_name ? "/" : "", part->name);
    for (char *c = text; *c; c++) /* names given on the command line may hold anything */
        if (iscntrl((unsigned char)*c)) *c = '?';
}

static const char *verdict_of(const mvad_part_result *part)
{
    return part->fault ? "ERROR" : part->anomalous ? "NG" : "OK";
}

void part_print_line(FILE *file, const mvad_part_result *part)
{
    char label[512];
    size_t highest = 0, regions = 0;
    part_label(part, label, sizeof label);
    if (part->fault) {
        fprintf(file, "%s\t%s\t-\t-\t-\n", label, verdict_of(part));
        return;
    }
    for (size_t v = 0; v < part->view_count; v++) {
        if (part->views[v].score > part->views[highest].score) highest = v;
        regions += part->views[v].region_count;
    }
    fprintf(file, "%s\t%s\t%.7g\t%s\t%zu\n", label, verdict_of(part), part->score,
            part->views[highest].name, regions);
}

/* With as many digits as tell which float it is: nine always do. */
static void add_float(cJSON *json, const char *key, float value)
{
    char text[32];
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
    cJSON_AddNumberToObject(json, "width", view->width);
    cJSON_AddNumberToObject(json, "height", view->height);
    cJSON *regions = cJSON_AddArrayToObject(json, "regions");
    for (size_t i = 0; i < view->region_count; i++)
        cJSON_AddItemToArray(regions, region_json(&view->regions[i]));
    return json;
}

bool part_print_json(FILE *file, const mvad_part_result *part, float threshold,
                     const struct part_arrival *arrival)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "part", part->name);
    cJSON_AddStringToObject(json, "class", part->class_name);
    if (part->label != MVAD_UNLABELLED)
        cJSON_AddStringToObject(json, "label",
                                part->label == MVAD_ANOMALOUS ? "anomalous" : "normal");
    cJSON_AddStringToObject(json, "verdict", verdict_of(part));
    add_float(json, "threshold", threshold);
    if (part->fault) {
        cJSON_AddStringToObject(json, "error", part->fault);
    } else {
        add_float(json, "score", part->score);
        cJSON *views = cJSON_AddArrayToObject(json, "views");
        for (size_t v = 0; v < part->view_count; v++)
            cJSON_AddItemToArray(views, view_json(&part->views[v]));
    }
    cJSON_AddNumberToObject(json, "seconds", part->seconds);
    if (arrival) {
        cJSON_AddNumberToObject(json, "latency", arrival->latency);
        cJSON_AddStringToObject(json, "time", arrival->time);
        cJSON_AddNumberToObject(json, "missing_views", (double)arrival->missing);
    }
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text) fprintf(file, "%s\n", text);
    cJSON_free(text);
    return text;
}
