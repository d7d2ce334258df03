/* Devices, and the precisions they compute in. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_DEVICE_H
#define MVAD_DEVICE_H

#include <mvad/config.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mvad_device mvad_device;

typedef struct mvad_device_info {
    char id[32];           /* "cpu", "opencl:0" */
    char name[128];        /* the processor's name */
    char details[256];     /* instruction set and libraries in use */
    int32_t threads;       /* worker threads; 0 where it means nothing */
    uint64_t memory_bytes; /* memory of the device */
    uint64_t reserved[4];
} mvad_device_info;

/* Calls `found` for each device that can be opened, and `missing` (may be NULL) for each backend that
 * has none, with a line that says why: no driver, no device, not part of this build. */
MVAD_API mvad_status mvad_device_list(void (*found)(const mvad_device_info *info, void *user),
                                      void (*missing)(const char *backend, const char *reason,
                                                      void *user),
                                      void *user, mvad_error *error);

/* Opens a device by id ("cpu", "opencl:0"). threads: workers of a CPU device, 0 for one a core; other
 * devices ignore it. Unknown id: MVAD_ERROR_DEVICE. */
MVAD_API mvad_status mvad_device_open(const char *id, int32_t threads, mvad_device **device,
                                      mvad_error *error);
MVAD_API mvad_status mvad_device_describe(const mvad_device *device, mvad_device_info *info,
                                          mvad_error *error);

typedef enum mvad_precision {
    MVAD_PRECISION_F32 = 0,
    MVAD_PRECISION_F64, /* CPU, and devices with doubles: for checking numbers */
    /* Activations and weights in 16 bits, sums, statistics and everything the optimizer keeps in float; OpenCL and
     * CUDA. F16 has 11 digits and trains with a loss scale; BF16 has 8 digits and a float's range. */
    MVAD_PRECISION_F16,
    MVAD_PRECISION_BF16,
    MVAD_PRECISION_TF32, /* F32 whose products round their factors to 11 digits; CUDA */
    MVAD_PRECISION_COUNT
} mvad_precision;

/* Rate of the device's own matrix product, size x size x size, in multiply-adds a second: the
 * median of `repeats` runs, with factors of this precision. The yardstick of mvad-bench. A device that computes 16-bit
 * values in float has one rate for them all; MVAD_ERROR_UNSUPPORTED for a precision it does not have. */
MVAD_API mvad_status mvad_device_gemm_rate(mvad_device *device, mvad_precision precision,
                                           int64_t size, int32_t repeats, double *macs_per_second,
                                           mvad_error *error);

/* Rate of a copy of `bytes` (1 to 2^32) bytes within the device's memory, in bytes a second, read and
 * written ones counted: the median of `repeats` runs. MVAD_ERROR_UNSUPPORTED where a backend cannot
 * measure it. */
MVAD_API mvad_status mvad_device_copy_rate(mvad_device *device, size_t bytes, int32_t repeats,
                                           double *bytes_per_second, mvad_error *error);

/* Memory of the device that sessions and trainers hold: now, and the most since the last call. What
 * drivers and libraries take beside it is not counted. */
MVAD_API mvad_status mvad_device_memory(mvad_device *device, uint64_t *bytes, uint64_t *peak,
                                        mvad_error *error);

/* Measures on the device which kernels serve an inference and a training step of `samples` samples
 * best, instead of at the first use of each shape, and keeps it in the device's tuning file for all
 * later runs. `report` gets a line for each choice. MVAD_ERROR_UNSUPPORTED where nothing is chosen by
 * measuring (the CPU). */
MVAD_API mvad_status mvad_device_tune(mvad_device *device, const mvad_config *config,
                                      int32_t samples, void (*report)(const char *line, void *user),
                                      void *user, mvad_error *error);

/* Close after the sessions and trainers on it are destroyed. */
MVAD_API void mvad_device_close(mvad_device *device);

#ifdef __cplusplus
}
#endif
#endif
