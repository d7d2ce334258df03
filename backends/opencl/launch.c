/* Launches of a bound graph: kernels with their arguments set, and matrix products. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/opencl/opencl.h"
#include "core/base/error.h"
#include "core/base/memory.h"

enum { MAX_OPTIONS = 256 };

static mvad_status check(struct launch_call *call, const char *what, cl_int code)
{
    return code ? opencl_fail(opencl_device_of(call->device), what, code, call->error) : MVAD_OK;
}

static mvad_status begin_kernel(struct launch_call *call, enum launch_file file, const char *kernel,
                                int lanes, const char *option, int number)
{
    struct opencl_steps *steps = call->target;
    char text[MAX_OPTIONS];
    static const char *const storage[] = {[DTYPE_F32] = "",
                                          [DTYPE_F64] = " -DMVAD_DOUBLE",
                                          [DTYPE_F16] = " -DMVAD_HALF_STORAGE",
                                          [DTYPE_BF16] = " -DMVAD_BF16_STORAGE"};
    int length = snprintf(text, sizeof text, "-DLANES=%d%s", lanes, storage[call->graph->real]);
    if (option) snprintf(text + length, sizeof text - (size_t)length, " -D%s=%d", option, number);
    cl_program program;
    cl_int code = CL_SUCCESS;
    mvad_status status =
        opencl_program_get(opencl_device_of(call->device), file, text, &program, call->error);
    if (status) return status;
    if (steps->kernel) clReleaseKernel(steps->kernel); /* of a launch that had nothing to compute */
    steps->argument = 0;
    steps->kernel = clCreateKernel(program, kernel, &code);
    if (code) steps->kernel = NULL;
    return check(call, kernel, code);
}

static mvad_status set_argument(struct launch_call *call, const void *value, size_t bytes)
{
    struct opencl_steps *steps = call->target;
    return check(call, "setting a kernel's argument",
                 clSetKernelArg(steps->kernel, steps->argument++, bytes, value));
}

static mvad_status set_part(struct launch_call *call, void *buffer, size_t begin,
                            size_t element_bytes)
{
    (void)element_bytes;
    const cl_mem memory = buffer;
    const cl_ulong elements = begin;
    mvad_status status = set_argument(call, &memory, sizeof memory);
    return status ? status : set_argument(call, &elements, sizeof elements);
}

static mvad_status group_limit(struct launch_call *call, size_t *limit)
{
    const struct opencl_steps *steps = call->target;
    cl_device_id device = opencl_device_of(call->device)->place.device;
    return check(call, "asking for a kernel's group size",
                 clGetKernelWorkGroupInfo(steps->kernel, device, CL_KERNEL_WORK_GROUP_SIZE,
                                          sizeof *limit, limit, NULL));
}

static mvad_status append(struct launch_call *call, const struct opencl_step *step)
{
    struct opencl_steps *steps = call->target;
    if (!memory_grow((void **)&steps->step, &steps->capacity, steps->count, sizeof *steps->step))
        return error_out_of_memory(call->error, "kernel launches", sizeof *step);
    steps->step[steps->count++] = *step;
    return MVAD_OK;
}

static mvad_status launch(struct launch_call *call, int dimensions, const size_t global[3],
                          const size_t local[3])
{
    struct opencl_steps *steps = call->target;
    struct opencl_step step = {
        .node = call->index, .kernel = steps->kernel, .dimensions = (cl_uint)dimensions};
    for (int d = 0; d < dimensions; d++) {
        step.global[d] = global[d];
        step.local[d] = local[d];
    }
    mvad_status status = append(call, &step);
    if (!status) steps->kernel = NULL; /* the step's now */
    return status;
}

static mvad_status multiply(struct launch_call *call, const struct launch_product *product)
{
    struct opencl_step step = {.node = call->index, .product = malloc(sizeof *product)};
    if (!step.product) return error_out_of_memory(call->error, "matrix product", sizeof *product);
    *step.product = *product;
    mvad_status status = append(call, &step);
    if (status) free(step.product);
    return status;
}

void opencl_steps_release(struct opencl_steps *steps)
{
    for (size_t i = 0; i < steps->count; i++) {
        if (steps->step[i].kernel) clReleaseKernel(steps->step[i].kernel);
        free(steps->step[i].product);
    }
    if (steps->kernel) clReleaseKernel(steps->kernel);
    free(steps->step);
    *steps = (struct opencl_steps){0};
}

const struct launch_api opencl_launch_api = {
    .kernel = begin_kernel,
    .argument = set_argument,
    .part = set_part,
    .group_limit = group_limit,
    .launch = launch,
    .product = multiply,
    .conv_variant = opencl_variant_of,
};
