#include "core/model/config.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/model/network.h"

#define MAX_WINDOWS 64
#define MAX_TOPK 65536

mvad_config mvad_config_default(void)
{
    return (mvad_config){.backbone = MVAD_BACKBONE_RESNET34,
                         .projection = MVAD_PROJECTION_QKV,
                         .views = 5,
                         .image_size = 256,
                         .windows = {8, 8, 8},
                         .topk = {16, 32, 64},
                         .blocks = {1, 2, 4}};
}

static mvad_status out_of_range(mvad_error *error, const char *field, int value, int low, int high)
{
    return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s is %d; it must be %d to %d", field,
                     value, low, high);
}

mvad_status mvad_config_check(const mvad_config *config, mvad_error *error)
{
    if (!config) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "configuration is NULL");
    for (size_t i = 0; i < sizeof config->reserved / sizeof *config->reserved; i++)
        if (config->reserved[i])
            return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                             "configuration is not initialised, or sets what version %s does not "
                             "know",
                             mvad_version());
    if ((unsigned)config->backbone >= MVAD_BACKBONE_COUNT)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "backbone is out of range");
    if ((unsigned)config->projection >= MVAD_PROJECTION_COUNT)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "projection is out of range");
    if (config->route_projection != 0 && config->route_projection != 1)
        return out_of_range(error, "route projection", config->route_projection, 0, 1);
    if (config->views < 1 || config->views > MVAD_MAX_VIEWS)
        return out_of_range(error, "views", config->views, 1, MVAD_MAX_VIEWS);
    if (config->image_size < 32 || config->image_size > MVAD_MAX_IMAGE_SIZE ||
        config->image_size % 32)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "image size is %d; it must be a multiple of 32 from 32 to %d",
                         config->image_size, MVAD_MAX_IMAGE_SIZE);
    for (int s = 0; s < MVAD_SCALES; s++) {
        if (config->windows[s] < 1 || config->windows[s] > MAX_WINDOWS)
            return out_of_range(error, "windows", config->windows[s], 1, MAX_WINDOWS);
        if (config->topk[s] < 1 || config->topk[s] > MAX_TOPK)
            return out_of_range(error, "top-K", config->topk[s], 1, MAX_TOPK);
        if (config->blocks[s] < 1 || config->blocks[s] > MVAD_MAX_BLOCKS)
            return out_of_range(error, "blocks", config->blocks[s], 1, MVAD_MAX_BLOCKS);
    }
    return error_clear(error);
}

const char *mvad_backbone_name(mvad_backbone backbone)
{
    const struct backbone *found = network_backbone(backbone);
    return found ? found->name : NULL;
}

const char *mvad_projection_name(mvad_projection projection)
{
    static const char *const names[MVAD_PROJECTION_COUNT] = {"none", "qkv"};
    return (unsigned)projection < MVAD_PROJECTION_COUNT ? names[projection] : NULL;
}

mvad_status mvad_backbone_from_name(const char *name, mvad_backbone *backbone, mvad_error *error)
{
    for (int i = 0; name && i < MVAD_BACKBONE_COUNT; i++) {
        if (strcmp(name, mvad_backbone_name((mvad_backbone)i)) != 0) continue;
        *backbone = (mvad_backbone)i;
        return error_clear(error);
    }
    return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                     "backbone '%s'; known: resnet18, resnet34, resnet50, wide_resnet50_2",
                     name ? name : "");
}

mvad_status mvad_projection_from_name(const char *name, mvad_projection *projection,
                                      mvad_error *error)
{
    for (int i = 0; name && i < MVAD_PROJECTION_COUNT; i++) {
        if (strcmp(name, mvad_projection_name((mvad_projection)i)) != 0) continue;
        *projection = (mvad_projection)i;
        return error_clear(error);
    }
    return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "projection '%s'; known: none, qkv",
                     name ? name : "");
}

