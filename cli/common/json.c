#include "cli/common/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/options.h"

#define MAX_BYTES (256l << 20)

cJSON *json_config(const mvad_config *config, int32_t views)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "backbone", mvad_backbone_name(config->backbone));
    cJSON_AddStringToObject(json, "projection", mvad_projection_name(config->projection));
    cJSON_AddBoolToObject(json, "route_projection", config->route_projection);
    cJSON_AddNumberToObject(json, "views", views);
    cJSON_AddNumberToObject(json, "size", config->image_size);
    cJSON_AddItemToObject(json, "windows", cJSON_CreateIntArray(config->windows, MVAD_SCALES));
    cJSON_AddItemToObject(json, "topk", cJSON_CreateIntArray(config->topk, MVAD_SCALES));
    cJSON_AddItemToObject(json, "blocks", cJSON_CreateIntArray(config->blocks, MVAD_SCALES));
    return json;
}

cJSON *json_device(const mvad_device_info *info)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "id", info->id);
    cJSON_AddStringToObject(json, "name", info->name);
    cJSON_AddStringToObject(json, "details", info->details);
    cJSON_AddNumberToObject(json, "threads", info->threads);
    cJSON_AddNumberToObject(json, "memory_bytes", (double)info->memory_bytes);
    return json;
}

cJSON *json_cost(const mvad_cost *cost)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "macs", cost->macs);
    cJSON_AddNumberToObject(json, "macs_executed", cost->macs_executed);
    cJSON_AddNumberToObject(json, "traffic_bytes", cost->traffic_bytes);
    cJSON_AddNumberToObject(json, "weights_bytes", (double)cost->weights_bytes);
    cJSON_AddNumberToObject(json, "activations_bytes", (double)cost->activations_bytes);
    cJSON_AddNumberToObject(json, "nodes", (double)cost->nodes);
    return json;
}

int json_print(const struct caller *caller, cJSON *json)
{
    char *text = json ? cJSON_Print(json) : NULL;
    cJSON_Delete(json);
    if (!text) return command_fail(caller, EXIT_FAILED, "out of memory");
    puts(text);
    cJSON_free(text);
    return EXIT_DONE;
}

int json_read(const struct caller *caller, const char *path, cJSON **json)
{
    *json = NULL;
    FILE *file = fopen(path, "rb");
    if (!file) return command_fail(caller, EXIT_UNREADABLE, "%s: %s", path, strerror(errno));
    long size = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    rewind(file);
    bool fits = size >= 0 && size <= MAX_BYTES;
    char *text = fits ? malloc((size_t)size + 1) : NULL;
    bool complete = text && fread(text, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    if (complete) *json = cJSON_ParseWithLength(text, (size_t)size);
    free(text);
    if (*json) return OPTIONS_READ;
    if (fits && !text) return command_fail(caller, EXIT_FAILED, "out of memory");
    return command_fail(caller, EXIT_UNREADABLE, "%s: %s", path,
                        complete ? "is not JSON" : "cannot be read");
}
