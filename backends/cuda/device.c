/* Opening and closing a device, its memory, and the table of functions the core knows. */
#include "backends/cuda/device.h"

#include <stdio.h>
#include <stdlib.h>

#include "backends/cuda/blas.h"
#include "backends/cuda/run.h"
#include "core/base/error.h"

/* ---- errors ---- */

/* Errors after which every call on the context fails (cuda.h, enum CUresult). */
static bool is_fatal(CUresult code)
{
    switch (code) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_DEINITIALIZED:
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
    case CUDA_ERROR_UNKNOWN: return true;
    default: return false;
    }
}

void cuda_die(struct cuda_device *device, const char *reason)
{
    if (atomic_exchange(&device->dying, true)) return; /* the first reason counts */
    snprintf(device->death, sizeof device->death, "%s", reason);
    device->dead = true;
}

mvad_status cuda_fail(struct cuda_device *device, const char *what, CUresult code, mvad_error *error)
{
    char text[160], line[CUDA_DEATH];
    cuda_error_text(device->driver, code, text, sizeof text);
    snprintf(line, sizeof line, "%s: %s", what, text);
    if (is_fatal(code)) cuda_die(device, line);
    return error_set(
        error, code == CUDA_ERROR_OUT_OF_MEMORY ? MVAD_ERROR_OUT_OF_MEMORY : MVAD_ERROR_DEVICE,
        "%s: %s", device->launch.id, line);
}

mvad_status cuda_use(struct cuda_device *device, mvad_error *error)
{
    if (device->dead)
        return error_set(error, MVAD_ERROR_DEVICE,
                         "%s: it cannot be used any more after an earlier error: %s",
                         device->launch.id, device->death);
    CUresult code = device->driver->cuCtxPushCurrent(device->context);
    return code ? cuda_fail(device, "making its context current", code, error) : MVAD_OK;
}

void cuda_unuse(struct cuda_device *device)
{
    CUcontext context;
    device->driver->cuCtxPopCurrent(&context);
}

mvad_status cuda_enter(struct cuda_device *device, mvad_error *error)
{
    pthread_mutex_lock(&device->mutex);
    mvad_status status = cuda_use(device, error);
    if (status) pthread_mutex_unlock(&device->mutex);
    return status;
}

void cuda_leave(struct cuda_device *device)
{
    cuda_unuse(device);
    pthread_mutex_unlock(&device->mutex);
}

/* ---- finding and opening ---- */

static mvad_status identify(const struct cuda_driver *driver, int32_t index,
                            struct cuda_device *device, mvad_error *error)
{
    int group = 0;
    *device = (struct cuda_device){.launch = {.api = &cuda_launch_api, .fp64 = true, .tf32 = true},
                                   .driver = driver};
    snprintf(device->launch.id, sizeof device->launch.id, "cuda:%d", index);
    CUresult code = driver->cuDeviceGet(&device->number, index);
    if (!code)
        code = driver->cuDeviceGetName(device->name, (int)sizeof device->name, device->number);
    if (!code) code = driver->cuDeviceTotalMem(&device->memory, device->number);
    if (!code) code = driver->cuDriverGetVersion(&device->driver_version);
    const struct {
        CUdevice_attribute what;
        int *field;
    } attributes[] = {
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &device->major},
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &device->minor},
        {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, &device->processors},
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, &group},
    };
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes && !code; i++)
        code =
            driver->cuDeviceGetAttribute(attributes[i].field, attributes[i].what, device->number);
    if (code) return cuda_fail(device, "asking for its properties", code, error);
    device->launch.largest_group = (size_t)group;
    device->launch.most_groups = 65535;
    if (10 * device->major + device->minor < MVAD_CUDA_LEAST_ARCHITECTURE)
        return error_set(
            error, MVAD_ERROR_DEVICE,
            "%s: %s has compute capability %d.%d; the kernels of this build need %d.%d",
            device->launch.id, device->name, device->major, device->minor,
            MVAD_CUDA_LEAST_ARCHITECTURE / 10, MVAD_CUDA_LEAST_ARCHITECTURE % 10);
    return MVAD_OK;
}

