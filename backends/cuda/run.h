/* Binding graphs and running them, and rates of the device: backend functions for device.c's table. */
#ifndef CUDA_RUN_H
#define CUDA_RUN_H

#include "backends/cuda/device.h"

mvad_status cuda_query(void *device, const struct graph *graph, const struct node *node,
                       size_t *workspace_bytes, mvad_error *error);
mvad_status cuda_bind(void *device, const struct graph *graph, const struct plan *plan,
                      void *const segments[SEGMENT_COUNT], void **program, mvad_error *error);
void cuda_unbind(void *device, void *program);
mvad_status cuda_run(void *device, void *program, const struct run_profile *profile,
                     mvad_error *error);
mvad_status cuda_sync(void *device, mvad_error *error);
/* rates.c */
mvad_status cuda_gemm_rate(void *device, mvad_precision precision, int64_t size, int32_t repeats,
                           double *macs_per_second, mvad_error *error);
mvad_status cuda_copy_rate(void *device, size_t bytes, int32_t repeats, double *bytes_per_second,
                           mvad_error *error);

#endif
