/* The one file that names the backends of this build, and the device functions of the public API.
 * */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/graph/backend.h"

extern const struct backend cpu_backend;

const struct backend *const backend_registry[] = {&cpu_backend, NULL};

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
    return error_set(error, MVAD_ERROR_DEVICE, "%s: this build has no such device; it has: cpu", id);
}

mvad_status mvad_device_open(const char *id, int32_t threads, mvad_device **device,
                             mvad_error *error)
{
    if (!device) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "device is NULL");
    *device = NULL;
    if (!id) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "device id is NULL");
    const struct backend *backend;
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

mvad_status mvad_device_gemm_rate(mvad_device *device, int64_t size, int32_t repeats,
                                  double *macs_per_second, mvad_error *error)
{
    if (!device || !macs_per_second)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "device or result is NULL");
    return device->backend->gemm_rate(device->state, size, repeats, macs_per_second, error);
}

void mvad_device_close(mvad_device *device)
{
    if (!device) return;
    device->backend->close(device->state);
    free(device);
}
