#include "tests/golden_model.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/model/config.h"

double golden_uniform(const char *name, uint64_t index)
{
    uint64_t z = 0xCBF29CE484222325u;
    for (; *name; name++) z = (z ^ (unsigned char)*name) * 0x100000001B3u;
    z += (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return 2 * (double)(z >> 40) * 0x1p-24 - 1;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && !strcmp(text + length - end, suffix);
}

static void fill(const struct parameter *parameter, float *values)
{
    const char *name = parameter->name;
    double centre = 0, scale;
    if (ends_with(name, "running_var") || (ends_with(name, ".weight") && parameter->rank == 1)) {
        centre = 1;
        scale = 0.2;
    } else if (ends_with(name, "running_mean") || ends_with(name, ".bias")) {
        scale = 0.1;
    } else {
        size_t outputs = (size_t)parameter->shape[0], fan_in = parameter->count / outputs;
        scale = sqrt(3.0 / (double)(parameter->layout == LAYOUT_CONVT ? outputs : fan_in));
    }
    for (size_t i = 0; i < parameter->count; i++)
        values[i] = (float)(centre + scale * golden_uniform(name, i));
}

mvad_model *golden_model(const mvad_tensors *golden)
{
    mvad_config config = mvad_config_default();
    mvad_error error = {0};
    mvad_model *model = NULL;
    int missing;
    const char *first;
    if (config_from_metadata(golden, &config, &missing, &first, &error) || missing ||
        mvad_model_create(&config, 0, &model, &error))
        fail_msg("golden model: %s", missing ? first : error.message);
    for (size_t i = 0; i < model->table.count; i++)
        fill(&model->table.items[i], model->values + model->table.items[i].offset);
    return model;
}

mvad_tensors *golden_open(const char *folder, const char *name)
{
    char path[1024];
    mvad_tensors *golden = NULL;
    mvad_error error = {0};
    const char *moved = getenv("MVAD_GOLDEN_DIR");
    snprintf(path, sizeof path, "%s/%s", moved && *moved ? moved : folder, name);
    if (access(path, F_OK)) return NULL;
    if (mvad_tensors_load(path, &golden, &error)) fail_msg("%s", error.message);
    return golden;
}

mvad_tensor_view golden_find(const mvad_tensors *golden, const char *name)
{
    mvad_tensor_view view = {0};
    mvad_error error = {0};
    if (mvad_tensors_find(golden, name, &view, &error)) fail_msg("%s", error.message);
    return view;
}

const double *golden_find_double(const mvad_tensors *golden, const char *name, size_t count)
{
    const double *values = NULL;
    size_t found = 0;
    mvad_error error = {0};
    if (tensors_find_double(golden, name, &values, &found, &error)) fail_msg("%s", error.message);
    if (found < count) fail_msg("%s: %zu elements, not %zu", name, found, count);
    return values;
}

double golden_error(const float *values, const float *expected, size_t count)
{
    double largest = 0, difference = 0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)values[i] - (double)expected[i]);
        if (isnan(d)) return INFINITY;
        if (d > difference) difference = d;
        if (fabs((double)expected[i]) > largest) largest = fabs((double)expected[i]);
    }
    return largest > 0 ? difference / largest : difference;
}
