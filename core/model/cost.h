/* Filling mvad_cost from graphs. */
#ifndef MODEL_COST_H
#define MODEL_COST_H

#include "core/model/network.h"

/* Everything but parameters and activations_bytes of a graph that has been laid out. */
void cost_from_graph(const struct graph *graph, double paper_macs, mvad_cost *cost);

/* Trainable and all parameters of a table. */
void cost_from_parameters(const struct parameter_table *table, mvad_cost *cost);

#endif