static mvad_status count_devices(const struct cuda_driver **driver, int *count, mvad_error *error)
{
    *count = 0;
    mvad_status status = cuda_driver_get(driver, error);
    if (status) return status;
    CUresult code = (*driver)->cuDeviceGetCount(count);
    if (code) {
        char text[160];
        cuda_error_text(*driver, code, text, sizeof text);
        return error_set(error, MVAD_ERROR_DEVICE, "cuda: counting devices: %s", text);
    }
    if (!*count)
        return error_set(error, MVAD_ERROR_DEVICE, "cuda: the NVIDIA driver finds no device");
    return MVAD_OK;
}

static void fill_info(const struct cuda_device *device, mvad_device_info *info)
{
    *info = (mvad_device_info){.memory_bytes = device->memory};
    snprintf(info->id, sizeof info->id, "%s", device->launch.id);
    snprintf(info->name, sizeof info->name, "%s", device->name);
    snprintf(info->details, sizeof info->details,
             "compute capability %d.%d, driver for CUDA %d.%d, %d multiprocessors, fp64, fp16",
             device->major, device->minor, device->driver_version / 1000,
             device->driver_version % 1000 / 10, device->processors);
}

static void cuda_describe(const void *state, mvad_device_info *info)
{
    fill_info(state, info);
}

static mvad_status cuda_list(void (*visit)(const mvad_device_info *info, void *user), void *user,
                             mvad_error *error)
{
    const struct cuda_driver *driver;
    int count;
    mvad_status status = count_devices(&driver, &count, error);
    for (int i = 0; i < count && !status; i++) {
        struct cuda_device device;
        mvad_device_info info;
        status = identify(driver, i, &device, error);
        if (status) break;
        fill_info(&device, &info);
        visit(&info, user);
    }
    /* A device that is there but cannot be opened is worse than none without a reason. */
    return status ? status : cuda_blas_find(error);
}

static void cuda_close(void *state)
{
    struct cuda_device *device = state;
    if (!device) return;
    const struct cuda_driver *driver = device->driver;
    if (device->context) {
        /* What belongs to a dead context goes with it; its calls fail, which changes nothing. */
        CUcontext context;
        driver->cuCtxPushCurrent(device->context);
        if (device->stream) driver->cuStreamSynchronize(device->stream);
        cuda_end_uploads(device);
        cuda_blas_close(device);
        cuda_modules_release(device);
        if (device->capturing) driver->cuStreamDestroy(device->capturing);
        if (device->uploads_stream) driver->cuStreamDestroy(device->uploads_stream);
        if (device->stream) driver->cuStreamDestroy(device->stream);
        driver->cuCtxPopCurrent(&context);
        driver->cuDevicePrimaryCtxRelease(device->number);
    }
    pthread_mutex_destroy(&device->mutex);
    free(device);
}

static mvad_status open_context(struct cuda_device *device, mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    CUcontext context = NULL;
    CUresult code = driver->cuDevicePrimaryCtxRetain(&context, device->number);
    if (code) return cuda_fail(device, "opening", code, error);
    device->context = context;
    mvad_status status = cuda_use(device, error);
    if (status) return status;
    code = driver->cuStreamCreate(&device->stream, CU_STREAM_NON_BLOCKING);
    if (code) device->stream = NULL;
    if (!code) code = driver->cuStreamCreate(&device->uploads_stream, CU_STREAM_NON_BLOCKING);
    if (code) device->uploads_stream = NULL;
    cuda_unuse(device);
    return code ? cuda_fail(device, "opening", code, error) : MVAD_OK;
}

static mvad_status cuda_open(int32_t index, int32_t threads, void **state, mvad_error *error)
{
    (void)threads;
    const struct cuda_driver *driver;
    int count;
    *state = NULL;
    mvad_status status = count_devices(&driver, &count, error);
    if (status) return status;
    if (index >= count)
        return error_set(error, MVAD_ERROR_DEVICE, "cuda:%d: there %s %d CUDA device%s, cuda:0%s",
                         index, count == 1 ? "is" : "are", count, count == 1 ? "" : "s",
                         count == 1 ? "" : " and so on");
    status = cuda_blas_find(error);
    if (status) return status;
    struct cuda_device *device = malloc(sizeof *device);
    if (!device) return error_out_of_memory(error, "cuda device", sizeof *device);
    status = identify(driver, index, device, error);
    cuda_ops_fill(device->ops);
    device->launch.ops = device->ops;
    pthread_mutex_init(&device->mutex, NULL);
    if (!status) status = open_context(device, error);
    if (status) {
        cuda_close(device);
        return status;
    }
    *state = device;
    return error_clear(error);
}

