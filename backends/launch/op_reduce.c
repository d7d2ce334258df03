/* Loss and its gradient, the gradient norm, AdamW. */
#include "backends/launch/ops.h"
#include "core/base/memory.h"

enum { CHAINS = 8, GPU_LANES = 128, MAX_BLOCKS = 256, LEAST_BLOCK = 4096 };

/* How reduce.cl cuts a sum. */
struct cut {
    int64_t count, block, lanes, pieces;
};

static struct cut cut_of(const struct launch_call *call)
{
    struct cut cut = {.count = value_count_elements(call->in[0]),
                      .lanes = call->device->processor ? 1 : GPU_LANES};
    cut.block = divide_up(cut.count, MAX_BLOCKS);
    if (cut.block < LEAST_BLOCK) cut.block = LEAST_BLOCK;
    cut.block = divide_up(cut.block, cut.lanes * CHAINS) * cut.lanes * CHAINS;
    cut.pieces = divide_up(cut.count, cut.block) * cut.lanes;
    return cut;
}

static size_t partial_workspace(const struct launch_call *call)
{
    return (size_t)cut_of(call).pieces * launch_real_bytes(call);
}

static void emit_partials(struct launch_call *call, const char *kernel, int inputs)
{
    const struct cut cut = cut_of(call);
    launch_kernel(call, LAUNCH_REDUCE, kernel, 1, NULL, 0);
    for (int i = 0; i < inputs; i++) launch_value(call, call->in[i]);
    launch_scratch(call, 0, launch_real_bytes(call));
    launch_ulong(call, cut.count);
    launch_ulong(call, cut.block);
    launch_int(call, cut.lanes);
    launch_int(call, cut.pieces);
    if (call->device->processor) /* a group is one item: groups go to threads */
        launch_groups(call, 1, (const size_t[3]){(size_t)cut.pieces}, (const size_t[3]){1});
    else
        launch_1d(call, cut.pieces);
}

/* The group that adds the pieces: FINISH_ITEMS of reduce.cl, one item on a processor. */
static void launch_finish(struct launch_call *call)
{
    enum { FINISH_ITEMS = 256 };
    const size_t items = call->device->processor ? 1 : FINISH_ITEMS;
    launch_groups(call, 1, (const size_t[3]){items}, (const size_t[3]){items});
}

static void mse_emit(struct launch_call *call)
{
    const struct cut cut = cut_of(call);
    emit_partials(call, "squared_differences", 2);
    launch_kernel(call, LAUNCH_REDUCE, "mse_finish", 1, NULL, 0);
    launch_scratch(call, 0, launch_real_bytes(call));
    launch_value(call, call->out[0]);
    launch_int(call, cut.pieces);
    launch_real(call, call->params->mse.weight / (double)cut.count);
    launch_finish(call);
}

const struct launch_op launch_mse = {.workspace = partial_workspace, .emit = mse_emit};

static void mse_grad_emit(struct launch_call *call)
{
    const int64_t count = value_count_elements(call->in[1]);
    launch_kernel(call, LAUNCH_REDUCE, "mse_grad", 1, NULL, 0);
    for (int i = 0; i < 3; i++) launch_value(call, call->in[i]);
    launch_value(call, call->out[0]);
    launch_ulong(call, count);
    launch_real(call, 2 * call->params->mse.weight / (double)count);
    launch_1d(call, launch_runs(call, count));
}

const struct launch_op launch_mse_grad = {.emit = mse_grad_emit};

static void norm_emit(struct launch_call *call)
{
    emit_partials(call, "squares", 1);
    launch_kernel(call, LAUNCH_REDUCE, "norm_finish", 1, NULL, 0);
    launch_scratch(call, 0, launch_real_bytes(call));
    launch_value(call, call->out[0]);
    launch_int(call, cut_of(call).pieces);
    launch_finish(call);
}

const struct launch_op launch_norm = {.workspace = partial_workspace, .emit = norm_emit};

static void adamw_emit(struct launch_call *call)
{
    const int64_t count = value_count_elements(call->in[0]);
    launch_kernel(call, LAUNCH_REDUCE, "adamw", 1, NULL, 0);
    for (int i = 0; i < 3; i++) launch_value(call, call->in[i]);
    for (int i = 0; i < 3; i++) launch_value(call, call->out[i]);
    launch_ulong(call, count);
    launch_1d(call, count);
}

const struct launch_op launch_adamw = {.emit = adamw_emit};
