/* The configuration of a network. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_CONFIG_H
#define MVAD_CONFIG_H

#include <mvad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MVAD_SCALES 3
#define MVAD_MAX_VIEWS 16
#define MVAD_MAX_BLOCKS 8
#define MVAD_MAX_IMAGE_SIZE 1024

typedef enum mvad_backbone {
    MVAD_BACKBONE_RESNET18 = 0,
    MVAD_BACKBONE_RESNET34,
    MVAD_BACKBONE_RESNET50,
    MVAD_BACKBONE_WIDE_RESNET50_2,
    MVAD_BACKBONE_COUNT
} mvad_backbone;

/* What the keys, queries and values of the cross-view attention are. */
typedef enum mvad_projection {
    MVAD_PROJECTION_NONE = 0, /* the features themselves (the authors' released code) */
    MVAD_PROJECTION_QKV,      /* three linear layers of them (the paper, equation 2) */
    MVAD_PROJECTION_COUNT
} mvad_projection;

typedef struct mvad_config {
    mvad_backbone backbone;
    mvad_projection projection;
    int32_t route_projection; /* 0 or 1: a linear layer on the queries before routing (Table VI, rows 3 and 6) */
    int32_t views;      /* views of a sample, 1 to MVAD_MAX_VIEWS */
    int32_t image_size; /* pixels a side, a multiple of 32 from 32 to MVAD_MAX_IMAGE_SIZE */
    int32_t windows[MVAD_SCALES]; /* attention windows a side at strides 4, 8, 16 */
    int32_t topk[MVAD_SCALES]; /* windows of the other views a window attends to (all, where there are fewer) */
    int32_t blocks[MVAD_SCALES]; /* attention blocks at each scale, 1 to MVAD_MAX_BLOCKS */
    int32_t reserved[8];         /* 0 */
} mvad_config;

/* The paper's default: resnet34, qkv, 5 views, 256 pixels, windows 8,8,8, top-K 16,32,64, blocks
 * 1,2,4. */
MVAD_API mvad_config mvad_config_default(void);

/* MVAD_OK, or MVAD_ERROR_INVALID_ARGUMENT naming the first field out of range and its rule. */
MVAD_API mvad_status mvad_config_check(const mvad_config *config, mvad_error *error);

/* "resnet34" and so on; NULL for a value out of range. */
MVAD_API const char *mvad_backbone_name(mvad_backbone backbone);
MVAD_API const char *mvad_projection_name(mvad_projection projection);

/* The inverse; MVAD_ERROR_INVALID_ARGUMENT lists the known names. */
MVAD_API mvad_status mvad_backbone_from_name(const char *name, mvad_backbone *backbone,
                                             mvad_error *error);
MVAD_API mvad_status mvad_projection_from_name(const char *name, mvad_projection *projection,
                                               mvad_error *error);

#ifdef __cplusplus
}
#endif
#endif
