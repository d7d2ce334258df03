#include "bench/paper.h"

#include <string.h>

#define QKV MVAD_PROJECTION_QKV
#define NONE MVAD_PROJECTION_NONE
#define R18 MVAD_BACKBONE_RESNET18
#define R34 MVAD_BACKBONE_RESNET34
#define R50 MVAD_BACKBONE_RESNET50
#define W50 MVAD_BACKBONE_WIDE_RESNET50_2

/* The paper tells none of this; what it does tell fits. */
#define COUNTED "the paper's number is that of a model without projections, the next row"
#define FEWER "the paper's number is that of a model with projections (18.7 M in row II)"
#define VARIANT "the paper does not say how this variant is built"

static const struct paper_row rows[] = {
    {"II", "MVAD, qkv", R34, QKV, 0, {8, 8, 8}, {16, 32, 64}, 49.1, 18.7, 7354, 8, COUNTED, NULL},
    {"II", "MVAD, none", R34, NONE, 0, {8, 8, 8}, {16, 32, 64}, 49.1, 18.7, 7354, 8, NULL, FEWER},
    {"VI", "1", R34, NONE, 0, {16, 8, 4}, {256, 64, 16}, 58.5, 0, 11528, 17, NULL, NULL},
    {"VI", "2", R34, NONE, 0, {16, 8, 4}, {256, 256, 64}, 68.5, 0, 16998, 25, NULL, NULL},
    {"VI", "3", R34, NONE, 1, {16, 8, 4}, {256, 64, 16}, 59.1, 0, 18802, 28, NULL, NULL},
    {"VI", "4", R34, NONE, 0, {8, 4, 2}, {64, 16, 4}, 58.4, 0, 11016, 12, NULL, NULL},
    {"VI", "5", R34, NONE, 0, {8, 4, 2}, {64, 64, 16}, 68.4, 0, 13478, 15, NULL, NULL},
    {"VI", "6", R34, NONE, 1, {8, 4, 2}, {64, 16, 4}, 59.0, 0, 13628, 23, NULL, NULL},
    {"VI", "7", R34, NONE, 0, {8, 8, 8}, {16, 32, 64}, 49.1, 0, 7354, 8, NULL, NULL},
    {"VII", "ResNet18", R18, NONE, 0, {8, 8, 8}, {16, 32, 64}, 32.5, 10.4, 0, 0, VARIANT, NULL},
    {"VII", "ResNet34", R34, NONE, 0, {8, 8, 8}, {16, 32, 64}, 49.1, 18.7, 0, 0, NULL, FEWER},
    {"VII", "ResNet50", R50, NONE, 0, {8, 8, 8}, {16, 32, 64}, 115.6, 54.5, 0, 0, VARIANT, VARIANT},
    {"VII", "WideResNet50", W50, NONE, 0, {8, 8, 8}, {16, 32, 64}, 185.3, 79.9, 0, 0, VARIANT, VARIANT},
    {"Fig. 4", "2 windows a side", R34, NONE, 0, {2, 2, 2}, {16, 32, 64}, 0, 0, 0, 0, NULL, NULL},
    {"Fig. 4", "4 windows a side", R34, NONE, 0, {4, 4, 4}, {16, 32, 64}, 0, 0, 0, 0, NULL, NULL},
    {"Fig. 4", "8 windows a side", R34, NONE, 0, {8, 8, 8}, {16, 32, 64}, 0, 0, 0, 0, NULL, NULL},
    {"Fig. 4", "16 windows a side", R34, NONE, 0, {16, 16, 16}, {16, 32, 64}, 0, 0, 0, 0, NULL, NULL},
    {"Fig. 5", "top-K 16", R34, NONE, 0, {8, 8, 8}, {16, 16, 16}, 0, 0, 0, 0, NULL, NULL},
    {"Fig. 5", "top-K 32", R34, NONE, 0, {8, 8, 8}, {32, 32, 32}, 0, 0, 0, 0, NULL, NULL},
    {"Fig. 5", "top-K 64", R34, NONE, 0, {8, 8, 8}, {64, 64, 64}, 0, 0, 0, 0, NULL, NULL},
    {"Fig. 5", "top-K 128", R34, NONE, 0, {8, 8, 8}, {128, 128, 128}, 0, 0, 0, 0, NULL, NULL},
    {"Fig. 5", "top-K 256", R34, NONE, 0, {8, 8, 8}, {256, 256, 256}, 0, 0, 0, 0, NULL, NULL},
};

const struct paper_row *paper_rows(size_t *count)
{
    *count = sizeof rows / sizeof *rows;
    return rows;
}

mvad_config paper_config(const struct paper_row *row)
{
    mvad_config config = mvad_config_default();
    config.backbone = row->backbone;
    config.projection = row->projection;
    config.route_projection = row->route_projection;
    memcpy(config.windows, row->windows, sizeof config.windows);
    memcpy(config.topk, row->topk, sizeof config.topk);
    return config;
}
