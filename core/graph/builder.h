/* Builds graphs: one function a forward op, with shapes inferred and checked. See core/graph/op.h
 * for the formulas.
 *
 *     struct graph g;
 *     graph_init(&g, DTYPE_F32);
 *     value_id x = graph_input(&g, "x", DTYPE_F32, (int64_t[4]){1, 8, 8, 3});
 *     value_id w = graph_constant(&g, "w", (int64_t[4]){16, 3, 3, 3});
 *     value_id y = graph_relu(&g, graph_conv2d(&g, x, w, VALUE_NONE, 1, 1));
 *     graph_output(&g, y, "y");
 *     if (graph_status(&g, error)) ..
 *
 * Every function returns VALUE_NONE once anything has failed and leaves the first error in the
 * graph, so that model code checks once, at the end. */
#ifndef GRAPH_BUILDER_H
#define GRAPH_BUILDER_H

#include "core/graph/graph.h"

/* Values that are not computed. Names are copied. `graph_random` is the shared U32 input "random"
 * (made on first use). */
value_id graph_input(struct graph *graph, const char *name, enum dtype dtype, const int64_t dim[4]);
value_id graph_constant(struct graph *graph, const char *name, const int64_t dim[4]);
/* One of the wide type: a bias, what a norm multiplies and adds, a statistic. Trainable parameters and running
 * statistics are all of that type. */
value_id graph_constant_wide(struct graph *graph, const char *name, const int64_t dim[4]);
value_id graph_trainable(struct graph *graph, const char *name, const int64_t dim[4]);
value_id graph_statistic(struct graph *graph, const char *name, const int64_t dim[4]);
value_id graph_random(struct graph *graph);

/* Marks a value to be read after the run and names it. */
void graph_output(struct graph *graph, value_id id, const char *name);

/* The input, constant, parameter, statistic or output of that name; VALUE_NONE where there is none
 * (no error). */
value_id graph_find(const struct graph *graph, const char *name);

/* The value as convolutions read it: a copy in 16 bits where activations have them, else itself. Gradients of the
 * copy are gradients of x. */
value_id graph_narrow(struct graph *graph, value_id x);

value_id graph_conv2d(struct graph *graph, value_id x, value_id w, value_id bias, int32_t stride,
                      int32_t pad);
value_id graph_convt2x2(struct graph *graph, value_id x, value_id w);

struct batch_norm_inputs {
    value_id gamma, beta, mean, var; /* (1,1,1,C) each */
};
/* With the batch's statistics; the running ones are updated. */
value_id graph_batch_norm(struct graph *graph, value_id x, struct batch_norm_inputs inputs,
                          double eps, double momentum);
/* With the running ones. */
value_id graph_batch_norm_eval(struct graph *graph, value_id x, struct batch_norm_inputs inputs,
                               double eps);
value_id graph_layer_norm(struct graph *graph, value_id x, value_id gamma, value_id beta,
                          double eps);

value_id graph_add(struct graph *graph, value_id a, value_id b);
value_id graph_relu(struct graph *graph, value_id x);
/* x itself where p is 0. Every call takes the next salt. */
value_id graph_dropout(struct graph *graph, value_id x, double p, bool per_image);
value_id graph_max_pool(struct graph *graph, value_id x);

value_id graph_window_mean(struct graph *graph, value_id x, int32_t windows);
/* topk is cut to the number of candidates. */
value_id graph_route(struct graph *graph, value_id q, value_id k, int32_t views, int32_t topk);
value_id graph_routed_attention(struct graph *graph, value_id q, value_id k, value_id v,
                                value_id indices, struct attention_params params);

value_id graph_mse(struct graph *graph, value_id target, value_id x, double weight);
value_id graph_cosine_map(struct graph *graph, value_id t, value_id s, double eps);
/* addend may be VALUE_NONE. */
value_id graph_resize(struct graph *graph, value_id x, int64_t height, int64_t width, double scale,
                      value_id addend);
value_id graph_gaussian_blur(struct graph *graph, value_id x, double sigma);
value_id graph_max(struct graph *graph, value_id x);

/* A raw node for autodiff, passes and tests: inputs and outputs as given, nothing inferred. Returns
 * false on failure. */
bool graph_emit(struct graph *graph, enum op op, const union op_params *params, int inputs,
                const value_id *in, int outputs, const value_id *out);

#endif
