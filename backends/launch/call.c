/* The arguments and sizes of a launch. */
#include "backends/launch/launch.h"
#include "core/base/error.h"
#include "core/base/memory.h"

size_t launch_real_bytes(const struct launch_call *call)
{
    return call->graph->real == DTYPE_F64 ? sizeof(double) : sizeof(float);
}

size_t launch_stored_bytes(const struct launch_call *call)
{
    return dtype_bytes(call->graph->real);
}

/* As RUN in kernels/runs.h. */
static int64_t run_length(const struct launch_call *call)
{
    return launch_stored_bytes(call) == 2 ? 8 : 4;
}

int64_t launch_runs(const struct launch_call *call, int64_t elements)
{
    return divide_up(elements, run_length(call));
}

int launch_lanes(const struct launch_call *call, int64_t channels)
{
    return call->device->processor && channels % 8 == 0 ? 8 : 1;
}

void launch_kernel(struct launch_call *call, enum launch_file file, const char *kernel, int lanes,
                   const char *option, int number)
{
    if (call->status) return;
    call->status = call->device->api->kernel(call, file, kernel, lanes, option, number);
}

void launch_struct(struct launch_call *call, const void *value, size_t bytes)
{
    if (call->status) return;
    call->status = call->device->api->argument(call, value, bytes);
}

static void set_part(struct launch_call *call, void *buffer, size_t begin, size_t element_bytes)
{
    if (call->status) return;
    call->status = call->device->api->part(call, buffer, begin, element_bytes);
}

void launch_value(struct launch_call *call, const struct value *value)
{
    if (!value) {
        set_part(call, NULL, 0, 1);
        return;
    }
    const size_t bytes = dtype_bytes(value->dtype);
    set_part(call, call->segments[value->segment], value->offset / bytes, bytes);
}

void launch_scratch(struct launch_call *call, size_t offset, size_t element_bytes)
{
    set_part(call, call->segments[SEGMENT_ARENA], (call->workspace + offset) / element_bytes,
             element_bytes);
}

void launch_int(struct launch_call *call, int64_t value)
{
    const int32_t number = (int32_t)value;
    launch_struct(call, &number, sizeof number);
}

void launch_ulong(struct launch_call *call, int64_t value)
{
    const uint64_t number = (uint64_t)value;
    launch_struct(call, &number, sizeof number);
}

void launch_real(struct launch_call *call, double value)
{
    const float number = (float)value;
    if (call->graph->real == DTYPE_F64)
        launch_struct(call, &value, sizeof value);
    else
        launch_struct(call, &number, sizeof number);
}

/* How many work items a group of the kernel may have on this device. */
static size_t group_limit(struct launch_call *call)
{
    size_t limit = 0;
    call->status = call->device->api->group_limit(call, &limit);
    return limit < 1 ? 1 : limit;
}

/* Cuts dimension 1 where it is longer than the device allows, and goes on along dimension 2. */
static int fold_long(const struct launch_call *call, size_t rounded[3], size_t local)
{
    const size_t most = call->device->most_groups, groups = rounded[1] / local;
    if (groups <= most) return 2;
    rounded[2] = (groups + most - 1) / most;
    rounded[1] = most * local;
    return 3;
}

void launch_groups(struct launch_call *call, int dimensions, const size_t global[3],
                   const size_t local[3])
{
    if (call->status) return;
    size_t items = 1, rounded[3] = {1, 1, 1}, whole[3] = {1, 1, 1};
    const size_t limit = group_limit(call);
    if (call->status) return;
    for (int d = 0; d < dimensions; d++) items *= whole[d] = local[d];
    if (items > limit) {
        call->status = error_set(call->error, MVAD_ERROR_UNSUPPORTED,
                                 "%s: %s needs groups of %zu work items; the device allows %zu",
                                 call->device->id, op_name(call->node->op), items, limit);
        return;
    }
    for (int d = 0; d < dimensions; d++) {
        if (!global[d]) return; /* nothing to compute */
        rounded[d] = size_align(global[d], local[d]);
    }
    if (dimensions == 2) dimensions = fold_long(call, rounded, local[1]);
    const size_t most = call->device->most_groups;
    if ((dimensions > 1 && rounded[1] / local[1] > most) ||
        (dimensions > 2 && rounded[2] / local[2] > most)) {
        call->status = error_set(call->error, MVAD_ERROR_UNSUPPORTED,
                                 "%s: %s needs more than the %zu groups the device allows",
                                 call->device->id, op_name(call->node->op), most);
        return;
    }
    call->status = call->device->api->launch(call, dimensions, rounded, whole);
}

/* Work items of a group along dimension 0, at most `most`. */
static size_t group_width(struct launch_call *call, size_t most)
{
    const size_t limit = group_limit(call);
    while (most > limit) most /= 2;
    return most;
}

static void launch_rows_of(struct launch_call *call, int dimensions, int64_t x, int64_t y, int64_t z)
{
    enum { LEAST_WIDTH = 64, GPU_WIDTH = 256 };
    if (call->status) return;
    /* A GPU starts only so many groups in a time: large ones, but few idle items at the end of a row. */
    size_t width = group_width(call, call->device->processor ? LEAST_WIDTH : GPU_WIDTH);
    while (width > LEAST_WIDTH && size_align((size_t)x, width) - (size_t)x > (size_t)x / 8)
        width /= 2;
    while (width > 1 && width / 2 >= (size_t)x) width /= 2;
    const size_t global[3] = {(size_t)x, (size_t)y, (size_t)z}, local[3] = {width, 1, 1};
    launch_groups(call, dimensions, global, local);
}

void launch_2d(struct launch_call *call, int64_t x, int64_t y)
{
    launch_rows_of(call, 2, x, y, 1);
}

void launch_3d(struct launch_call *call, int64_t x, int64_t y, int64_t z)
{
    launch_rows_of(call, 3, x, y, z);
}

void launch_1d(struct launch_call *call, int64_t count)
{
    enum { WIDTH = 256 };
    if (call->status) return;
    const size_t local[3] = {group_width(call, WIDTH)}, global[3] = {(size_t)count};
    launch_groups(call, 1, global, local);
}

/* ---- matrix products ---- */

struct launch_operand launch_operand(struct launch_call *call, const struct value *value,
                                     int64_t skip, int64_t stride, bool transposed)
{
    return (struct launch_operand){call->segments[value->segment],
                                   value->offset / dtype_bytes(value->dtype) + (size_t)skip, stride,
                                   transposed, value->dtype};
}

struct launch_operand launch_scratch_operand(struct launch_call *call, size_t offset,
                                             int64_t stride, bool transposed)
{
    return (struct launch_operand){call->segments[SEGMENT_ARENA],
                                   (call->workspace + offset) / launch_stored_bytes(call), stride,
                                   transposed, call->graph->real};
}

void launch_product(struct launch_call *call, const struct launch_product *product)
{
    if (call->status) return;
    struct launch_product complete = *product;
    complete.tf32 = call->graph->tf32;
    call->status = call->device->api->product(call, &complete);
}
