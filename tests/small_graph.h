/* Layers for small graphs that are differentiated in tests: each makes its own trained parameters,
 * named after the layer. Errors stay in the graph until mse_to_target fails the test with them. */
#ifndef SMALL_GRAPH_H
#define SMALL_GRAPH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

#include <cmocka.h>

#include "core/graph/builder.h"

#define DIM(n, h, w, c) ((const int64_t[4]){n, h, w, c})

/* Zeros where the graph has already failed. */
static inline const int64_t *dims(const struct graph *graph, value_id id)
{
    static const int64_t none[4];
    return id < graph->value_count ? graph->values[id].dim : none;
}

static inline value_id mse_to_target(struct graph *graph, value_id y)
{
    int64_t dim[4];
    if (graph->error.status) fail_msg("%s", graph->error.message);
    memcpy(dim, dims(graph, y), sizeof dim);
    return graph_mse(graph, graph_input(graph, "target", graph->real, dim), y, 5);
}

static inline value_id vector(struct graph *graph, const char *prefix, const char *name,
                              int64_t channels)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return graph_trainable(graph, full, DIM(1, 1, 1, channels));
}

/* A trained convolution named `name`; kernel x kernel, with bias where asked. */
static inline value_id conv(struct graph *graph, const char *name, value_id x, int64_t channels,
                            int64_t kernel, int32_t stride, bool bias)
{
    value_id w = graph_trainable(graph, name, DIM(channels, kernel, kernel, dims(graph, x)[3]));
    value_id b = bias ? vector(graph, name, "bias", channels) : VALUE_NONE;
    return graph_conv2d(graph, x, w, b, stride, (int32_t)kernel / 2);
}

static inline value_id linear(struct graph *graph, const char *name, value_id x, int64_t channels)
{
    return conv(graph, name, x, channels, 1, 1, true);
}

static inline value_id convt(struct graph *graph, const char *name, value_id x, int64_t channels)
{
    return graph_convt2x2(graph, x,
                          graph_trainable(graph, name, DIM(dims(graph, x)[3], 2, 2, channels)));
}

static inline value_id batch_norm(struct graph *graph, const char *name, value_id x)
{
    int64_t channels = dims(graph, x)[3];
    char mean[64], var[64];
    snprintf(mean, sizeof mean, "%s.mean", name);
    snprintf(var, sizeof var, "%s.var", name);
    struct batch_norm_inputs inputs = {vector(graph, name, "gamma", channels),
                                       vector(graph, name, "beta", channels),
                                       graph_statistic(graph, mean, DIM(1, 1, 1, channels)),
                                       graph_statistic(graph, var, DIM(1, 1, 1, channels))};
    return graph_batch_norm(graph, x, inputs, 1e-5, 0.1);
}

static inline value_id layer_norm(struct graph *graph, const char *name, value_id x)
{
    int64_t channels = dims(graph, x)[3];
    return graph_layer_norm(graph, x, vector(graph, name, "gamma", channels),
                            vector(graph, name, "beta", channels), 1e-6);
}

static inline value_id image(struct graph *graph, int64_t n, int64_t h, int64_t w, int64_t c)
{
    return graph_input(graph, "x", graph->real, DIM(n, h, w, c));
}

#endif
