/* Yardsticks of benchmarks: the rates of cuBLAS's product and of a copy within the device's memory. */
#include <stdlib.h>

#include "backends/cuda/run.h"
#include "core/base/error.h"
#include "core/base/median.h"

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

/* Random numbers between 0.5 and 1 and between -1 and -0.5, as words: a device that multiplies zeros draws less power
 * and keeps a higher clock. */
struct word_pattern {
    uint32_t fixed[2],
        random[2]; /* of every other word: the bits that are set, and those that differ */
};
static const struct word_pattern patterns[] = {
    [DTYPE_F32] = {{0x3F000000, 0x3F000000}, {0x807FFFFF, 0x807FFFFF}},
    [DTYPE_F64] = {{0, 0x3FE00000}, {0xFFFFFFFF, 0x800FFFFF}},
    [DTYPE_F16] = {{0x38003800, 0x38003800}, {0x83FF83FF, 0x83FF83FF}},
    [DTYPE_BF16] = {{0x3F003F00, 0x3F003F00}, {0x807F807F, 0x807F807F}},
};

static CUresult fill(struct cuda_device *device, CUdeviceptr memory, size_t bytes,
                     const struct word_pattern *pattern)
{
    enum { WORDS = 1 << 18 };
    uint32_t *words = malloc(WORDS * sizeof *words), state = 2463534242u;
    CUresult code = words ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
    for (int i = 0; words && i < WORDS; i++) { /* Marsaglia, "Xorshift RNGs", 2003 */
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        words[i] = pattern->fixed[i % 2] | (state & pattern->random[i % 2]);
    }
    for (size_t at = 0; at < bytes && !code; at += WORDS * sizeof *words) {
        const size_t left = bytes - at, chunk = WORDS * sizeof *words;
        code = device->driver->cuMemcpyHtoDAsync(memory + at, words, left < chunk ? left : chunk,
                                                 device->stream);
    }
    if (!code) code = device->driver->cuStreamSynchronize(device->stream);
    free(words);
    return code;
}

/* Allocates memory, times the work on it and frees it. */
static mvad_status
time_on(struct cuda_device *device, size_t bytes, enum dtype dtype, CUdeviceptr *memory,
        mvad_status (*work)(struct cuda_device *device, const void *user, mvad_error *error),
        const void *user, int32_t repeats, double *seconds, mvad_error *error)
{
    const struct cuda_driver *driver = device->driver;
    CUresult code = driver->cuMemAlloc(memory, bytes);
    if (code) return cuda_fail(device, "memory for a measurement", code, error);
    code = fill(device, *memory, bytes, &patterns[dtype]);
    mvad_status status = code ? cuda_fail(device, "measuring", code, error)
                              : time_work(device, work, user, repeats, seconds, error);
    driver->cuStreamSynchronize(device->stream);
    driver->cuMemFree(*memory);
    return status;
}

struct products {
    CUdeviceptr memory; /* three matrices */
    int64_t size;
    enum dtype dtype;
    bool tf32;
};

static mvad_status multiply(struct cuda_device *device, const void *user, mvad_error *error)
{
    const struct products *p = user;
    const size_t count = (size_t)p->size * (size_t)p->size;
    void *buffer = cuda_buffer(p->memory);
    const struct launch_product product = {.a = {buffer, 0, p->size, false, p->dtype},
                                           .b = {buffer, count, p->size, false, p->dtype},
                                           .c = {buffer, 2 * count, p->size, false, p->dtype},
                                           .rows = p->size,
                                           .columns = p->size,
                                           .depth = p->size,
                                           .tf32 = p->tf32};
    return cuda_product_run(device, device->stream, &product, error);
}

static enum dtype dtype_of(mvad_precision precision)
{
    switch (precision) {
    case MVAD_PRECISION_F64: return DTYPE_F64;
    case MVAD_PRECISION_F16: return DTYPE_F16;
    case MVAD_PRECISION_BF16: return DTYPE_BF16;
    default: return DTYPE_F32;
    }
}

mvad_status cuda_gemm_rate(void *state, mvad_precision precision, int64_t size, int32_t repeats,
                           double *macs_per_second, mvad_error *error)
{
    struct cuda_device *device = state;
    struct products products = {
        .size = size, .dtype = dtype_of(precision), .tf32 = precision == MVAD_PRECISION_TF32};
    double seconds = 0;
    mvad_status status = cuda_enter(device, error);
    if (status) return status;
    const size_t bytes = 3 * (size_t)size * (size_t)size * dtype_bytes(products.dtype);
    status = time_on(device, bytes, products.dtype, &products.memory, multiply, &products, repeats,
                     &seconds, error);
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
    status = time_on(device, 2 * bytes, DTYPE_F32, &copies.memory, copy, &copies, repeats, &seconds,
                     error);
    cuda_leave(device);
    if (status) return status;
    *bytes_per_second = 2 * (double)bytes / seconds;
    return error_clear(error);
}
