/* The device's own copy between buffers, the yardstick of ops that move more than they compute. */
#include <stdlib.h>

#include "backends/opencl/run.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/median.h"

mvad_status opencl_copy_rate(void *state, size_t bytes, int32_t repeats, double *bytes_per_second,
                             mvad_error *error)
{
    struct opencl_device *device = state;
    const cl_uchar filling = 1;
    cl_mem buffers[2] = {NULL, NULL};
    cl_int code = CL_SUCCESS;
    double *seconds = malloc((size_t)repeats * sizeof *seconds);
    if (!seconds) return error_out_of_memory(error, "copy", (size_t)repeats * sizeof *seconds);
    for (int i = 0; i < 2 && !code; i++) {
        buffers[i] = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
        if (!code)
            code = clEnqueueFillBuffer(device->queue, buffers[i], &filling, sizeof filling, 0,
                                       bytes, 0, NULL, NULL);
    }
    if (!code) code = clFinish(device->queue);
    for (int32_t r = -1; r < repeats && !code; r++) { /* the first run warms up */
        const double start = clock_seconds();
        code =
            clEnqueueCopyBuffer(device->queue, buffers[0], buffers[1], 0, 0, bytes, 0, NULL, NULL);
        if (!code) code = clFinish(device->queue);
        if (r >= 0) seconds[r] = clock_seconds() - start;
    }
    if (!code) *bytes_per_second = 2 * (double)bytes / median_sorted(seconds, (size_t)repeats);
    for (int i = 0; i < 2; i++)
        if (buffers[i]) clReleaseMemObject(buffers[i]);
    free(seconds);
    return code ? opencl_fail(device, "a copy", code, error) : error_clear(error);
}