/* ---- memory ---- */

static mvad_status cuda_alloc(void *state, size_t bytes, void **buffer, mvad_error *error)
{
    struct cuda_device *device = state;
    const struct cuda_driver *driver = device->driver;
    CUdeviceptr pointer = 0;
    *buffer = NULL;
    mvad_status status = cuda_enter(device, error);
    if (status) return status;
    CUresult code = driver->cuMemAlloc(&pointer, bytes);
    if (code == CUDA_ERROR_OUT_OF_MEMORY) {
        size_t available = 0, total = 0;
        driver->cuMemGetInfo(&available, &total);
        status = error_set(error, MVAD_ERROR_OUT_OF_MEMORY,
                           "%s: needs %.1f MB; %.1f MB of the device's %.1f MB are free",
                           device->launch.id, (double)bytes / 1e6, (double)available / 1e6,
                           (double)total / 1e6);
    } else if (code) {
        status = cuda_fail(device, "allocating memory", code, error);
    } else {
        *buffer = cuda_buffer(pointer);
    }
    cuda_leave(device);
    return status;
}

static void cuda_free(void *state, void *buffer)
{
    struct cuda_device *device = state;
    if (cuda_enter(device, NULL)) return; /* the memory of a dead context goes with it */
    device->driver->cuStreamSynchronize(device->stream);
    cuda_forget_uploads(device, buffer);
    device->driver->cuMemFree(cuda_pointer(buffer, 0));
    cuda_leave(device);
}

static mvad_status cuda_alloc_host(void *state, size_t bytes, void **memory, mvad_error *error)
{
    struct cuda_device *device = state;
    *memory = NULL;
    mvad_status status = cuda_enter(device, error);
    if (status) return status;
    const CUresult code = device->driver->cuMemAllocHost(memory, bytes);
    cuda_leave(device);
    if (!code) return MVAD_OK;
    *memory = NULL;
    return cuda_fail(device, "page-locked memory of the host", code, error);
}

static void cuda_free_host(void *state, void *memory)
{
    struct cuda_device *device = state;
    if (cuda_enter(device, NULL)) return; /* the memory of a dead context goes with it */
    device->driver->cuMemFreeHost(memory);
    cuda_leave(device);
}

static mvad_status cuda_write(void *state, void *buffer, size_t offset, const void *data,
                              size_t bytes, mvad_error *error)
{
    struct cuda_device *device = state;
    const struct cuda_driver *driver = device->driver;
    if (!bytes) return error_clear(error);
    mvad_status status = cuda_sync(device, error);
    if (!status) status = cuda_enter(device, error);
    if (status) return status;
    CUresult code =
        driver->cuMemcpyHtoDAsync(cuda_pointer(buffer, offset), data, bytes, device->stream);
    if (!code) code = driver->cuStreamSynchronize(device->stream);
    cuda_leave(device);
    return code ? cuda_fail(device, "writing to its memory", code, error) : error_clear(error);
}

static mvad_status cuda_read(void *state, const void *buffer, size_t offset, void *data,
                             size_t bytes, mvad_error *error)
{
    struct cuda_device *device = state;
    const struct cuda_driver *driver = device->driver;
    if (!bytes) return error_clear(error);
    mvad_status status = cuda_sync(device, error);
    if (!status) status = cuda_enter(device, error);
    if (status) return status;
    CUresult code =
        driver->cuMemcpyDtoHAsync(data, cuda_pointer(buffer, offset), bytes, device->stream);
    if (!code) code = driver->cuStreamSynchronize(device->stream);
    cuda_leave(device);
    return code ? cuda_fail(device, "reading its memory", code, error) : error_clear(error);
}

const struct backend cuda_backend = {
    .name = "cuda",
    .list = cuda_list,
    .open = cuda_open,
    .close = cuda_close,
    .describe = cuda_describe,
    .alloc = cuda_alloc,
    .free = cuda_free,
    .write = cuda_write,
    .read = cuda_read,
    .stage = cuda_stage,
    .alloc_host = cuda_alloc_host,
    .free_host = cuda_free_host,
    .query = cuda_query,
    .bind = cuda_bind,
    .unbind = cuda_unbind,
    .run = cuda_run,
    .sync = cuda_sync,
    .gemm_rate = cuda_gemm_rate,
    .copy_rate = cuda_copy_rate,
};
