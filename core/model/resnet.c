#include <stdio.h>

#include "core/model/network.h"

#define NAME_LENGTH 96

const struct backbone *network_backbone(mvad_backbone backbone)
{
    static const struct backbone backbones[MVAD_BACKBONE_COUNT] = {
        [MVAD_BACKBONE_RESNET18] = {"resnet18", {2, 2, 2}, false, 1},
        [MVAD_BACKBONE_RESNET34] = {"resnet34", {3, 4, 6}, false, 1},
        [MVAD_BACKBONE_RESNET50] = {"resnet50", {3, 4, 6}, true, 1},
        [MVAD_BACKBONE_WIDE_RESNET50_2] = {"wide_resnet50_2", {3, 4, 6}, true, 2},
    };
    return (unsigned)backbone < MVAD_BACKBONE_COUNT ? &backbones[backbone] : NULL;
}

int64_t network_base_channels(mvad_backbone backbone)
{
    return network_backbone(backbone)->bottleneck ? 256 : 64;
}

/* One block's surroundings: its name and the stage it belongs to. */
struct block {
    struct network *network;
    const struct stage *stage;
    char name[NAME_LENGTH];
    int32_t stride;
};

/* The n-th convolution with its batch norm: conv<n>, bn<n>. The strided one of an upward stage is
 * transposed. */
static value_id conv_norm(const struct block *block, int n, value_id x, int64_t outputs,
                          int32_t kernel, int32_t stride)
{
    char conv[NAME_LENGTH + 16], norm[NAME_LENGTH + 16];
    snprintf(conv, sizeof conv, "%s.conv%d", block->name, n);
    snprintf(norm, sizeof norm, "%s.bn%d", block->name, n);
    bool frozen = block->stage->frozen;
    value_id y = block->stage->up && stride == 2 ? network_convt(block->network, conv, x, outputs)
                                                 : network_conv(block->network, frozen, conv, x,
                                                                outputs, kernel, stride, false);
    return network_batch_norm(block->network, frozen, norm, y);
}

/* The shortcut: x itself where the shapes allow it. */
static value_id shortcut(const struct block *block, value_id x, int64_t outputs)
{
    const struct graph *graph = block->network->graph;
    if (graph->error.status) return VALUE_NONE;
    if (block->stride == 1 && graph->values[x].dim[3] == outputs) return x;
    const struct stage *stage = block->stage;
    char conv[NAME_LENGTH + 16], norm[NAME_LENGTH + 16];
    const char *kind = stage->up ? "upsample" : "downsample";
    snprintf(conv, sizeof conv, "%s.%s.0", block->name, kind);
    snprintf(norm, sizeof norm, "%s.%s.1", block->name, kind);
    value_id y = stage->up ? network_convt(block->network, conv, x, outputs)
                           : network_conv(block->network, stage->frozen, conv, x, outputs, 1,
                                          block->stride, false);
    return network_batch_norm(block->network, stage->frozen, norm, y);
}

value_id network_stage(struct network *network, const struct stage *stage, value_id x)
{
    struct graph *graph = network->graph;
    int64_t outputs = stage->planes * (stage->bottleneck ? 4 : 1);
    int64_t middle = stage->planes * stage->width;
    graph_scope(graph, stage->name);
    for (int32_t b = 0; b < stage->blocks; b++) {
        struct block block = {network, stage, "", b == 0 ? stage->stride : 1};
        snprintf(block.name, sizeof block.name, "%s.%d", stage->name, b);
        value_id skip = shortcut(&block, x, outputs), y;
        if (stage->bottleneck) {
            y = graph_relu(graph, conv_norm(&block, 1, x, middle, 1, 1));
            y = graph_relu(graph, conv_norm(&block, 2, y, middle, 3, block.stride));
            y = conv_norm(&block, 3, y, outputs, 1, 1);
        } else {
            y = graph_relu(graph, conv_norm(&block, 1, x, outputs, 3, block.stride));
            y = conv_norm(&block, 2, y, outputs, 3, 1);
        }
        x = graph_relu(graph, graph_add(graph, y, skip));
    }
    return x;
}

struct features network_teacher(struct network *network, value_id images)
{
    struct graph *graph = network->graph;
    const struct backbone *backbone = network_backbone(network->config.backbone);
    static const char *const names[3] = {"net_t.layer1", "net_t.layer2", "net_t.layer3"};
    struct features features;
    graph_scope(graph, "net_t.stem");
    value_id x = network_conv(network, true, "net_t.conv1", images, 64, 7, 2, false);
    x = graph_relu(graph, network_batch_norm(network, true, "net_t.bn1", x));
    x = graph_max_pool(graph, x);
    for (int s = 0; s < 3; s++) {
        struct stage stage = {.name = names[s],
                              .frozen = true,
                              .bottleneck = backbone->bottleneck,
                              .planes = 64 << s,
                              .width = backbone->width,
                              .blocks = backbone->blocks[s],
                              .stride = s ? 2 : 1};
        features.scale[s] = x = network_stage(network, &stage, x);
    }
    return features;
}

/* The student's s-th stage, coarsest first. */
static value_id student_stage(struct network *network, int s, value_id x)
{
    const struct backbone *backbone = network_backbone(network->config.backbone);
    static const char *const names[3] = {"net_s.layer1", "net_s.layer2", "net_s.layer3"};
    struct stage stage = {.name = names[s],
                          .bottleneck = backbone->bottleneck,
                          .up = true,
                          .planes = 256 >> s,
                          .width = backbone->width,
                          .blocks = backbone->blocks[s],
                          .stride = 2};
    return network_stage(network, &stage, x);
}

struct features network_student(struct network *network, value_id embedding)
{
    struct features features;
    value_id x = embedding;
    for (int s = 0; s < MVAD_SCALES; s++)
        features.scale[MVAD_SCALES - 1 - s] = x = student_stage(network, s, x);
    return features;
}

value_id network_student_loss(struct network *network, value_id embedding,
                              const struct features *teacher, double weight)
{
    value_id x = embedding, loss = VALUE_NONE;
    for (int s = 0; s < MVAD_SCALES; s++) {
        x = student_stage(network, s, x);
        value_id term = graph_mse(network->graph, teacher->scale[MVAD_SCALES - 1 - s], x, weight);
        loss = s ? graph_add(network->graph, loss, term) : term;
    }
    return loss;
}
