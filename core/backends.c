/* The one file that names the backends of this build, and the device functions of the public API.
 * */
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/graph/backend.h"

extern const struct backend cpu_backend;
#ifdef MVAD_HAVE_CUDA
extern const struct backend cuda_backend;
#endif
#ifdef MVAD_HAVE_OPENCL
extern const struct backend opencl_backend;
#endif

const struct backend *const backend_registry[] = {
    &cpu_backend,
#ifdef MVAD_HAVE_CUDA
    &cuda_backend,
#endif
#ifdef MVAD_HAVE_OPENCL
    &opencl_backend,
#endif
    NULL,
};

/* Backends that this build lacks, with the reason. */
static const struct {
    const char *name, *reason;
} left_out[] = {
#ifndef MVAD_HAVE_CUDA
    {"cuda", "this build was made without CUDA (it needs the CUDA toolkit with nvcc and cuBLAS)"},
#endif
#ifndef MVAD_HAVE_OPENCL
    {"opencl", "this build was made without OpenCL (it needs the ICD loader's development files "
               "and CLBlast)"},
#endif
    {NULL, NULL},
};

/* A backend of the list above, as an error. */
static mvad_status unknown_backend(const char *id, size_t name_length, mvad_error *error)
{
    for (size_t i = 0; left_out[i].name; i++)
        if (strlen(left_out[i].name) == name_length && !strncmp(left_out[i].name, id, name_length))
            return error_set(error, MVAD_ERROR_DEVICE, "%s: %s", id, left_out[i].reason);
    char names[64] = "";
    for (const struct backend *const *b = backend_registry; *b; b++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? ", " : "",
                 (*b)->name);
    return error_set(error, MVAD_ERROR_DEVICE, "%s: this build has no such device; it has: %s", id,
                     names);
}

/* Splits "name" or "name:index". */
static mvad_status parse_id(const char *id, const struct backend **backend, int32_t *index,
                            mvad_error *error)
{
    size_t name_length = strcspn(id, ":");
    *index = 0;
    if (id[name_length] == ':') {
        char *end;
        long number = strtol(id + name_length + 1, &end, 10);
        if (end == id + name_length + 1 || *end || number < 0 || number > INT_MAX)
            return error_set(error, MVAD_ERROR_DEVICE, "%s: not a device id such as cpu", id);
        *index = (int32_t)number;
    }
    for (const struct backend *const *b = backend_registry; *b; b++) {
        if (strlen((*b)->name) == name_length && !strncmp((*b)->name, id, name_length)) {
            *backend = *b;
            return MVAD_OK;
        }
    }
    return unknown_backend(id, name_length, error);
}

mvad_status mvad_device_list(void (*found)(const mvad_device_info *info, void *user),
                             void (*missing)(const char *backend, const char *reason, void *user),
                             void *user, mvad_error *error)
{
    if (!found) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "found is NULL");
    for (const struct backend *const *b = backend_registry; *b; b++) {
        mvad_error reason;
        if ((*b)->list(found, user, &reason) && missing) missing((*b)->name, reason.message, user);
    }
    for (size_t i = 0; left_out[i].name && missing; i++)
        missing(left_out[i].name, left_out[i].reason, user);
    return error_clear(error);
}

mvad_status mvad_device_open(const char *id, int32_t threads, mvad_device **device,
                             mvad_error *error)
{
    if (!device) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "device is NULL");
    *device = NULL;
    if (!id) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "device id is NULL");
    const struct backend *backend = NULL;
    int32_t index;
    mvad_status status = parse_id(id, &backend, &index, error);
    if (status) return status;
    mvad_device *opened = calloc(1, sizeof *opened);
    if (!opened) return error_out_of_memory(error, "device", sizeof *opened);
    opened->backend = backend;
    status = backend->open(index, threads, &opened->state, error);
    if (status) {
        free(opened);
        return status;
    }
    mvad_device_info info = {0};
    backend->describe(opened->state, &info);
    log_write(MVAD_LOG_INFO, "%s: opened %s, %s", info.id, info.name, info.details);
    *device = opened;
    return error_clear(error);
}

mvad_status mvad_device_describe(const mvad_device *device, mvad_device_info *info,
                                 mvad_error *error)
{
    if (!device || !info)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "device or info is NULL");
    *info = (mvad_device_info){0};
    device->backend->describe(device->state, info);
    return error_clear(error);
}

mvad_status mvad_device_gemm_rate(mvad_device *device, mvad_precision precision, int64_t size,
                                  int32_t repeats, double *macs_per_second, mvad_error *error)
{
    if (!device || !macs_per_second || (unsigned)precision >= MVAD_PRECISION_COUNT)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "device or result is NULL, or the precision out of range");
    if (size < 1 || size > 16384 || repeats < 1 || repeats > 1000)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "matrix product: size 1 to 16384, repeats 1 to 1000");
    return device->backend->gemm_rate(device->state, precision, size, repeats, macs_per_second,
                                      error);
}

mvad_status mvad_device_copy_rate(mvad_device *device, size_t bytes, int32_t repeats,
                                  double *bytes_per_second, mvad_error *error)
{
    if (!device || !bytes_per_second)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "device or result is NULL");
    if (bytes < 1 || bytes > (size_t)1 << 32 || repeats < 1 || repeats > 1000)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "copy: 1 to 2^32 bytes, repeats 1 to 1000");
    if (!device->backend->copy_rate)
        return error_set(error, MVAD_ERROR_UNSUPPORTED, "%s: the rate of a copy is not measured",
                         device->backend->name);
    return device->backend->copy_rate(device->state, bytes, repeats, bytes_per_second, error);
}

mvad_status mvad_device_memory(mvad_device *device, uint64_t *bytes, uint64_t *peak,
                               mvad_error *error)
{
    if (!device || !bytes || !peak)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "device or result is NULL");
    *bytes = device->bytes;
    *peak = atomic_exchange(&device->peak_bytes, *bytes);
    return error_clear(error);
}

void mvad_device_close(mvad_device *device)
{
    if (!device) return;
    device->backend->close(device->state);
    free(device);
}
