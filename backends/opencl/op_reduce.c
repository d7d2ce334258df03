/* Loss and its gradient, the gradient norm, AdamW. */
#include "backends/opencl/ops.h"
#include "core/base/memory.h"

enum { CHAINS = 8, GPU_LANES = 32, MAX_BLOCKS = 256, LEAST_BLOCK = 4096 };

/* How reduce.cl cuts a sum. */
struct cut {
    int64_t count, block, lanes, pieces;
};

static struct cut cut_of(const struct opencl_call *call)
{
    struct cut cut = {.count = value_count_elements(call->in[0]),
                      .lanes = call->device->processor ? 1 : GPU_LANES};
    cut.block = divide_up(cut.count, MAX_BLOCKS);
    if (cut.block < LEAST_BLOCK) cut.block = LEAST_BLOCK;
    cut.block = divide_up(cut.block, cut.lanes * CHAINS) * cut.lanes * CHAINS;
    cut.pieces = divide_up(cut.count, cut.block) * cut.lanes;
    return cut;
}

static size_t partial_workspace(const struct opencl_call *call)
{
    return (size_t)cut_of(call).pieces * opencl_real_bytes(call);
}

static void emit_partials(struct opencl_call *call, const char *kernel, int inputs)
{
    const struct cut cut = cut_of(call);
    opencl_kernel(call, OPENCL_REDUCE, kernel, 1, NULL);
    for (int i = 0; i < inputs; i++) opencl_value(call, call->in[i]);
    opencl_scratch(call, 0, opencl_real_bytes(call));
    opencl_ulong(call, cut.count);
    opencl_ulong(call, cut.block);
    opencl_int(call, cut.lanes);
    opencl_int(call, cut.pieces);
    if (call->device->processor) /* a group is one item: groups go to threads */
        opencl_launch_groups(call, 1, (const size_t[3]){(size_t)cut.pieces}, (const size_t[3]){1});
    else
        opencl_launch_1d(call, cut.pieces);
}

static void mse_emit(struct opencl_call *call)
{
    const struct cut cut = cut_of(call);
    emit_partials(call, "squared_differences", 2);
    opencl_kernel(call, OPENCL_REDUCE, "mse_finish", 1, NULL);
    opencl_scratch(call, 0, opencl_real_bytes(call));
    opencl_value(call, call->out[0]);
    opencl_int(call, cut.pieces);
    opencl_real(call, call->params->mse.weight / (double)cut.count);
    opencl_launch_3d(call, 1, 1, 1);
}

const struct opencl_op opencl_mse = {.workspace = partial_workspace, .emit = mse_emit};

static void mse_grad_emit(struct opencl_call *call)
{
    const int64_t count = value_count_elements(call->in[1]);
    opencl_kernel(call, OPENCL_REDUCE, "mse_grad", 1, NULL);
    for (int i = 0; i < 3; i++) opencl_value(call, call->in[i]);
    opencl_value(call, call->out[0]);
    opencl_ulong(call, count);
    opencl_real(call, 2 * call->params->mse.weight / (double)count);
    opencl_launch_1d(call, count);
}

const struct opencl_op opencl_mse_grad = {.emit = mse_grad_emit};

static void norm_emit(struct opencl_call *call)
{
    emit_partials(call, "squares", 1);
    opencl_kernel(call, OPENCL_REDUCE, "norm_finish", 1, NULL);
    opencl_scratch(call, 0, opencl_real_bytes(call));
    opencl_value(call, call->out[0]);
    opencl_int(call, cut_of(call).pieces);
    opencl_launch_3d(call, 1, 1, 1);
}

const struct opencl_op opencl_norm = {.workspace = partial_workspace, .emit = norm_emit};

static void adamw_emit(struct opencl_call *call)
{
    const int64_t count = value_count_elements(call->in[0]);
    opencl_kernel(call, OPENCL_REDUCE, "adamw", 1, NULL);
    for (int i = 0; i < 3; i++) opencl_value(call, call->in[i]);
    for (int i = 0; i < 3; i++) opencl_value(call, call->out[i]);
    opencl_ulong(call, count);
    opencl_launch_1d(call, count);
}

const struct opencl_op opencl_adamw = {.emit = adamw_emit};