/* The fields that are integers, and their keys in a model file's metadata. */
static const struct {
    const char *key;
    size_t offset;
    int count;
} integer_fields[] = {
    {"mvad.windows", offsetof(mvad_config, windows), MVAD_SCALES},
    {"mvad.topk", offsetof(mvad_config, topk), MVAD_SCALES},
    {"mvad.blocks", offsetof(mvad_config, blocks), MVAD_SCALES},
    {"mvad.route_projection", offsetof(mvad_config, route_projection), 1},
    {"mvad.views", offsetof(mvad_config, views), 1},
    {"mvad.image_size", offsetof(mvad_config, image_size), 1},
};
#define INTEGER_FIELDS (sizeof integer_fields / sizeof *integer_fields)

static mvad_status set_integers(mvad_tensors *tensors, const char *key, const int32_t *values,
                                int count, mvad_error *error)
{
    char text[64];
    int length = 0;
    for (int i = 0; i < count; i++)
        length +=
            snprintf(text + length, sizeof text - (size_t)length, i ? ",%d" : "%d", values[i]);
    return mvad_tensors_set_metadata(tensors, key, text, error);
}

bool config_has_key(const char *key)
{
    if (!strcmp(key, "mvad.backbone") || !strcmp(key, "mvad.projection")) return true;
    for (size_t i = 0; i < INTEGER_FIELDS; i++)
        if (!strcmp(key, integer_fields[i].key)) return true;
    return false;
}

mvad_status config_to_metadata(const mvad_config *config, mvad_tensors *tensors, mvad_error *error)
{
    mvad_status status = mvad_tensors_set_metadata(tensors, "mvad.backbone",
                                                   mvad_backbone_name(config->backbone), error);
    if (!status)
        status = mvad_tensors_set_metadata(tensors, "mvad.projection",
                                           mvad_projection_name(config->projection), error);
    for (size_t i = 0; i < INTEGER_FIELDS && !status; i++) {
        const char *values = (const char *)config + integer_fields[i].offset;
        status = set_integers(tensors, integer_fields[i].key, (const int32_t *)(const void *)values,
                              integer_fields[i].count, error);
    }
    return status;
}

/* Exactly `count` integers, separated by commas. */
static bool parse_integers(const char *text, int32_t *values, int count)
{
    for (int i = 0; i < count; i++) {
        char *end;
        errno = 0;
        long value = strtol(text, &end, 10);
        if (end == text || errno || value < INT32_MIN || value > INT32_MAX) return false;
        if (*end != (i + 1 < count ? ',' : 0)) return false;
        values[i] = (int32_t)value;
        text = end + 1;
    }
    return true;
}

mvad_status config_from_metadata(const mvad_tensors *tensors, mvad_config *config, int *missing,
                                 const char **first_missing, mvad_error *error)
{
    const char *backbone = mvad_tensors_metadata(tensors, "mvad.backbone");
    const char *projection = mvad_tensors_metadata(tensors, "mvad.projection");
    mvad_status status = MVAD_OK;
    *missing = 0;
    *first_missing = NULL;
    if (backbone)
        status = mvad_backbone_from_name(backbone, &config->backbone, error);
    else if (!(*missing)++)
        *first_missing = "mvad.backbone";
    if (status) return MVAD_ERROR_FORMAT;
    if (projection)
        status = mvad_projection_from_name(projection, &config->projection, error);
    else if (!(*missing)++)
        *first_missing = "mvad.projection";
    if (status) return MVAD_ERROR_FORMAT;
    for (size_t i = 0; i < INTEGER_FIELDS; i++) {
        const char *key = integer_fields[i].key, *text = mvad_tensors_metadata(tensors, key);
        if (!text) {
            if (!(*missing)++) *first_missing = key;
            continue;
        }
        char *values = (char *)config + integer_fields[i].offset;
        if (!parse_integers(text, (int32_t *)(void *)values, integer_fields[i].count))
            return error_set(error, MVAD_ERROR_FORMAT, "metadata %s is '%.40s', not %d integers",
                             key, text, integer_fields[i].count);
    }
    return error_clear(error);
}
