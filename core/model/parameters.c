#include "core/model/parameters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/random.h"

static void shape_from_dim(struct parameter *parameter)
{
    const int64_t *d = parameter->dim;
    switch (parameter->layout) {
    case LAYOUT_VECTOR:
        parameter->rank = 1;
        parameter->shape[0] = d[3];
        break;
    case LAYOUT_LINEAR:
        parameter->rank = 2;
        parameter->shape[0] = d[0];
        parameter->shape[1] = d[3];
        break;
    case LAYOUT_CONV:
    case LAYOUT_CONVT:
        parameter->rank = 4;
        parameter->shape[0] = d[0];
        parameter->shape[1] = d[3];
        parameter->shape[2] = d[1];
        parameter->shape[3] = d[2];
        break;
    }
}

mvad_status parameter_table_add(struct parameter_table *table, const char *name,
                                mvad_parameter_kind kind, enum parameter_layout layout,
                                enum parameter_init init, int64_t fan, const int64_t dim[4],
                                mvad_error *error)
{
    if (!memory_grow((void **)&table->items, &table->capacity, table->count, sizeof *table->items))
        return error_out_of_memory(error, "parameter table", sizeof *table->items);
    struct parameter *parameter = &table->items[table->count];
    *parameter = (struct parameter){.kind = kind, .layout = layout, .init = init, .fan = fan};
    if ((size_t)snprintf(parameter->name, sizeof parameter->name, "%s", name) >=
        sizeof parameter->name)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "%s: parameter name too long", name);
    memcpy(parameter->dim, dim, sizeof parameter->dim);
    shape_from_dim(parameter);
    parameter->count = (size_t)(dim[0] * dim[1] * dim[2] * dim[3]);
    parameter->offset = table->elements;
    table->elements += parameter->count;
    table->count++;
    return MVAD_OK;
}

void parameter_table_free(struct parameter_table *table)
{
    free(table->items);
    *table = (struct parameter_table){0};
}

const struct parameter *parameter_table_find(const struct parameter_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (!strcmp(table->items[i].name, name)) return &table->items[i];
    return NULL;
}

/* FNV-1a, 32 bits. */
static uint32_t hash_name(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

/* Two normal numbers from two uniform ones (Box and Muller 1958). 1 - u keeps the logarithm finite.
 * */
static void normal_pair(float u, float v, double out[2])
{
    double radius = sqrt(-2 * log(1 - (double)u)), angle = 2 * M_PI * (double)v;
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

void parameter_initialise(const struct parameter *parameter, uint64_t seed, float *values)
{
    if (parameter->init == INIT_ZERO || parameter->init == INIT_ONE) {
        for (size_t i = 0; i < parameter->count; i++) values[i] = parameter->init == INIT_ONE;
        return;
    }
    const struct random_state state = {(uint32_t)seed, (uint32_t)(seed >> 32), 0, 0};
    const uint32_t salt = hash_name(parameter->name);
    const double scale =
        sqrt((parameter->init == INIT_UNIFORM ? 1.0 : 2.0) / (double)parameter->fan);
    for (size_t i = 0; i < parameter->count; i += 4) {
        float u[4];
        double z[4];
        random_block(&state, salt, i / 4, u);
        if (parameter->init == INIT_UNIFORM) {
            for (int j = 0; j < 4; j++) z[j] = 2 * (double)u[j] - 1;
        } else {
            normal_pair(u[0], u[1], z);
            normal_pair(u[2], u[3], z + 2);
        }
        for (size_t j = 0; j < 4 && i + j < parameter->count; j++)
            values[i + j] = (float)(scale * z[j]);
    }
}

/* Index in PyTorch's layout (A,B,R,S) of element (a,r,s,b) of the graph's (A,R,S,B). */
static size_t torch_index(const struct parameter *parameter, size_t graph_index)
{
    if (parameter->rank < 4) return graph_index;
    size_t b_count = (size_t)parameter->dim[3];
    size_t taps = (size_t)(parameter->dim[1] * parameter->dim[2]);
    size_t b = graph_index % b_count, tap = graph_index / b_count % taps;
    size_t a = graph_index / b_count / taps;
    return (a * b_count + b) * taps + tap;
}

void parameter_to_graph(const struct parameter *parameter, const float *values, double *graph_values)
{
    for (size_t i = 0; i < parameter->count; i++)
        graph_values[i] = values[torch_index(parameter, i)];
}

void parameter_from_graph(const struct parameter *parameter, const double *graph_values,
                          double *values)
{
    for (size_t i = 0; i < parameter->count; i++)
        values[torch_index(parameter, i)] = graph_values[i];
}
