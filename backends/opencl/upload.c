/* Copies to the device beside a run: from the host into a buffer of their own through a queue of their own, and from there into
 * their place at the beginning of the next run, which is a copy within the device. */
#include "backends/opencl/opencl.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"

/* One value on its way. `pinned` is host memory the device can read by itself; `staged` is on the device. Slots are used again in
 * every step: the same values are staged in each. */
struct opencl_upload {
    cl_mem pinned, staged;
    void *mapped;   /* pinned, as the host sees it */
    size_t room;    /* bytes of both buffers */
    cl_event moved; /* the last copy out of `staged`; NULL: none yet */

    cl_mem target; /* NULL: nothing is on its way */
    size_t offset, bytes;
    cl_event arrived; /* the copy into `staged` */
};

static void release_event(cl_event *event)
{
    if (*event) clReleaseEvent(*event);
    *event = NULL;
}

static void release_slot(struct opencl_device *device, struct opencl_upload *slot)
{
    if (slot->mapped)
        clEnqueueUnmapMemObject(device->uploads.queue, slot->pinned, slot->mapped, 0, NULL, NULL);
    clFinish(device->uploads.queue);
    clFinish(device->queue);
    release_event(&slot->moved);
    release_event(&slot->arrived);
    if (slot->pinned) clReleaseMemObject(slot->pinned);
    if (slot->staged) clReleaseMemObject(slot->staged);
    device->allocated -= slot->room;
    *slot = (struct opencl_upload){0};
}

static mvad_status make_room(struct opencl_device *device, struct opencl_upload *slot, size_t bytes,
                             mvad_error *error)
{
    cl_int code = CL_SUCCESS;
    if (slot->room >= bytes) return MVAD_OK;
    release_slot(device, slot);
    slot->pinned = clCreateBuffer(device->context, CL_MEM_READ_ONLY | CL_MEM_ALLOC_HOST_PTR, bytes,
                                  NULL, &code);
    if (!code)
        slot->staged = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (!code)
        slot->mapped = clEnqueueMapBuffer(device->uploads.queue, slot->pinned, CL_TRUE,
                                          CL_MAP_WRITE, 0, bytes, 0, NULL, NULL, &code);
    if (code) {
        slot->mapped = NULL;
        release_slot(device, slot);
        return opencl_fail(device, "memory for uploads", code, error);
    }
    slot->room = bytes;
    device->allocated += bytes;
    return MVAD_OK;
}

/* The slot that has this value on its way already, or a free one, if possible one with room. */
static mvad_status find_slot(struct opencl_device *device, cl_mem target, size_t offset,
                             size_t bytes, struct opencl_upload **found, mvad_error *error)
{
    struct opencl_uploads *uploads = &device->uploads;
    struct opencl_upload *slot = NULL;
    for (size_t i = 0; i < uploads->count; i++) {
        struct opencl_upload *candidate = &uploads->slots[i];
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
            return error_out_of_memory(error, "uploads", (uploads->count + 1) * sizeof *slot);
        slot = &uploads->slots[uploads->count++];
        *slot = (struct opencl_upload){0};
    }
    *found = slot;
    return MVAD_OK;
}

mvad_status opencl_stage(void *state, void *buffer, size_t offset, const void *data, size_t bytes,
                         mvad_error *error)
{
    struct opencl_device *device = state;
    struct opencl_upload *slot = NULL;
    cl_int code = CL_SUCCESS;
    if (!bytes) return error_clear(error);
    if (!device->uploads.queue)
        device->uploads.queue =
            clCreateCommandQueue(device->context, device->place.device, 0, &code);
    if (code) return opencl_fail(device, "a queue for uploads", code, error);
    mvad_status status = find_slot(device, buffer, offset, bytes, &slot, error);
    /* The host waits only where an earlier copy still reads the pinned memory. */
    if (!status && slot->arrived) code = clWaitForEvents(1, &slot->arrived);
    if (!status && !code) status = make_room(device, slot, bytes, error);
    if (status) return status;
    release_event(&slot->arrived);
    if (!code) {
        memcpy(slot->mapped, data, bytes);
        code = clEnqueueWriteBuffer(device->uploads.queue, slot->staged, CL_FALSE, 0, bytes,
                                    slot->mapped, slot->moved ? 1 : 0,
                                    slot->moved ? &slot->moved : NULL, &slot->arrived);
    }
    if (!code) code = clFlush(device->uploads.queue);
    if (code) return opencl_fail(device, "uploading", code, error);
    slot->target = buffer;
    slot->offset = offset;
    slot->bytes = bytes;
    return error_clear(error);
}

mvad_status opencl_place_uploads(struct opencl_device *device, mvad_error *error)
{
    for (size_t i = 0; i < device->uploads.count; i++) {
        struct opencl_upload *slot = &device->uploads.slots[i];
        if (!slot->target) continue;
        release_event(&slot->moved);
        cl_int code =
            clEnqueueCopyBuffer(device->queue, slot->staged, slot->target, 0, slot->offset,
                                slot->bytes, 1, &slot->arrived, &slot->moved);
        slot->target = NULL;
        if (code) return opencl_fail(device, "putting an upload in its place", code, error);
    }
    return MVAD_OK;
}

void opencl_forget_uploads(struct opencl_device *device, cl_mem target)
{
    for (size_t i = 0; i < device->uploads.count; i++)
        if (device->uploads.slots[i].target == target) device->uploads.slots[i].target = NULL;
}

void opencl_end_uploads(struct opencl_device *device)
{
    for (size_t i = 0; i < device->uploads.count; i++)
        release_slot(device, &device->uploads.slots[i]);
    free(device->uploads.slots);
    if (device->uploads.queue) clReleaseCommandQueue(device->uploads.queue);
    device->uploads = (struct opencl_uploads){0};
}
