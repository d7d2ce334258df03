/* Launches of a bound graph: kernels with their arguments as bytes, and matrix products. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/ops.h"
#include "backends/launch/conv.h"
#include "core/base/error.h"
#include "core/base/memory.h"

static mvad_status check(struct launch_call *call, const char *what, CUresult code)
{
    return code ? cuda_fail(cuda_device_of(call->device), what, code, call->error) : MVAD_OK;
}

/* Whether the kernels of shared.cu were compiled with this number. */
static bool is_there(const char *option, int number)
{
    if (!option) return true;
    if (!strcmp(option, "GROUP")) return number == 16;
    if (!strcmp(option, "SELECT_ITEMS")) return number == 64;
    return !strcmp(option, "HEAD") && number <= 512;
}

static const char *module_of(const struct launch_call *call)
{
    static const char *const names[] = {
        [DTYPE_F32] = "f32", [DTYPE_F64] = "f64", [DTYPE_F16] = "f16", [DTYPE_BF16] = "bf16"};
    return names[call->graph->real];
}

static void begin(struct launch_call *call)
{
    struct cuda_steps *steps = call->target;
    struct cuda_step *next = &steps->next;
    /* Arguments of a launch that had nothing to compute. */
    if (next->kernel && next->first_argument < steps->argument_count) {
        steps->argument_count = next->first_argument;
        steps->byte_count = steps->argument[next->first_argument];
    }
    *next = (struct cuda_step){.node = call->index, .first_argument = steps->argument_count};
}

static mvad_status begin_kernel(struct launch_call *call, enum launch_file file, const char *kernel,
                                int lanes, const char *option, int number)
{
    (void)file;
    struct cuda_steps *steps = call->target;
    begin(call);
    if (lanes != 1 || !is_there(option, number))
        return error_set(call->error, MVAD_ERROR_UNSUPPORTED, "%s: no kernel %s for %s %d",
                         call->device->id, kernel, option ? option : "LANES",
                         option ? number : lanes);
    return cuda_kernel_get(cuda_device_of(call->device), module_of(call), kernel,
                           &steps->next.kernel, call->error);
}

static bool reserve(unsigned char **bytes, size_t *capacity, size_t wanted)
{
    if (wanted <= *capacity) return true;
    const size_t room = wanted < 4096 ? 4096 : 2 * wanted;
    unsigned char *larger = realloc(*bytes, room);
    if (!larger) return false;
    *bytes = larger;
    *capacity = room;
    return true;
}

static mvad_status set_argument(struct launch_call *call, const void *value, size_t bytes)
{
    struct cuda_steps *steps = call->target;
    const size_t room = size_align(bytes, 8);
    if (!memory_grow((void **)&steps->argument, &steps->argument_capacity, steps->argument_count,
                     sizeof *steps->argument) ||
        !reserve(&steps->bytes, &steps->byte_capacity, steps->byte_count + room))
        return error_out_of_memory(call->error, "kernel arguments", bytes);
    memcpy(steps->bytes + steps->byte_count, value, bytes);
    steps->argument[steps->argument_count++] = steps->byte_count;
    steps->byte_count += room;
    return MVAD_OK;
}

static mvad_status set_part(struct launch_call *call, void *buffer, size_t begin,
                            size_t element_bytes)
{
    (void)element_bytes;
    const CUdeviceptr pointer = cuda_pointer(buffer, 0);
    const uint64_t elements = begin;
    mvad_status status = set_argument(call, &pointer, sizeof pointer);
    return status ? status : set_argument(call, &elements, sizeof elements);
}

static mvad_status group_limit(struct launch_call *call, size_t *limit)
{
    const struct cuda_steps *steps = call->target;
    int threads = 0;
    CUresult code = cuda_device_of(call->device)
                        ->driver->cuFuncGetAttribute(
                            &threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, steps->next.kernel);
    *limit = (size_t)threads;
    return check(call, "asking for a kernel's group size", code);
}

static mvad_status append(struct launch_call *call, const struct cuda_step *step)
{
    struct cuda_steps *steps = call->target;
    if (!memory_grow((void **)&steps->step, &steps->capacity, steps->count, sizeof *steps->step))
        return error_out_of_memory(call->error, "kernel launches", sizeof *step);
    steps->step[steps->count++] = *step;
    return MVAD_OK;
}

/* The driver copies as many bytes as the kernel was compiled with: fewer would be read past their end. */
static mvad_status check_arguments(struct launch_call *call)
{
    const struct cuda_driver *driver = cuda_device_of(call->device)->driver;
    const struct cuda_steps *steps = call->target;
    const struct cuda_step *next = &steps->next;
    size_t offset, bytes;
    bool right = true;
    for (size_t i = 0; i < next->argument_count && right; i++) {
        const size_t at = next->first_argument + i;
        const size_t end =
            at + 1 < steps->argument_count ? steps->argument[at + 1] : steps->byte_count;
        right = !driver->cuFuncGetParamInfo(next->kernel, i, &offset, &bytes) &&
                size_align(bytes, 8) == end - steps->argument[at];
    }
    if (right && driver->cuFuncGetParamInfo(next->kernel, next->argument_count, &offset, &bytes))
        return MVAD_OK;
    return error_set(call->error, MVAD_ERROR_DEVICE,
                     "%s: a kernel of %s has other parameters than this build gives it",
                     call->device->id, op_name(call->node->op));
}

