#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/model/network.h"

#define HEADS 8
#define MLP_RATIO 4

/* One MVAS block at scale `s`: what its names end in, and what all blocks of a scale share. */
struct fusion_scale {
    struct network *network;
    int scale;
    value_id teacher;   /* (N,H,W,C): keys and values of every block */
    value_id position;  /* (1,H,W,C) */
    value_id key_means; /* of the unprojected features; VALUE_NONE with projections */
};

static value_id named_linear(struct network *network, const char *module, const char *part,
                             value_id x, int64_t outputs)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", module, part);
    return network_linear(network, name, x, outputs);
}

/* The mean queries that routing compares, through the optional route projection. The paper's code
 * projects every pixel and averages then; both are linear, so averaging first gives the same with
 * one product a window. */
static value_id routing_queries(const struct fusion_scale *fusion, const char *mvas, value_id q)
{
    struct network *network = fusion->network;
    struct graph *graph = network->graph;
    int32_t a = network->config.windows[fusion->scale];
    value_id means = graph_window_mean(graph, q, a);
    if (!network->config.route_projection || graph->error.status) return means;
    int64_t h = graph->values[q].dim[1], w = graph->values[q].dim[2];
    char name[96];
    snprintf(name, sizeof name, "%s.route", mvas);
    value_id projected = network_frozen_linear(network, name, means, graph->values[q].dim[3]);
    if (!graph->error.status)
        graph->nodes[graph->node_count - 1].counted_repeat = ((h + a - 1) / a) * ((w + a - 1) / a);
    return projected;
}

/* Multi-view adaptive selection (paper, equations 2 to 5): y (N,H,W,C) -> (N,H,W,C). */
static value_id mvas(const struct fusion_scale *fusion, const char *name, value_id y)
{
    struct network *network = fusion->network;
    struct graph *graph = network->graph;
    if (graph->error.status) return VALUE_NONE;
    int64_t channels = graph->values[y].dim[3];
    int32_t a = network->config.windows[fusion->scale];
    value_id q = graph_add(graph, y, fusion->position), k = fusion->teacher, v = fusion->teacher;
    value_id key_means = fusion->key_means;
    if (network->config.projection == MVAD_PROJECTION_QKV) {
        q = named_linear(network, name, "q", q, channels);
        k = named_linear(network, name, "key", k, channels);
        v = named_linear(network, name, "v", v, channels);
        key_means = graph_window_mean(graph, k, a);
    }
    value_id indices = graph_route(graph, routing_queries(fusion, name, q), key_means,
                                   network->views, network->config.topk[fusion->scale]);
    struct attention_params params = {
        .windows = a, .views = network->views, .heads = HEADS, .scale = 1 / sqrt((double)channels)};
    return graph_routed_attention(graph, q, k, v, indices, params);
}

static value_id mlp(struct network *network, const char *name, value_id y)
{
    struct graph *graph = network->graph;
    if (graph->error.status) return VALUE_NONE;
    int64_t channels = graph->values[y].dim[3];
    value_id hidden = named_linear(network, name, "0", y, MLP_RATIO * channels);
    hidden = graph_dropout(graph, graph_relu(graph, hidden), network->dropout, false);
    return graph_dropout(graph, named_linear(network, name, "3", hidden, channels),
                         network->dropout, false);
}

/* Block `b` of a scale. The released names number blocks from the second on. */
static value_id block(const struct fusion_scale *fusion, int32_t b, value_id y)
{
    struct network *network = fusion->network;
    struct graph *graph = network->graph;
    char number[16] = "", names[4][64];
    if (b) snprintf(number, sizeof number, "%d", b);
    snprintf(names[0], sizeof names[0], "mff_oce.mvas%d%s", fusion->scale, number);
    snprintf(names[1], sizeof names[1], "mff_oce.mlp%d%s", fusion->scale, number);
    snprintf(names[2], sizeof names[2], "mff_oce.norm%d1%s", fusion->scale, number);
    snprintf(names[3], sizeof names[3], "mff_oce.norm%d2%s", fusion->scale, number);

    graph_scope(graph, names[0]);
    value_id attended = graph_dropout(graph, mvas(fusion, names[0], y), network->drop_path, true);
    y = network_layer_norm(network, names[2], graph_add(graph, y, attended));
    graph_scope(graph, names[1]);
    return network_layer_norm(network, names[3], graph_add(graph, y, mlp(network, names[1], y)));
}

static value_id fuse_scale(struct network *network, int s, value_id teacher)
{
    struct graph *graph = network->graph;
    if (graph->error.status) return VALUE_NONE;
    char name[32];
    snprintf(name, sizeof name, "position.%d", s);
    int64_t dim[4];
    memcpy(dim, graph->values[teacher].dim, sizeof dim);
    dim[0] = 1;
    struct fusion_scale fusion = {network, s, teacher, graph_constant(graph, name, dim), VALUE_NONE};
    if (network->config.projection == MVAD_PROJECTION_NONE)
        fusion.key_means = graph_window_mean(graph, teacher, network->config.windows[s]);
    value_id y = teacher;
    for (int32_t b = 0; b < network->config.blocks[s]; b++) y = block(&fusion, b, y);
    return y;
}

/* ReLU(BN(conv)) with the released names mff_oce.conv<n>, mff_oce.bn<n>. */
static value_id conv_norm_relu(struct network *network, const char *n, value_id x, int64_t outputs,
                               int32_t kernel, int32_t stride)
{
    char conv[32], norm[32];
    snprintf(conv, sizeof conv, "mff_oce.conv%s", n);
    snprintf(norm, sizeof norm, "mff_oce.bn%s", n);
    value_id y = network_conv(network, false, conv, x, outputs, kernel, stride, kernel == 1);
    return graph_relu(network->graph, network_batch_norm(network, false, norm, y));
}

value_id network_fusion(struct network *network, const struct features *teacher)
{
    struct graph *graph = network->graph;
    int64_t base = network_base_channels(network->config.backbone);
    value_id e[MVAD_SCALES];
    for (int s = 0; s < MVAD_SCALES; s++) e[s] = fuse_scale(network, s, teacher->scale[s]);

    graph_scope(graph, "mff_oce.merge");
    value_id f0 = conv_norm_relu(network, "1", e[0], 2 * base, 3, 2);
    value_id f1 = graph_add(graph, conv_norm_relu(network, "21", e[1], 2 * base, 1, 1), f0);
    value_id down = conv_norm_relu(network, "2", f1, 4 * base, 3, 2);
    value_id f2 = graph_add(graph, down, conv_norm_relu(network, "31", e[2], 4 * base, 1, 1));
    value_id x = conv_norm_relu(network, "f", f2, 4 * base, 1, 1);
    struct stage ocbe = {.name = "mff_oce.bn_layer",
                         .bottleneck = true,
                         .planes = 2 * base,
                         .width = 1,
                         .blocks = 3,
                         .stride = 2};
    return network_stage(network, &ocbe, x);
}
