/* What the files of the OpenCL backend share: the device, its programs, and the launches of a bound
 * graph. Which launches a node needs is in backends/launch/.
 *
 * Nothing depends on a vendor: sizes of work groups and of local memory, half and double precision are
 * asked for, binaries of programs are cached on disk because some drivers compile for seconds, and a
 * device of type CPU gets other variants of some kernels (one work item computing a vector) than a
 * GPU. */
#ifndef OPENCL_OPENCL_H
#define OPENCL_OPENCL_H

#undef CL_TARGET_OPENCL_VERSION /* pkg-config may ask for the newest */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "backends/launch/launch.h"
#include "core/graph/backend.h"

/* ---- devices (platform.c, device.c) ---- */

enum { OPENCL_MAX_DEVICES = 64, OPENCL_NAME = 160 };

struct opencl_place {
    cl_platform_id platform;
    cl_device_id device;
};

/* All devices of all platforms, in the order the loader lists them. A failure, or none at all, is
 * MVAD_ERROR_DEVICE with the reason. */
mvad_status opencl_find(struct opencl_place places[OPENCL_MAX_DEVICES], int32_t *count,
                        mvad_error *error);

/* Values on their way to the device beside a run (upload.c). */
struct opencl_uploads {
    cl_command_queue queue; /* made when first needed */
    struct opencl_upload *slots;
    size_t count, capacity;
};

struct opencl_device {
    struct launch_device launch; /* first: opencl_device_of finds this struct by it */
    struct opencl_place place;
    char name[OPENCL_NAME], platform[OPENCL_NAME], version[OPENCL_NAME], driver[OPENCL_NAME];
    bool fp16;
    cl_uint compute_units;
    cl_ulong memory, largest_buffer, local_memory; /* bytes */
    cl_context context;
    cl_command_queue queue;          /* in order */
    cl_command_queue profiling;      /* the same with timestamps; made when first asked for */
    size_t allocated;                /* bytes of all buffers */
    struct opencl_program *programs; /* built so far, a list */
    struct opencl_tuning *tuning;
    struct opencl_uploads uploads;
};

static inline struct opencl_device *opencl_device_of(struct launch_device *launch)
{
    return (struct opencl_device *)launch;
}

/* Fills everything that can be known without a context. */
mvad_status opencl_identify(const struct opencl_place *place, int32_t index,
                            struct opencl_device *device, mvad_error *error);

/* "CL_OUT_OF_RESOURCES" and so on. */
const char *opencl_error_name(cl_int code);

/* A failed call: the device, what was done, and OpenCL's error. Out-of-memory codes become
 * MVAD_ERROR_OUT_OF_MEMORY, others MVAD_ERROR_DEVICE. */
mvad_status opencl_fail(const struct opencl_device *device, const char *what, cl_int code,
                        mvad_error *error);

/* ---- uploads beside a run (upload.c) ---- */

/* The `stage` of struct backend. */
mvad_status opencl_stage(void *state, void *buffer, size_t offset, const void *data, size_t bytes,
                         mvad_error *error);

/* Puts what was staged in its place, before anything enqueued later. */
mvad_status opencl_place_uploads(struct opencl_device *device, mvad_error *error);

/* What was staged for this buffer will not be needed. */
void opencl_forget_uploads(struct opencl_device *device, cl_mem target);
void opencl_end_uploads(struct opencl_device *device);

/* ---- programs (program.c, binary_cache.c) ---- */

/* The program of a kernel file under these options, built or taken from the cache the first time.
 * Owned by the device. A failed build is MVAD_ERROR_DEVICE with the first line of the log that names
 * an error. */
mvad_status opencl_program_get(struct opencl_device *device, enum launch_file file,
                               const char *options, cl_program *program, mvad_error *error);
void opencl_programs_release(struct opencl_device *device);

/* Binaries of programs in a folder of the user's: MVAD_CACHE_DIR, else XDG_CACHE_HOME/mvad, else
 * ~/.cache/mvad; "" turns it off. `key` is all that the binary depends on, as text. A file that is
 * missing, damaged or of another key is no error: the program is then built. */
cl_program opencl_cache_load(struct opencl_device *device, const char *key);
void opencl_cache_store(cl_program program, const char *key);

/* The folder above, made if missing; false where there is none. */
bool opencl_cache_folder(char *path, size_t size);

/* ---- launches (launch.c, run.c) ---- */

struct opencl_step {
    uint32_t node;
    cl_kernel kernel; /* NULL: a matrix product of the BLAS */
    cl_uint dimensions;
    size_t global[3], local[3];
    struct launch_product *product;
};

/* The target of calls. */
struct opencl_steps {
    struct opencl_step *step;
    size_t count, capacity;
    cl_kernel kernel; /* of the launch being prepared */
    cl_uint argument; /* its next one */
};

extern const struct launch_api opencl_launch_api;
void opencl_steps_release(struct opencl_steps *steps);

mvad_status opencl_product_run(struct opencl_device *device, cl_command_queue queue,
                               const struct launch_product *product, cl_event *event,
                               mvad_error *error);
/* Frees what the BLAS keeps for the device's context. */
void opencl_product_forget(void);

/* The variant for this node's shape; measured where it is not known yet (tuning.c). */
enum launch_variant opencl_variant_of(const struct launch_call *call);
#endif
