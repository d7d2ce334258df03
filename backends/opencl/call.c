/* From a node to launches: arguments and sizes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/opencl/opencl.h"
#include "core/base/error.h"
#include "core/base/memory.h"

enum { MAX_OPTIONS = 256 };

size_t opencl_real_bytes(const struct opencl_call *call)
{
    return call->graph->real == DTYPE_F64 ? sizeof(double) : sizeof(float);
}

size_t opencl_stored_bytes(const struct opencl_call *call)
{
    return dtype_bytes(call->graph->real);
}

int opencl_lanes(const struct opencl_call *call, int64_t channels)
{
    return call->device->processor && channels % 8 == 0 ? 8 : 1;
}

static void fail(struct opencl_call *call, const char *what, cl_int code)
{
    if (!call->status && code) call->status = opencl_fail(call->device, what, code, call->error);
}

void opencl_kernel(struct opencl_call *call, enum opencl_file file, const char *kernel, int lanes,
                   const char *options)
{
    if (call->status) return;
    char text[MAX_OPTIONS];
    snprintf(text, sizeof text, "-DLANES=%d%s%s%s%s", lanes,
             call->graph->real == DTYPE_F64 ? " -DMVAD_DOUBLE" : "",
             call->graph->real == DTYPE_F16 ? " -DMVAD_HALF_STORAGE" : "", options ? " " : "",
             options ? options : "");
    cl_program program;
    cl_int code = CL_SUCCESS;
    call->argument = 0;
    call->status = opencl_program_get(call->device, file, text, &program, call->error);
    if (call->status) return;
    if (call->kernel) clReleaseKernel(call->kernel); /* of a launch that had nothing to compute */
    call->kernel = clCreateKernel(program, kernel, &code);
    if (code) call->kernel = NULL;
    fail(call, kernel, code);
}

void opencl_struct(struct opencl_call *call, const void *value, size_t bytes)
{
    if (call->status) return;
    fail(call, "setting a kernel's argument",
         clSetKernelArg(call->kernel, call->argument++, bytes, value));
}

static void set_part(struct opencl_call *call, cl_mem buffer, cl_ulong begin)
{
    opencl_struct(call, &buffer, sizeof buffer);
    opencl_struct(call, &begin, sizeof begin);
}

void opencl_value(struct opencl_call *call, const struct value *value)
{
    if (!value)
        set_part(call, NULL, 0);
    else
        set_part(call, call->segments[value->segment], value->offset / dtype_bytes(value->dtype));
}

void opencl_scratch(struct opencl_call *call, size_t offset, size_t element_bytes)
{
    set_part(call, call->segments[SEGMENT_ARENA], (call->workspace + offset) / element_bytes);
}

void opencl_int(struct opencl_call *call, int64_t value)
{
    const cl_int number = (cl_int)value;
    opencl_struct(call, &number, sizeof number);
}

void opencl_ulong(struct opencl_call *call, int64_t value)
{
    const cl_ulong number = (cl_ulong)value;
    opencl_struct(call, &number, sizeof number);
}

void opencl_real(struct opencl_call *call, double value)
{
    const float number = (float)value;
    if (call->graph->real == DTYPE_F64)
        opencl_struct(call, &value, sizeof value);
    else
        opencl_struct(call, &number, sizeof number);
}

static void append(struct opencl_call *call, const struct opencl_step *step)
{
    struct opencl_steps *steps = call->steps;
    if (memory_grow((void **)&steps->step, &steps->capacity, steps->count, sizeof *steps->step))
        steps->step[steps->count++] = *step;
    else
        call->status = error_out_of_memory(call->error, "kernel launches", sizeof *step);
}

/* How many work items a group of the kernel may have on this device. */
static size_t group_limit(struct opencl_call *call)
{
    size_t limit = 0;
    cl_int code = clGetKernelWorkGroupInfo(call->kernel, call->device->place.device,
                                           CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit, NULL);
    fail(call, "asking for a kernel's group size", code);
    return limit < 1 ? 1 : limit;
}

void opencl_launch_groups(struct opencl_call *call, cl_uint dimensions, const size_t global[3],
                          const size_t local[3])
{
    if (call->status) return;
    size_t items = 1;
    const size_t limit = group_limit(call);
    for (cl_uint d = 0; local && d < dimensions; d++) items *= local[d];
    if (items > limit) {
        call->status = error_set(call->error, MVAD_ERROR_UNSUPPORTED,
                                 "%s: %s needs groups of %zu work items; the device allows %zu",
                                 call->device->id, op_name(call->node->op), items, limit);
        return;
    }
    struct opencl_step step = {
        .node = call->index, .kernel = call->kernel, .dimensions = dimensions, .grouped = local};
    for (cl_uint d = 0; d < dimensions; d++) {
        if (!global[d]) return; /* nothing to compute */
        step.global[d] = local ? size_align(global[d], local[d]) : global[d];
        step.local[d] = local ? local[d] : 0;
    }
    append(call, &step);
    if (!call->status) call->kernel = NULL; /* the step's now */
}

/* Work items of a group along dimension 0, at most `most`. */
static size_t group_width(struct opencl_call *call, size_t most)
{
    const size_t limit = group_limit(call);
    while (most > limit) most /= 2;
    return most;
}

void opencl_launch_3d(struct opencl_call *call, int64_t x, int64_t y, int64_t z)
{
    enum { WIDTH = 64 };
    if (call->status) return;
    size_t width = group_width(call, WIDTH);
    while (width > 1 && width / 2 >= (size_t)x) width /= 2;
    const size_t global[3] = {(size_t)x, (size_t)y, (size_t)z}, local[3] = {width, 1, 1};
    opencl_launch_groups(call, 3, global, local);
}

void opencl_launch_1d(struct opencl_call *call, int64_t count)
{
    enum { WIDTH = 256 };
    if (call->status) return;
    const size_t local[3] = {group_width(call, WIDTH)}, global[3] = {(size_t)count};
    opencl_launch_groups(call, 1, global, local);
}

/* ---- matrix products ---- */

struct opencl_operand opencl_operand(struct opencl_call *call, const struct value *value,
                                     int64_t skip, int64_t stride, bool transposed)
{
    return (struct opencl_operand){call->segments[value->segment],
                                   value->offset / dtype_bytes(value->dtype) + (size_t)skip, stride,
                                   transposed};
}

struct opencl_operand opencl_scratch_operand(struct opencl_call *call, size_t offset,
                                             int64_t stride, bool transposed)
{
    return (struct opencl_operand){call->segments[SEGMENT_ARENA],
                                   (call->workspace + offset) / opencl_stored_bytes(call), stride,
                                   transposed};
}

void opencl_product(struct opencl_call *call, const struct opencl_product *product)
{
    if (call->status) return;
    struct opencl_step step = {.node = call->index, .product = malloc(sizeof *product)};
    if (!step.product) {
        call->status = error_out_of_memory(call->error, "matrix product", sizeof *product);
        return;
    }
    *step.product = *product;
    append(call, &step);
    if (call->status) free(step.product);
}
