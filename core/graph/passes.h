/* Rewrites of a built graph that leave what it computes as it is. Fusion may change the last bit
 * (folded weights, and sums that start from bias and residual); recomputation changes none. */
#ifndef GRAPH_PASSES_H
#define GRAPH_PASSES_H

#include "core/graph/graph.h"

/* Fusion, before or after differentiation:
 * - a batch norm in evaluation mode behind a convolution, all of its inputs constants, is folded
 * into that
 * convolution's weight and bias (graph.folds says how; the executor's owner computes them on the
 * host);
 * - an addition or a ReLU that is the only reader of a convolution or a batch norm becomes its
 * epilogue;
 * - optional outputs that nobody reads (statistics of layer norms, log-sum-exp of attention) are
 * dropped. */
mvad_status graph_fuse(struct graph *graph);

/* What the backward pass computes again instead of keeping it from the forward pass. */
enum recompute {
    RECOMPUTE_SUMS, /* what costs one pass over memory: position sums and layer norms' outputs */
    RECOMPUTE_CHEAP /* those, and batch norms without a residual, 1x1 convolutions, ReLU, dropout and 16-bit weights */
};

/* After graph_differentiate (and graph_fuse): values of that kind are no longer kept but recomputed
 * just before their first reader in the backward pass, from values that are kept anyway. The same
 * kernels on the same inputs: the same bits. */
mvad_status graph_recompute(struct graph *graph, enum recompute what);

/* Computes one fold in double. Shapes as in the graph; source_bias may be NULL. */
void fold_compute(const struct graph *graph, const struct fold *fold, const double *source_weight,
                  const double *source_bias, const double *gamma, const double *beta,
                  const double *mean, const double *var, double *weight, double *bias);

#endif
