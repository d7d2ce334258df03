/* Which devices there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/opencl/opencl.h"
#include "core/base/error.h"

#define CL_NO_PLATFORM_KHR (-1001) /* cl_khr_icd: the loader found no driver */

const char *opencl_error_name(cl_int code)
{
#define NAME(error) \
    case error: return #error;
    switch (code) {
        NAME(CL_DEVICE_NOT_FOUND)
        NAME(CL_DEVICE_NOT_AVAILABLE)
        NAME(CL_COMPILER_NOT_AVAILABLE)
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE)
        NAME(CL_OUT_OF_RESOURCES)
        NAME(CL_OUT_OF_HOST_MEMORY)
        NAME(CL_BUILD_PROGRAM_FAILURE)
        NAME(CL_INVALID_VALUE)
        NAME(CL_INVALID_BINARY)
        NAME(CL_INVALID_BUFFER_SIZE)
        NAME(CL_INVALID_KERNEL_NAME)
        NAME(CL_INVALID_KERNEL_ARGS)
        NAME(CL_INVALID_ARG_SIZE)
        NAME(CL_INVALID_WORK_GROUP_SIZE)
        NAME(CL_INVALID_WORK_ITEM_SIZE)
        NAME(CL_INVALID_GLOBAL_WORK_SIZE)
        NAME(CL_INVALID_MEM_OBJECT)
        NAME(CL_NO_PLATFORM_KHR)
    default: return NULL;
    }
#undef NAME
}

mvad_status opencl_fail(const struct opencl_device *device, const char *what, cl_int code,
                        mvad_error *error)
{
    const bool memory = code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_HOST_MEMORY ||
                        code == CL_OUT_OF_RESOURCES || code == CL_INVALID_BUFFER_SIZE;
    const char *name = opencl_error_name(code);
    char number[32];
    snprintf(number, sizeof number, "OpenCL error %d", code);
    return error_set(error, memory ? MVAD_ERROR_OUT_OF_MEMORY : MVAD_ERROR_DEVICE, "%s: %s: %s",
                     device->launch.id, what, name ? name : number);
}

mvad_status opencl_find(struct opencl_place places[OPENCL_MAX_DEVICES], int32_t *count,
                        mvad_error *error)
{
    cl_platform_id platforms[OPENCL_MAX_DEVICES];
    cl_uint platform_count = 0;
    *count = 0;
    cl_int code = clGetPlatformIDs(OPENCL_MAX_DEVICES, platforms, &platform_count);
    if (code == CL_NO_PLATFORM_KHR || (!code && !platform_count))
        return error_set(error, MVAD_ERROR_DEVICE,
                         "opencl: no OpenCL driver is installed (on Debian, pocl-opencl-icd is one "
                         "for processors)");
    if (code) {
        const char *name = opencl_error_name(code);
        return error_set(error, MVAD_ERROR_DEVICE, "opencl: no platform: %s (%d)",
                         name ? name : "OpenCL error", code);
    }
    if (platform_count > OPENCL_MAX_DEVICES) platform_count = OPENCL_MAX_DEVICES;
    for (cl_uint p = 0; p < platform_count; p++) {
        cl_device_id devices[OPENCL_MAX_DEVICES];
        cl_uint device_count = 0;
        /* A platform without a device, or with a broken driver, must not hide the others. */
        if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, OPENCL_MAX_DEVICES, devices,
                           &device_count))
            continue;
        if (device_count > OPENCL_MAX_DEVICES) device_count = OPENCL_MAX_DEVICES;
        for (cl_uint d = 0; d < device_count && *count < OPENCL_MAX_DEVICES; d++)
            places[(*count)++] = (struct opencl_place){platforms[p], devices[d]};
    }
    if (!*count)
        return error_set(error, MVAD_ERROR_DEVICE,
                         "opencl: %u OpenCL driver%s installed, but no device", platform_count,
                         platform_count == 1 ? "" : "s");
    return MVAD_OK;
}

static void device_text(cl_device_id device, cl_device_info what, char text[OPENCL_NAME])
{
    char long_text[4096] = "";
    if (clGetDeviceInfo(device, what, sizeof long_text - 1, long_text, NULL)) long_text[0] = 0;
    snprintf(text, OPENCL_NAME, "%.*s", OPENCL_NAME - 1, long_text);
}

static bool has_extension(cl_device_id device, const char *name)
{
    char list[16384] = "";
    if (clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, sizeof list - 1, list, NULL)) return false;
    const char *at = list;
    const size_t length = strlen(name);
    while ((at = strstr(at, name))) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length])) return true;
        at += length;
    }
    return false;
}

mvad_status opencl_identify(const struct opencl_place *place, int32_t index,
                            struct opencl_device *device, mvad_error *error)
{
    cl_device_type type = 0;
    cl_bool compiler = CL_FALSE, available = CL_FALSE;
    cl_device_id id = place->device;
    *device = (struct opencl_device){
        .launch = {.api = &opencl_launch_api, .ops = launch_ops, .most_groups = SIZE_MAX},
        .place = *place};
    snprintf(device->launch.id, sizeof device->launch.id, "opencl:%d", index);
    device_text(id, CL_DEVICE_NAME, device->name);
    device_text(id, CL_DEVICE_VERSION, device->version);
    device_text(id, CL_DRIVER_VERSION, device->driver);
    if (clGetPlatformInfo(place->platform, CL_PLATFORM_NAME, sizeof device->platform - 1,
                          device->platform, NULL))
        device->platform[0] = 0;
    cl_int code = clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
#define ASK(what, field) \
    if (!code) code = clGetDeviceInfo(id, what, sizeof field, &field, NULL)
    ASK(CL_DEVICE_GLOBAL_MEM_SIZE, device->memory);
    ASK(CL_DEVICE_MAX_MEM_ALLOC_SIZE, device->largest_buffer);
    ASK(CL_DEVICE_LOCAL_MEM_SIZE, device->local_memory);
    ASK(CL_DEVICE_MAX_WORK_GROUP_SIZE, device->launch.largest_group);
    ASK(CL_DEVICE_MAX_COMPUTE_UNITS, device->compute_units);
    ASK(CL_DEVICE_COMPILER_AVAILABLE, compiler);
    ASK(CL_DEVICE_AVAILABLE, available);
#undef ASK
    if (code) return opencl_fail(device, "asking for its properties", code, error);
    if (!available || !compiler)
        return error_set(error, MVAD_ERROR_DEVICE, "%s: %s has no %s", device->launch.id,
                         device->name, available ? "compiler for kernels" : "free device");
    /* MVAD_OPENCL_KIND=gpu|processor: kernels and choices of the other kind of device, so that those
     * for GPUs can be tested on a processor. */
    const char *kind = getenv("MVAD_OPENCL_KIND");
    device->launch.processor =
        kind && *kind ? !strcmp(kind, "processor") : type & CL_DEVICE_TYPE_CPU;
    device->launch.fp64 = has_extension(id, "cl_khr_fp64");
    device->fp16 = has_extension(id, "cl_khr_fp16");
    return MVAD_OK;
}
