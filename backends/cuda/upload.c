/* Copies to the device beside a run: from the host into pinned memory, from there through a stream of its own
 * into memory beside the target, and into its place at the beginning of the next run, which is a copy
 * within the device. The host fills the pinned memory of the next step while the device still works on
 * the one before. */
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/device.h"
#include "core/base/error.h"
#include "core/base/memory.h"

/* One value on its way. Slots are used again in every step: the same values are staged in each. */
struct cuda_upload {
    void *pinned;
    CUdeviceptr staged;
    size_t room;     /* bytes of both */
    CUevent moved;   /* the last copy out of `staged` */
    CUevent arrived; /* the copy into `staged` */
    bool used;       /* the events stand for something */

    const void *target; /* NULL: nothing is on its way */
    size_t offset, bytes;
};

static void release_slot(struct cuda_device *device, struct cuda_upload *slot)
{
    const struct cuda_driver *driver = device->driver;
    if (slot->used) {
        driver->cuStreamSynchronize(device->uploads_stream);
        driver->cuStreamSynchronize(device->stream);
    }
    if (slot->moved) driver->cuEventDestroy(slot->moved);
    if (slot->arrived) driver->cuEventDestroy(slot->arrived);
    if (slot->pinned) driver->cuMemFreeHost(slot->pinned);
    if (slot->staged) driver->cuMemFree(slot->staged);
    *slot = (struct cuda_upload){0};
}

static mvad_status make_room(struct cuda_device *device, struct cuda_upload *slot, size_t bytes,
                             mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    if (slot->room >= bytes) return MVAD_OK;
    release_slot(device, slot);
    CUresult code = driver->cuMemAllocHost(&slot->pinned, bytes);
    if (code) slot->pinned = NULL;
    if (!code && (code = driver->cuMemAlloc(&slot->staged, bytes))) slot->staged = 0;
    if (!code && (code = driver->cuEventCreate(&slot->moved, CU_EVENT_DISABLE_TIMING)))
        slot->moved = NULL;
    if (!code && (code = driver->cuEventCreate(&slot->arrived, CU_EVENT_DISABLE_TIMING)))
        slot->arrived = NULL;
    if (code) {
        release_slot(device, slot);
        return cuda_fail(device, "memory for uploads", code, error);
    }
    slot->room = bytes;
    return MVAD_OK;
}

/* The slot that has this value on its way already, or a free one, if possible one with room. */
static mvad_status find_slot(struct cuda_device *device, const void *target, size_t offset,
                             size_t bytes, struct cuda_upload **found, mvad_error *error)
{
    struct cuda_uploads *uploads = &device->uploads;
    struct cuda_upload *slot = NULL;
    for (size_t i = 0; i < uploads->count; i++) {
        struct cuda_upload *candidate = &uploads->slots[i];
        if (candidate->target == target && candidate->offset == offset) {
            *found = candidate;
            return MVAD_OK;
        }
        if (!candidate->target && (!slot || (slot->room < bytes && candidate->room >= bytes)))
            slot = candidate;
    }
    if (!slot) {
        if (!memory_grow((void **)&uploads->slots, &uploads->capacity, uploads->count,
                         sizeof *uploads->slots))
            return error_out_of_memory(error, "uploads", sizeof *slot);
        slot = &uploads->slots[uploads->count++];
        *slot = (struct cuda_upload){0};
    }
    *found = slot;
    return MVAD_OK;
}

static mvad_status stage(struct cuda_device *device, const void *buffer, size_t offset,
                         const void *data, size_t bytes, mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    struct cuda_upload *slot = NULL;
    CUresult code = CUDA_SUCCESS;
    mvad_status status = find_slot(device, buffer, offset, bytes, &slot, error);
    /* The host waits only where an earlier copy still reads the pinned memory. */
    if (!status && slot->used) code = driver->cuEventSynchronize(slot->arrived);
    if (!status && !code) status = make_room(device, slot, bytes, error);
    if (status) return status;
    if (!code) memcpy(slot->pinned, data, bytes);
    if (!code && slot->used)
        code = driver->cuStreamWaitEvent(device->uploads_stream, slot->moved, 0);
    if (!code)
        code = driver->cuMemcpyHtoDAsync(slot->staged, slot->pinned, bytes, device->uploads_stream);
    if (!code) code = driver->cuEventRecord(slot->arrived, device->uploads_stream);
    if (code) return cuda_fail(device, "uploading", code, error);
    slot->used = true;
    slot->target = buffer;
    slot->offset = offset;
    slot->bytes = bytes;
    return MVAD_OK;
}

mvad_status cuda_stage(void *state, void *buffer, size_t offset, const void *data, size_t bytes,
                       mvad_error *error)
{
    struct cuda_device *device = state;
    if (!bytes) return error_clear(error);
    mvad_status status = cuda_enter(device, error);
    if (status) return status;
    status = stage(device, buffer, offset, data, bytes, error);
    cuda_leave(device);
    return status ? status : error_clear(error);
}

mvad_status cuda_place_uploads(struct cuda_device *device, mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    for (size_t i = 0; i < device->uploads.count; i++) {
        struct cuda_upload *slot = &device->uploads.slots[i];
        if (!slot->target) continue;
        CUresult code = driver->cuStreamWaitEvent(device->stream, slot->arrived, 0);
        if (!code)
            code = driver->cuMemcpyDtoDAsync(cuda_pointer(slot->target, slot->offset), slot->staged,
                                             slot->bytes, device->stream);
        if (!code) code = driver->cuEventRecord(slot->moved, device->stream);
        slot->target = NULL;
        if (code) return cuda_fail(device, "putting an upload in its place", code, error);
    }
    return MVAD_OK;
}

void cuda_forget_uploads(struct cuda_device *device, const void *target)
{
    for (size_t i = 0; i < device->uploads.count; i++)
        if (device->uploads.slots[i].target == target) device->uploads.slots[i].target = NULL;
}

void cuda_end_uploads(struct cuda_device *device)
{
    for (size_t i = 0; i < device->uploads.count; i++)
        release_slot(device, &device->uploads.slots[i]);
    free(device->uploads.slots);
    device->uploads = (struct cuda_uploads){0};
}
