/* The MVAD network as a graph: a frozen ResNet teacher, cross-view fusion by MVAS attention, a
 * reversed ResNet student. */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include "core/graph/builder.h"
#include "core/model/parameters.h"

/* What the functions that build parts of the network share. */
struct network {
    struct graph *graph;
    struct parameter_table *table; /* parameters are appended as they are met; may be NULL */
    mvad_config config;
    int32_t views; /* of each sample in this graph */
    bool training; /* batch statistics, trainable parameters, dropout */
    bool adapt; /* the teacher's batch norms take their batch's statistics, and keep no older ones */
    double dropout, drop_path;
};

/* Values of the three scales, finest first. */
struct features {
    value_id scale[MVAD_SCALES];
};

/* Channels of a backbone's finest feature: 64, or 256 for those made of bottleneck blocks. */
int64_t network_base_channels(mvad_backbone backbone);

/* images (N, S, S, 3), normalised -> teacher features (N, S/4, S/4, base), (N, S/8, S/8, 2 base),
 * (N, S/16, S/16, 4 base) */
struct features network_teacher(struct network *network, value_id images);

/* Teacher features -> the one-class embedding (N, S/32, S/32, 8 base). */
value_id network_fusion(struct network *network, const struct features *teacher);

/* Embedding -> features shaped like the teacher's. */
struct features network_student(struct network *network, value_id embedding);

/* The anomaly maps (paper, section on inference): per scale 1 - cosine, resized to the image,
 * averaged; then a Gaussian with sigma 4. Marks the outputs "anomaly_map_raw", "anomaly_map" and
 * "image_score". */
void network_anomaly_maps(struct network *network, const struct features *teacher,
                          const struct features *student);

/* The student with its loss, weight * sum over scales of mean((T - S)^2) (paper, equation 10). Each
 * scale's term stands right behind its feature, so that in the backward pass its gradient appears
 * only when it is needed. */
value_id network_student_loss(struct network *network, value_id embedding,
                              const struct features *teacher, double weight);

/* ---- whole graphs (network.c) ---- */

/* How a precision's values are stored. */
static inline enum dtype precision_dtype(mvad_precision precision)
{
    switch (precision) {
    case MVAD_PRECISION_F64: return DTYPE_F64;
    case MVAD_PRECISION_F16: return DTYPE_F16;
    case MVAD_PRECISION_BF16: return DTYPE_BF16;
    default: return DTYPE_F32;
    }
}

/* A finished graph with what was counted before it was fused. */
struct built_graph {
    struct graph graph;
    double paper_macs; /* of an inference pass, or of a training step with nodes that have a gradient taken three times */
};

/* Evaluation: input "images" (samples*views, S, S, 3); outputs "teacher.0" .. "student.2",
 * "anomaly_map_raw", "anomaly_map", "image_score". views 0: the configuration's. table may be NULL.
 * On failure the graph is empty. */
mvad_status network_build_inference(const mvad_config *config, int32_t samples, int32_t views,
                                    mvad_precision precision, struct parameter_table *table,
                                    struct built_graph *built, mvad_error *error);

/* The same without fusion, for counting layer by layer. */
mvad_status network_build_unfused(const mvad_config *config, int32_t samples, int32_t views,
                                  struct parameter_table *table, struct graph *graph,
                                  mvad_error *error);

/* One training step: inputs "images", "hyper", with dropout "random" and in precision F16 "loss_scale"; outputs "loss",
 * "gradient_norm" (of the loss as scaled). */
mvad_status network_build_training(const mvad_config *config, const mvad_trainer_options *options,
                                   struct built_graph *built, mvad_error *error);

/* The teacher alone with batch norms that normalise by the statistics of their batch and leave them
 * behind as running statistics: input "images" (images, S, S, 3), output "teacher.2". */
mvad_status network_build_adaptation(const mvad_config *config, int32_t images,
                                     struct built_graph *built, mvad_error *error);

/* The parameters of a configuration. */
mvad_status network_parameters(const mvad_config *config, struct parameter_table *table,
                               mvad_error *error);

/* ---- layers (layers.c): `name` is the released model's name of the module ---- */

value_id network_conv(struct network *network, bool frozen, const char *name, value_id x,
                      int64_t outputs, int32_t kernel, int32_t stride, bool bias);
value_id network_convt(struct network *network, const char *name, value_id x, int64_t outputs);
value_id network_linear(struct network *network, const char *name, value_id x, int64_t outputs);
value_id network_batch_norm(struct network *network, bool frozen, const char *name, value_id x);
value_id network_layer_norm(struct network *network, const char *name, value_id x);
/* A linear layer that no gradient reaches: the route projection. */
value_id network_frozen_linear(struct network *network, const char *name, value_id x,
                               int64_t outputs);

/* ---- residual stages (resnet.c) ---- */

struct stage {
    const char *name; /* "net_t.layer1" */
    bool frozen;      /* batch norm in evaluation mode, no gradients */
    bool bottleneck;  /* three convolutions 1x1, 3x3, 1x1 and four times the planes; else two 3x3 */
    bool up;          /* the strided convolution and shortcut are 2x2 transposed ones */
    int64_t planes;
    int64_t width; /* of a bottleneck's middle, in planes: 2 for wide ResNets */
    int32_t blocks, stride;
};
value_id network_stage(struct network *network, const struct stage *stage, value_id x);

/* Blocks of the three stages a backbone uses, and what its blocks are. */
struct backbone {
    const char *name;
    int32_t blocks[3];
    bool bottleneck;
    int64_t width;
};
const struct backbone *network_backbone(mvad_backbone backbone);

#endif
