/* A calibration as JSON, and back. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/number.h"
#include "core/score/calibration.h"

/* With as many digits as tell which float it is. */
static void add_float(cJSON *json, const char *key, float value)
{
    char text[NUMBER_TEXT];
    number_to_text(value, 9, text);
    cJSON_AddRawToObject(json, key, text);
}

static void add_real(cJSON *json, const char *key, double value)
{
    char text[NUMBER_TEXT];
    number_to_text(value, 6, text);
    cJSON_AddRawToObject(json, key, text);
}

static cJSON *level_json(const struct calibration_level *level)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", level->name);
    cJSON_AddNumberToObject(json, "parts", (double)level->parts);
    add_float(json, "accept", level->accept);
    add_real(json, "accept_bound", level->accept_bound);
    add_float(json, "reject", level->reject);
    add_real(json, "reject_bound", level->reject_bound);
    return json;
}

char *calibration_to_text(const struct calibration *calibration)
{
    const mvad_calibration *facts = &calibration->facts;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "date", facts->date);
    cJSON_AddStringToObject(json, "model", facts->model);
    cJSON_AddStringToObject(json, "data", facts->data);
    add_real(json, "confidence", facts->confidence);
    add_real(json, "reject_rate", facts->reject_rate);
    add_real(json, "unsure_rate", facts->unsure_rate);
    add_real(json, "pixel_share", facts->pixel_share);
    cJSON *classes = cJSON_AddArrayToObject(json, "classes");
    for (size_t c = 0; c < calibration->class_count; c++) {
        const struct calibration_class *class = &calibration->classes[c];
        cJSON *item = level_json(&class->part);
        add_float(item, "pixel", class->pixel);
        cJSON *views = cJSON_AddArrayToObject(item, "views");
        for (size_t v = 0; v < class->view_count; v++)
            cJSON_AddItemToArray(views, level_json(&class->views[v]));
        cJSON_AddItemToArray(classes, item);
    }
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static bool take_number(const cJSON *json, const char *key, double *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    *value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    return isfinite(*value);
}

static bool take_float(const cJSON *json, const char *key, float *value)
{
    double number;
    const bool taken = take_number(json, key, &number) && fabs(number) < 1e30;
    *value = taken ? (float)number : 0;
    return taken;
}

static bool take_share(const cJSON *json, const char *key, double *value)
{
    return take_number(json, key, value) && *value >= 0 && *value <= 1;
}

static bool take_text(const cJSON *json, const char *key, char *text, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= size) return false;
    strcpy(text, item->valuestring);
    return true;
}

static bool take_level(const cJSON *json, struct calibration_level *level)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "name");
    double parts;
    if (!cJSON_IsString(name) || !take_number(json, "parts", &parts)) return false;
    if (!(parts >= 1 && parts < 1e15)) return false;
    level->parts = (size_t)parts;
    level->name = memory_copy_string(name->valuestring);
    return level->name && take_float(json, "accept", &level->accept) &&
           take_float(json, "reject", &level->reject) && level->accept <= level->reject &&
           take_share(json, "accept_bound", &level->accept_bound) &&
           take_share(json, "reject_bound", &level->reject_bound);
}

static bool take_class(const cJSON *json, struct calibration_class *class)
{
    const cJSON *views = cJSON_GetObjectItemCaseSensitive(json, "views"), *view;
    if (!take_level(json, &class->part) || !take_float(json, "pixel", &class->pixel)) return false;
    if (!cJSON_IsArray(views)) return false;
    class->views = calloc((size_t)cJSON_GetArraySize(views) + 1, sizeof *class->views);
    if (!class->views) return false;
    cJSON_ArrayForEach(
        view, views) if (!take_level(view, &class->views[class->view_count++])) return false;
    return true;
}

static bool take_all(const cJSON *json, struct calibration *calibration)
{
    const cJSON *classes = cJSON_GetObjectItemCaseSensitive(json, "classes"), *class;
    mvad_calibration *facts = &calibration->facts;
    if (!take_text(json, "date", facts->date, sizeof facts->date) ||
        !take_text(json, "model", facts->model, sizeof facts->model) ||
        !take_text(json, "data", facts->data, sizeof facts->data) ||
        !take_share(json, "confidence", &facts->confidence) ||
        !take_share(json, "reject_rate", &facts->reject_rate) ||
        !take_share(json, "unsure_rate", &facts->unsure_rate) ||
        !take_share(json, "pixel_share", &facts->pixel_share))
        return false;
    if (!cJSON_IsArray(classes) || !cJSON_GetArraySize(classes)) return false;
    calibration->classes =
        calloc((size_t)cJSON_GetArraySize(classes), sizeof *calibration->classes);
    if (!calibration->classes) return false;
    cJSON_ArrayForEach(
        class,
        classes) if (!take_class(class,
                                 &calibration->classes[calibration->class_count++])) return false;
    return true;
}

bool calibration_from_text(const char *text, struct calibration *calibration)
{
    cJSON *json = cJSON_Parse(text);
    *calibration = (struct calibration){0};
    const bool taken = json && take_all(json, calibration);
    cJSON_Delete(json);
    if (!taken) calibration_free(calibration);
    return taken;
}

char *class_thresholds_to_text(const struct calibration *calibration)
{
    cJSON *json = cJSON_CreateObject();
    for (size_t c = 0; c < calibration->class_count; c++)
        add_float(json, calibration->classes[c].part.name, calibration->classes[c].part.reject);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static bool take_thresholds(const cJSON *json, struct calibration *calibration)
{
    const cJSON *item;
    if (!cJSON_IsObject(json) || !json->child) return false;
    calibration->classes = calloc((size_t)cJSON_GetArraySize(json), sizeof *calibration->classes);
    if (!calibration->classes) return false;
    cJSON_ArrayForEach(item, json)
    {
        struct calibration_class *class = &calibration->classes[calibration->class_count++];
        class->part.name = memory_copy_string(item->string);
        if (!class->part.name || !cJSON_IsNumber(item) || !(fabs(item->valuedouble) < 1e30))
            return false;
        class->part.accept = class->part.reject = class->pixel = (float)item->valuedouble;
    }
    return true;
}

bool class_thresholds_from_text(const char *text, struct calibration *calibration)
{
    cJSON *json = cJSON_Parse(text);
    *calibration = (struct calibration){.is_rough = true};
    const bool taken = json && take_thresholds(json, calibration);
    cJSON_Delete(json);
    if (!taken) calibration_free(calibration);
    return taken;
}
