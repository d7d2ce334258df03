/* Yardsticks of benchmarks: the rates of cuBLAS's product and of a copy within the device's memory. */
#include <stdlib.h>

#include "backends/cuda/run.h"
#include "core/base/error.h"
#include "core/base/median.h"

enum { MAX_REPEATS = 1000 };

/* Seconds of `work` on the device, timed by events; the first run warms up. */
static mvad_status time_work(struct cuda_device *device,
                             mvad_status (*work)(struct cuda_device *device, const void *user,
                                                 mvad_error *error),
                             const void *user, int32_t repeats, double *seconds, mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    CUevent event[2] = {NULL, NULL};
    CUresult code = CUDA_SUCCESS;
    mvad_status status = MVAD_OK;
    double *times = malloc((size_t)repeats * sizeof *times);
    if (!times) return error_out_of_memory(error, "measurement", (size_t)repeats * sizeof *times);
    for (int i = 0; i < 2 && !code; i++) code = driver->cuEventCreate(&event[i], CU_EVENT_DEFAULT);
    for (int32_t r = -1; r < repeats && !code && !status; r++) {
        float milliseconds = 0;
        code = driver->cuEventRecord(event[0], device->stream);
        if (!code) status = work(device, user, error);
        if (!code && !status) code = driver->cuEventRecord(event[1], device->stream);
        if (!code && !status) code = driver->cuEventSynchronize(event[1]);
        if (!code && !status) code = driver->cuEventElapsedTime(&milliseconds, event[0], event[1]);
        if (r >= 0) times[r] = (double)milliseconds * 1e-3;
    }
    if (code && !status) status = cuda_fail(device, "measuring", code, error);
    if (!status) *seconds = median_sorted(times, (size_t)repeats);
    for (int i = 0; i < 2; i++)
        if (event[i]) driver->cuEventDestroy(event[i]);
    free(times);
    return status;
}

/* Allocates cleared memory, times the work on it and frees it. */
static mvad_status time_on(struct cuda_device *device, size_t bytes, CUdeviceptr *memory,
                           mvad_status (*work)(struct cuda_device *device, const void *user,
                                               mvad_error *error),
                           const void *user, int32_t repeats, double *seconds, mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    CUresult code = driver->cuMemAlloc(memory, bytes);
    if (code) return cuda_fail(device, "memory for a measurement", code, error);
    code = driver->cuMemsetD8Async(*memory, 0, bytes, device->stream);
    mvad_status status = code ? cuda_fail(device, "measuring", code, error)
                              : time_work(device, work, user, repeats, seconds, error);
    driver->cuStreamSynchronize(device->stream);
    driver->cuMemFree(*memory);
    return status;
}

struct products {
    CUdeviceptr memory; /* three matrices of zeros, which take as long as any numbers */
    int64_t size;
};

static mvad_status multiply(struct cuda_device *device, const void *user, mvad_error *error)
{
    const struct products *p = user;
    const size_t count = (size_t)p->size * (size_t)p->size;
    void *buffer = cuda_buffer(p->memory);
    const struct launch_product product = {.a = {buffer, 0, p->size, false, DTYPE_F32},
                                           .b = {buffer, count, p->size, false, DTYPE_F32},
                                           .c = {buffer, 2 * count, p->size, false, DTYPE_F32},
                                           .rows = p->size,
                                           .columns = p->size,
                                           .depth = p->size};
    return cuda_product_run(device, device->stream, &product, error);
}

mvad_status cuda_gemm_rate(void *state, int64_t size, int32_t repeats, double *macs_per_second,
                           mvad_error *error)
{
    struct cuda_device *device = state;
    struct products products = {.size = size};
    double seconds = 0;
    if (size < 1 || size > 16384 || repeats < 1 || repeats > MAX_REPEATS)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "matrix product: size 1 to 16384, repeats 1 to 1000");
    mvad_status status = cuda_enter(device, error);
    if (status) return status;
    const size_t bytes = 3 * (size_t)size * (size_t)size * sizeof(float);
    status =
        time_on(device, bytes, &products.memory, multiply, &products, repeats, &seconds, error);
    cuda_leave(device);
    if (status) return status;
    *macs_per_second = (double)size * (double)size * (double)size / seconds;
    return error_clear(error);
}

struct copies {
    CUdeviceptr memory; /* source, then target */
    size_t bytes;
};

static mvad_status copy(struct cuda_device *device, const void *user, mvad_error *error)
{
    const struct copies *c = user;
    CUresult code = device->driver->cuMemcpyDtoDAsync(c->memory + c->bytes, c->memory, c->bytes,
                                                      device->stream);
    return code ? cuda_fail(device, "a copy", code, error) : MVAD_OK;
}

mvad_status cuda_copy_rate(void *state, size_t bytes, int32_t repeats, double *bytes_per_second,
                           mvad_error *error)
{
    struct cuda_device *device = state;
    struct copies copies = {.bytes = bytes};
    double seconds = 0;
    mvad_status status = cuda_enter(device, error);
    if (status) return status;
    status = time_on(device, 2 * bytes, &copies.memory, copy, &copies, repeats, &seconds, error);
    cuda_leave(device);
    if (status) return status;
    *bytes_per_second = 2 * (double)bytes / seconds;
    return error_clear(error);
}
