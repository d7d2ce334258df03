/* A graph made ready on a device: memory, plan, program. What sessions, trainers and tests run.
 *
 *     struct executor *e;
 *     executor_create(device, &graph, &e, error);      // takes the graph over
 *     executor_write(e, graph_find(executor_graph(e), "w"), weights, error);
 *     executor_run(e, NULL, error);
 *     executor_read(e, graph_find(executor_graph(e), "y"), result, error);
 *     executor_destroy(e);
 */
#ifndef GRAPH_EXECUTOR_H
#define GRAPH_EXECUTOR_H

#include "core/graph/backend.h"

struct executor;

/* Moves *graph in (it is then empty, also on failure), asks the device about every node, plans and
 * binds. Every segment but the arena starts as zero bytes. MVAD_ERROR_UNSUPPORTED names the node
 * the device cannot run. */
mvad_status executor_create(mvad_device *device, struct graph *graph, struct executor **executor,
                            mvad_error *error);
void executor_destroy(struct executor *executor);

const struct graph *executor_graph(const struct executor *executor);
const struct plan *executor_plan(const struct executor *executor);

/* Whole values in their own type, value_bytes long. Constants, parameters and inputs may be written
 * between runs; outputs and everything outside the arena may be read after one. Another arena
 * value's memory has been reused: reading it is MVAD_ERROR_INVALID_ARGUMENT. */
mvad_status executor_write(struct executor *executor, value_id id, const void *data,
                           mvad_error *error);
mvad_status executor_read(struct executor *executor, value_id id, void *data, mvad_error *error);

/* The same with doubles, converted to or from the value's type; for F32 and F64 values. */
mvad_status executor_write_double(struct executor *executor, value_id id, const double *data,
                                  mvad_error *error);
mvad_status executor_read_double(struct executor *executor, value_id id, double *data,
                                 mvad_error *error);

/* What `segment`, which is laid out like SEGMENT_TRAINABLE (gradients, moments), holds for a
 * trainable parameter. */
mvad_status executor_read_mirror(struct executor *executor, enum segment segment,
                                 value_id parameter, double *data, mvad_error *error);

/* The inverse, converted to the parameter's type. */
mvad_status executor_write_mirror(struct executor *executor, enum segment segment,
                                  value_id parameter, const double *data, mvad_error *error);

/* Host memory of `bytes` bytes that the device copies from fastest, for executor_write and executor_stage. It is the
 * executor's, and the same at every call with as many bytes or fewer. */
mvad_status executor_staging(struct executor *executor, size_t bytes, void **memory,
                             mvad_error *error);

/* Threads of the host that prepare what the executor is given: those of its device, or one a core. */
int executor_host_threads(const struct executor *executor);

/* Like executor_write, for what the next run reads, also while a run is under way: the copy goes on
 * beside it where the device can, and does not disturb it. `data` may be reused on return. */
mvad_status executor_stage(struct executor *executor, value_id id, const void *data,
                           mvad_error *error);

/* Begins to run every node once. The device may still be at it on return: reading waits for it. */
mvad_status executor_start(struct executor *executor, mvad_error *error);
mvad_status executor_wait(struct executor *executor, mvad_error *error);

/* Runs every node once and waits. `profile` may be NULL. */
mvad_status executor_run(struct executor *executor, const struct run_profile *profile,
                         mvad_error *error);

/* Plans without a device's memory: the arena's size the executor would have. */
mvad_status executor_plan_bytes(mvad_device *device, struct graph *graph, size_t *arena_bytes,
                                mvad_error *error);

#endif
