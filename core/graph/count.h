/* What a graph costs, from its shapes alone.
 *
 * Two ways of counting multiply-adds. Executed: what convolutions, matrix products and attention of
 * a (fused) graph do, forward and backward. The paper's: fvcore's count of the model in evaluation
 * mode, for comparison with its tables: convolutions and matrix products with the padding of
 * windows included, 2 per element of a batch norm and 5 per element of a layer norm, nothing for
 * softmax, pooling and sums. That one is taken before fusion, which removes batch norms. */
#ifndef GRAPH_COUNT_H
#define GRAPH_COUNT_H

#include "core/graph/graph.h"

/* Of one node, the paper's way: node->counted_repeat says how often the paper's code runs it.
 * Backward nodes count 0. */
double count_paper_macs(const struct graph *graph, const struct node *node);

/* Of one node as it runs. A backward pass of routed attention counts the five matrix products it is
 * made of. */
double count_executed_macs(const struct graph *graph, const struct node *node);

/* Bytes of all inputs and outputs of a node. Routed attention reads keys and values once a
 * selection. */
double count_bytes(const struct graph *graph, const struct node *node);

/* Sums over the nodes of a graph. The paper's count of a training step takes nodes that have a
 * gradient three times. */
double count_graph_paper_macs(const struct graph *graph, bool training);
double count_graph_executed_macs(const struct graph *graph);
double count_graph_bytes(const struct graph *graph);

#endif
