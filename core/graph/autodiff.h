/* Differentiation as a graph transformation: appends the nodes of the backward pass, ordinary ops
 * to a backend.
 *
 * The rule, once: gradients of parameters accumulate in SEGMENT_GRADIENT, which the appended nodes
 * first clear; gradients of activations are assigned, and summed by ordinary OP_ADD nodes where a
 * value has several readers. */
#ifndef GRAPH_AUTODIFF_H
#define GRAPH_AUTODIFF_H

#include "core/graph/graph.h"

/* Lays out SEGMENT_GRADIENT like SEGMENT_TRAINABLE and appends the backward pass of the scalar
 * `loss`; with 16-bit floats, that of the loss times the input "loss_scale" (1,1,1,1). Values that no trainable parameter feeds get no gradient. An op without a rule is
 * MVAD_ERROR_UNSUPPORTED. */
mvad_status graph_differentiate(struct graph *graph, value_id loss);

/* Appends the optimizer: the gradient's norm (output "gradient_norm") and one AdamW update of all
 * trainable parameters, reading the input "hyper" (enum adamw_hyper). After graph_differentiate. */
mvad_status graph_append_adamw(struct graph *graph);

/* The value in SEGMENT_GRADIENT of a trainable parameter; VALUE_NONE before graph_differentiate. */
value_id graph_gradient_of(const struct graph *graph, value_id parameter);

#endif
