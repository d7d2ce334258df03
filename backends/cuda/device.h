/* What the files of the CUDA backend share: the device, its memory, its modules of kernels, and the
 * launches of a bound graph. Which launches a node needs is in backends/launch/.
 *
 * A device handle uses the primary context of its GPU and two streams: one for runs and for what the
 * host reads and writes, one for uploads beside a run. Several threads may use one handle: what
 * changes it is under its mutex, waiting is not. */
#ifndef CUDA_DEVICE_H
#define CUDA_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "backends/cuda/driver.h"
#include "backends/launch/launch.h"

enum { CUDA_DEATH = 256, CUDA_MAX_MODULES = 40 };

/* Values on their way to the device beside a run (upload.c). */
struct cuda_uploads {
    struct cuda_upload *slots;
    size_t count, capacity;
};

struct cuda_device {
    struct launch_device launch; /* first: cuda_device_of finds this struct by it */
    const struct cuda_driver *driver;
    CUdevice number;
    char name[128];
    size_t memory; /* bytes */
    int major, minor, processors, driver_version;
    const struct launch_op *ops[OP_COUNT];
    CUcontext context;
    CUstream stream; /* in order: runs, reads, writes */
    CUstream uploads_stream;
    CUstream capturing;                 /* made when first needed */
    CUmodule modules[CUDA_MAX_MODULES]; /* loaded when first needed */
    struct cuda_blas *blas;             /* made when first needed */
    struct cuda_uploads uploads;
    pthread_mutex_t mutex;
    _Atomic bool dying,
        dead; /* an error the context does not survive: `death` is being, or is, written */
    char death[CUDA_DEATH];
};

static inline struct cuda_device *cuda_device_of(struct launch_device *launch)
{
    return (struct cuda_device *)launch;
}

static inline void *cuda_buffer(CUdeviceptr pointer)
{
    return (void *)(uintptr_t)pointer;
}

static inline CUdeviceptr cuda_pointer(const void *buffer, size_t offset)
{
    return (CUdeviceptr)(uintptr_t)buffer + offset;
}

/* ---- device.c ---- */

/* A failed call: the device, what was done, and CUDA's error. CUDA_ERROR_OUT_OF_MEMORY becomes
 * MVAD_ERROR_OUT_OF_MEMORY, others MVAD_ERROR_DEVICE. After an error that leaves the context unusable
 * the device is dead: every later cuda_enter fails and names this one. */
mvad_status cuda_fail(struct cuda_device *device, const char *what, CUresult code,
                      mvad_error *error);

/* Marks the device dead for a reason that is no error of the driver. */
void cuda_die(struct cuda_device *device, const char *reason);

/* Makes the context current for this thread, which needs no mutex to wait for the device. After MVAD_OK
 * cuda_unuse ends it. */
mvad_status cuda_use(struct cuda_device *device, mvad_error *error);
void cuda_unuse(struct cuda_device *device);

/* Begins work on the device by this thread: takes the mutex and makes the context current. After MVAD_OK
 * cuda_leave ends it. */
mvad_status cuda_enter(struct cuda_device *device, mvad_error *error);
void cuda_leave(struct cuda_device *device);

/* ---- uploads beside a run (upload.c), within cuda_enter ---- */

/* The `stage` of struct backend; not within cuda_enter. */
mvad_status cuda_stage(void *state, void *buffer, size_t offset, const void *data, size_t bytes,
                       mvad_error *error);
/* Puts what was staged in its place, before anything enqueued later. */
mvad_status cuda_place_uploads(struct cuda_device *device, mvad_error *error);
/* What was staged for this buffer will not be needed. */
void cuda_forget_uploads(struct cuda_device *device, const void *target);
void cuda_end_uploads(struct cuda_device *device);

/* ---- kernels (modules.c) ---- */

/* A kernel of a module: "f32" and so on for kernels/shared.cu with values stored so, else the name of a file
 * of kernels/cuda/ without its end. Loading one that has nothing for the device is MVAD_ERROR_DEVICE. */
mvad_status cuda_kernel_get(struct cuda_device *device, const char *module, const char *name,
                            CUfunction *kernel, mvad_error *error);
void cuda_modules_release(struct cuda_device *device);

/* ---- matrix products (blas.c), within cuda_enter ---- */

/* C = A * B [+ C] on a stream, by cuBLAS. Allocates nothing after the first call. */
mvad_status cuda_product_run(struct cuda_device *device, CUstream stream,
                             const struct launch_product *product, mvad_error *error);
void cuda_blas_close(struct cuda_device *device);

/* ---- launches (launch.c, run.c) ---- */

/* One kernel launch or matrix product. */
struct cuda_step {
    uint32_t node;
    CUfunction kernel; /* NULL: a matrix product */
    unsigned grid[3], block[3], shared_bytes;
    size_t first_argument, argument_count; /* in struct cuda_steps */
    struct launch_product product;
};

/* The target of calls. */
struct cuda_steps {
    struct cuda_step *step;
    size_t count, capacity;
    unsigned char *bytes; /* all arguments, each at a multiple of 8 */
    size_t byte_count, byte_capacity;
    size_t *argument; /* where in `bytes` each begins */
    size_t argument_count, argument_capacity;
    struct cuda_step next; /* the launch being prepared */
};

extern const struct launch_api cuda_launch_api;

/* The ops by enum op, to a device's table: the shared ones, but CUDA's own where there is one (ops.c). */
void cuda_ops_fill(const struct launch_op *ops[OP_COUNT]);

/* Enqueues a step; `what` is said of a failure. */
mvad_status cuda_step_run(struct cuda_device *device, CUstream stream,
                          const struct cuda_steps *steps, const struct cuda_step *step,
                          const char *what, mvad_error *error);
void cuda_steps_release(struct cuda_steps *steps);

#endif
