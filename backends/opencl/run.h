/* Binding graphs and running them: the backend functions of run.c, for device.c's table. */
#ifndef OPENCL_RUN_H
#define OPENCL_RUN_H

#include "backends/opencl/opencl.h"

mvad_status opencl_query(void *device, const struct graph *graph, const struct node *node,
                         size_t *workspace_bytes, mvad_error *error);
mvad_status opencl_bind(void *device, const struct graph *graph, const struct plan *plan,
                        void *const segments[SEGMENT_COUNT], void **program, mvad_error *error);
void opencl_unbind(void *device, void *program);
mvad_status opencl_run(void *device, void *program, const struct run_profile *profile,
                       mvad_error *error);
mvad_status opencl_sync(void *device, mvad_error *error);
/* gemm_rate.c */
mvad_status opencl_gemm_rate(void *device, mvad_precision precision, int64_t size, int32_t repeats,
                             double *macs_per_second, mvad_error *error);
/* copy_rate.c */
mvad_status opencl_copy_rate(void *device, size_t bytes, int32_t repeats, double *bytes_per_second,
                             mvad_error *error);
/* tune.c */
mvad_status opencl_tune(void *device, const struct graph *const *graphs, int count,
                        void (*report)(const char *line, void *user), void *user, mvad_error *error);

#endif
