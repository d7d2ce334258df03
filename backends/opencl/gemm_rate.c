/* The device's own matrix product, the yardstick of benchmarks: CLBlast's on a GPU. On a processor it is
 * the 1x1 convolution, which multiplies the same matrices: CLBlast takes some 20 seconds there to
 * compile and reached a tenth of its rate. */
#include <stdlib.h>

#include "backends/opencl/run.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/median.h"
#include "core/base/memory.h"
#include "core/graph/builder.h"
#include "core/graph/executor.h"

extern const struct backend opencl_backend;

/* One product a run; its matrices are zero, which takes as long as any numbers. */
static mvad_status build_product(struct mvad_device *handle, enum dtype real, int64_t size,
                                 struct executor **executor, mvad_error *error)
{
    struct graph graph;
    graph_init(&graph, real);
    const value_id rows = graph_input(&graph, "rows", real, (int64_t[4]){1, 1, size, size});
    const value_id columns = graph_constant(&graph, "columns", (int64_t[4]){size, 1, 1, size});
    graph_output(&graph, graph_conv2d(&graph, rows, columns, VALUE_NONE, 1, 0), "product");
    mvad_status status = graph_status(&graph, error);
    if (status) {
        graph_free(&graph);
        return status;
    }
    return executor_create(handle, &graph, executor, error);
}

/* CLBlast's product of matrices in one zeroed buffer. */
static mvad_status blas_buffer(struct opencl_device *device, enum dtype real, int64_t size,
                               cl_mem *buffer, mvad_error *error)
{
    const size_t bytes = 3 * (size_t)size * (size_t)size * dtype_bytes(real);
    const cl_float zero = 0;
    cl_int code = CL_SUCCESS;
    *buffer = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (!code)
        code = clEnqueueFillBuffer(device->queue, *buffer, &zero, sizeof zero, 0, bytes, 0, NULL,
                                   NULL);
    return code ? opencl_fail(device, "a matrix product", code, error) : MVAD_OK;
}

/* 16-bit values are computed with in float. */
mvad_status opencl_gemm_rate(void *state, mvad_precision precision, int64_t size, int32_t repeats,
                             double *macs_per_second, mvad_error *error)
{
    struct opencl_device *device = state;
    struct mvad_device handle = {.backend = &opencl_backend, .state = device};
    struct executor *executor = NULL;
    cl_mem buffer = NULL;
    const enum dtype real = precision == MVAD_PRECISION_F64 ? DTYPE_F64 : DTYPE_F32;
    if (precision == MVAD_PRECISION_TF32 || (real == DTYPE_F64 && !device->launch.fp64))
        return error_set(error, MVAD_ERROR_UNSUPPORTED, "%s: does not have this precision",
                         device->launch.id);
    double *seconds = malloc((size_t)repeats * sizeof *seconds);
    if (!seconds) return error_out_of_memory(error, "matrix product", sizeof *seconds);
    mvad_status status = device->launch.processor
                             ? build_product(&handle, real, size, &executor, error)
                             : blas_buffer(device, real, size, &buffer, error);
    const size_t count = (size_t)size * (size_t)size;
    const struct launch_product product = {.a = {buffer, 0, size, false, real},
                                           .b = {buffer, count, size, false, real},
                                           .c = {buffer, 2 * count, size, false, real},
                                           .rows = size,
                                           .columns = size,
                                           .depth = size};
    for (int32_t r = -1; r < repeats && !status; r++) { /* the first run builds and warms up */
        const double start = clock_seconds();
        status = executor ? executor_run(executor, NULL, error)
                          : opencl_product_run(device, device->queue, &product, NULL, error);
        if (!status) status = opencl_sync(device, error);
        if (r >= 0) seconds[r] = clock_seconds() - start;
    }
    if (!status)
        *macs_per_second =
            (double)size * (double)size * (double)size / median_sorted(seconds, (size_t)repeats);
    executor_destroy(executor);
    if (buffer) clReleaseMemObject(buffer);
    free(seconds);
    return status;
}
