/* What a computation costs. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_COST_H
#define MVAD_COST_H

#include <mvad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mvad_cost {
    uint64_t parameters; /* of teacher, fusion and student, without running statistics (the paper's count) */
    uint64_t parameters_trainable; /* those that training changes: fusion and student */
    double macs; /* multiply-adds of one pass, counted as the paper does (see docs/architecture.md) */
    double macs_executed; /* of convolutions, matrix products and attention, after fusion, as executed */
    double traffic_bytes;       /* bytes all nodes read and write, caches left aside */
    uint64_t weights_bytes;     /* parameters, gradients and optimizer state on the device */
    uint64_t activations_bytes; /* the planned arena: activations and workspaces together */
    uint64_t nodes;             /* graph nodes after fusion */
    uint64_t reserved[4];
} mvad_cost;

#ifdef __cplusplus
}
#endif
#endif
