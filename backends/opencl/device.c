/* Opening and closing a device, its memory, its matrix product's rate, and the table of functions the
 * core knows. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/opencl/run.h"
#include "backends/opencl/tuning.h"
#include "core/base/error.h"

static void opencl_close(void *state)
{
    struct opencl_device *device = state;
    if (!device) return;
    opencl_tuning_free(device);
    if (device->queue) clFinish(device->queue);
    opencl_programs_release(device);
    /* The BLAS keeps programs of this context, which must go before it. */
    opencl_product_forget();
    if (device->profiling) clReleaseCommandQueue(device->profiling);
    opencl_end_uploads(device);
    if (device->queue) clReleaseCommandQueue(device->queue);
    if (device->context) clReleaseContext(device->context);
    free(device);
}

static mvad_status opencl_open(int32_t index, int32_t threads, void **state, mvad_error *error)
{
    (void)threads;
    struct opencl_place places[OPENCL_MAX_DEVICES];
    int32_t count;
    *state = NULL;
    mvad_status status = opencl_find(places, &count, error);
    if (status) return status;
    if (index >= count)
        return error_set(error, MVAD_ERROR_DEVICE,
                         "opencl:%d: there %s %d OpenCL device%s, opencl:0%s", index,
                         count == 1 ? "is" : "are", count, count == 1 ? "" : "s",
                         count == 1 ? "" : " and so on");
    struct opencl_device *device = malloc(sizeof *device);
    if (!device) return error_out_of_memory(error, "opencl device", sizeof *device);
    cl_int code = CL_SUCCESS;
    status = opencl_identify(&places[index], index, device, error);
    if (status) goto cleanup;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)device->place.platform, 0};
    device->context = clCreateContext(properties, 1, &device->place.device, NULL, NULL, &code);
    if (!code)
        device->queue = clCreateCommandQueue(device->context, device->place.device, 0, &code);
    status = code ? opencl_fail(device, "opening", code, error) : opencl_tuning_load(device, error);
cleanup:
    if (status) {
        opencl_close(device);
        return status;
    }
    *state = device;
    return MVAD_OK;
}

static void fill_info(const struct opencl_device *device, mvad_device_info *info)
{
    *info = (mvad_device_info){.memory_bytes = device->memory};
    snprintf(info->id, sizeof info->id, "%s", device->launch.id);
    snprintf(info->name, sizeof info->name, "%.127s", device->name);
    snprintf(info->details, sizeof info->details, "%.90s, driver %.60s, %u units%s%s",
             device->platform, device->driver, device->compute_units,
             device->launch.fp64 ? ", fp64" : "", device->fp16 ? ", fp16" : "");
}

static void opencl_describe(const void *state, mvad_device_info *info)
{
    fill_info(state, info);
}

static mvad_status opencl_list(void (*visit)(const mvad_device_info *info, void *user), void *user,
                               mvad_error *error)
{
    struct opencl_place places[OPENCL_MAX_DEVICES];
    int32_t count;
    mvad_status status = opencl_find(places, &count, error);
    for (int32_t i = 0; i < count; i++) {
        struct opencl_device device;
        mvad_device_info info;
        if (opencl_identify(&places[i], i, &device, error)) continue;
        fill_info(&device, &info);
        visit(&info, user);
    }
    return status;
}

/* Buffers are made lazily by many drivers, so that a model larger than the device would fail in the
 * middle of a run: sizes are checked here. */
static mvad_status opencl_alloc(void *state, size_t bytes, void **buffer, mvad_error *error)
{
    struct opencl_device *device = state;
    *buffer = NULL;
    if (bytes > device->largest_buffer)
        return error_set(error, MVAD_ERROR_OUT_OF_MEMORY,
                         "%s: needs a buffer of %.1f MB; the device's largest is %.1f MB",
                         device->launch.id, (double)bytes / 1e6,
                         (double)device->largest_buffer / 1e6);
    if (bytes > device->memory || device->allocated > device->memory - bytes)
        return error_set(error, MVAD_ERROR_OUT_OF_MEMORY,
                         "%s: needs %.1f MB beside the %.1f MB in use; the device has %.1f MB",
                         device->launch.id, (double)bytes / 1e6, (double)device->allocated / 1e6,
                         (double)device->memory / 1e6);
    cl_int code;
    *buffer = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code) {
        char what[64];
        snprintf(what, sizeof what, "a buffer of %.1f MB", (double)bytes / 1e6);
        *buffer = NULL;
        return opencl_fail(device, what, code, error);
    }
    device->allocated += bytes;
    return MVAD_OK;
}

static void opencl_free(void *state, void *buffer)
{
    struct opencl_device *device = state;
    size_t bytes = 0;
    clFinish(device->queue);
    opencl_forget_uploads(device, buffer);
    if (!clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL))
        device->allocated -= bytes < device->allocated ? bytes : device->allocated;
    clReleaseMemObject(buffer);
}

static mvad_status opencl_write(void *state, void *buffer, size_t offset, const void *data,
                                size_t bytes, mvad_error *error)
{
    struct opencl_device *device = state;
    if (!bytes) return error_clear(error);
    cl_int code =
        clEnqueueWriteBuffer(device->queue, buffer, CL_TRUE, offset, bytes, data, 0, NULL, NULL);
    return code ? opencl_fail(device, "writing to its memory", code, error) : error_clear(error);
}

static mvad_status opencl_read(void *state, const void *buffer, size_t offset, void *data,
                               size_t bytes, mvad_error *error)
{
    struct opencl_device *device = state;
    if (!bytes) return error_clear(error);
    cl_int code = clEnqueueReadBuffer(device->queue, (cl_mem)buffer, CL_TRUE, offset, bytes, data,
                                      0, NULL, NULL);
    return code ? opencl_fail(device, "reading its memory", code, error) : error_clear(error);
}

const struct backend opencl_backend = {
    .name = "opencl",
    .list = opencl_list,
    .open = opencl_open,
    .close = opencl_close,
    .describe = opencl_describe,
    .alloc = opencl_alloc,
    .free = opencl_free,
    .write = opencl_write,
    .read = opencl_read,
    .stage = opencl_stage,
    .query = opencl_query,
    .bind = opencl_bind,
    .unbind = opencl_unbind,
    .run = opencl_run,
    .sync = opencl_sync,
    .gemm_rate = opencl_gemm_rate,
    .copy_rate = opencl_copy_rate,
    .tune = opencl_tune,
};
