/* Compares the gradients of a graph's parameters with differences of its loss, in double. */
#ifndef GRADIENT_CHECK_H
#define GRADIENT_CHECK_H

#include "core/graph/executor.h"

#define MAX_PARAMETERS 24
#define MAX_ELEMENTS 8192

/* Builds a graph and returns its scalar loss. */
typedef value_id build_graph(struct graph *graph);

struct gradients {
    double loss;
    size_t parameters;
    value_id parameter[MAX_PARAMETERS];
    double *gradient[MAX_PARAMETERS]; /* owned */
};

void gradients_free(struct gradients *gradients);

/* Gives every value the host owns random contents that depend on its id only; weights are scaled so
 * that activations keep a size of about 1. */
void write_values(struct executor *executor);

/* Runs the graph and reads its loss and all gradients. Free with gradients_free. */
void read_gradients(struct executor *executor, value_id loss, struct gradients *result);

/* Fails the running test unless the gradients agree with differences of the loss (relative 1e-6);
 * are the same bits in a second run, so do not pile up; are the same numbers in the fused graph,
 * where an epilogue may add in another order; and have that graph's bits where values are
 * recomputed. */
void check_gradients(mvad_device *device, build_graph *build);

#endif