static mvad_status end(struct launch_call *call)
{
    struct cuda_steps *steps = call->target;
    steps->next.argument_count = steps->argument_count - steps->next.first_argument;
    mvad_status status = check_arguments(call);
    if (!status) status = append(call, &steps->next);
    steps->next = (struct cuda_step){0};
    return status;
}

static mvad_status launch(struct launch_call *call, int dimensions, const size_t global[3],
                          const size_t local[3])
{
    struct cuda_steps *steps = call->target;
    struct cuda_step *next = &steps->next;
    for (int d = 0; d < 3; d++) {
        const size_t groups = d < dimensions ? global[d] / local[d] : 1;
        if (groups > INT32_MAX)
            return error_set(call->error, MVAD_ERROR_UNSUPPORTED,
                             "%s: %s needs more than 2^31 groups", call->device->id,
                             op_name(call->node->op));
        next->grid[d] = (unsigned)groups;
        next->block[d] = d < dimensions ? (unsigned)local[d] : 1;
    }
    return end(call);
}

/* ---- CUDA's own kernels ---- */

void cuda_own_begin(struct launch_call *call, const char *module, const struct cuda_launch *launch)
{
    struct cuda_steps *steps = call->target;
    if (call->status) return;
    begin(call);
    for (int d = 0; d < 3; d++) {
        steps->next.grid[d] = launch->grid[d];
        steps->next.block[d] = launch->block[d];
    }
    steps->next.shared_bytes = launch->shared_bytes;
    call->status = cuda_kernel_get(cuda_device_of(call->device), module, launch->kernel,
                                   &steps->next.kernel, call->error);
}

void cuda_own_value(struct launch_call *call, const struct value *value)
{
    const CUdeviceptr pointer =
        value ? cuda_pointer(call->segments[value->segment], value->offset) : 0;
    launch_struct(call, &pointer, sizeof pointer);
}

void cuda_own_scratch(struct launch_call *call, size_t offset)
{
    const CUdeviceptr pointer =
        cuda_pointer(call->segments[SEGMENT_ARENA], call->workspace + offset);
    launch_struct(call, &pointer, sizeof pointer);
}

void cuda_own_end(struct launch_call *call)
{
    const struct cuda_steps *steps = call->target;
    if (call->status) return;
    /* Nothing to compute. */
    if (!steps->next.grid[0] || !steps->next.grid[1] || !steps->next.grid[2]) return;
    const unsigned *block = steps->next.block;
    const size_t threads = (size_t)block[0] * block[1] * block[2];
    size_t limit = 0;
    call->status = group_limit(call, &limit);
    if (!call->status && threads > limit)
        call->status = error_set(call->error, MVAD_ERROR_UNSUPPORTED,
                                 "%s: %s needs blocks of %zu threads; the device allows %zu",
                                 call->device->id, op_name(call->node->op), threads, limit);
    if (!call->status) call->status = end(call);
}

static mvad_status multiply(struct launch_call *call, const struct launch_product *product)
{
    const struct cuda_step step = {.node = call->index, .product = *product};
    return append(call, &step);
}

/* cuBLAS wherever it can; the tiled kernels for what has no matrix of columns. */
static enum launch_variant variant_of(const struct launch_call *call)
{
    const enum op op = call->node->op;
    if (op == OP_CONV2D_GRAD_WEIGHT || op == OP_CONVT2X2_GRAD_WEIGHT) return LAUNCH_VARIANT_BLAS;
    return conv_can(call, LAUNCH_VARIANT_BLAS) ? LAUNCH_VARIANT_BLAS : LAUNCH_VARIANT_TILED;
}

const struct launch_api cuda_launch_api = {
    .kernel = begin_kernel,
    .argument = set_argument,
    .part = set_part,
    .group_limit = group_limit,
    .launch = launch,
    .product = multiply,
    .conv_variant = variant_of,
};

mvad_status cuda_step_run(struct cuda_device *device, CUstream stream,
                          const struct cuda_steps *steps, const struct cuda_step *step,
                          const char *what, mvad_error *error)
{
    enum { MAX_ARGUMENTS = 64 };
    void *arguments[MAX_ARGUMENTS];
    if (!step->kernel) return cuda_product_run(device, stream, &step->product, error);
    if (step->argument_count > MAX_ARGUMENTS)
        return error_set(error, MVAD_ERROR_DEVICE, "%s: %s: too many arguments", device->launch.id,
                         what);
    for (size_t i = 0; i < step->argument_count; i++)
        arguments[i] = steps->bytes + steps->argument[step->first_argument + i];
    CUresult code = device->driver->cuLaunchKernel(
        step->kernel, step->grid[0], step->grid[1], step->grid[2], step->block[0], step->block[1],
        step->block[2], step->shared_bytes, stream, arguments, NULL);
    return code ? cuda_fail(device, what, code, error) : MVAD_OK;
}

void cuda_steps_release(struct cuda_steps *steps)
{
    free(steps->step);
    free(steps->bytes);
    free(steps->argument);
    *steps = (struct cuda_steps){0};
}
