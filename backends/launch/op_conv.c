/* Convolutions with a result of pixels: forward, gradient of the input, transposed. */
#include "backends/launch/conv.h"
#include "backends/launch/ops.h"
#include "core/base/memory.h"

enum { PANEL = 16, TILE_ROWS = 6, TILES = 4 }; /* of conv_direct.cl */

static const char *supports(const struct launch_call *call)
{
    const bool transposed =
        call->node->op == OP_CONVT2X2 || call->node->op == OP_CONVT2X2_GRAD_INPUT;
    if (!transposed && call->params->conv2d.stride > CONV_MAX_STRIDE)
        return "needs a stride of at most 4";
    return value_count_elements(call->in[1]) > INT32_MAX ? "needs less than 2^31 weights" : NULL;
}

/* ---- vector registers ---- */

static size_t packed_bytes(const struct launch_call *call, const struct conv_product *p)
{
    return size_align((size_t)(divide_up(p->out_channels, PANEL) * PANEL * conv_depth(p)) *
                          launch_stored_bytes(call),
                      VALUE_ALIGNMENT);
}

static void emit_direct(struct launch_call *call, const struct conv_work *work)
{
    const size_t stored = launch_stored_bytes(call);
    size_t at = 0;
    for (int i = 0; i < work->products; i++) {
        const struct conv_product *p = &work->product[i];
        const int64_t panels = divide_up(p->out_channels, PANEL);
        launch_kernel(call, LAUNCH_CONV_DIRECT, "pack_weight", 8, NULL, 0);
        launch_value(call, work->weight);
        launch_scratch(call, at, stored);
        launch_struct(call, p, sizeof *p);
        launch_ulong(call, panels * PANEL * conv_depth(p));
        launch_1d(call, panels * PANEL * conv_depth(p));

        launch_kernel(call, LAUNCH_CONV_DIRECT, "conv_direct", 8, NULL, 0);
        launch_value(call, work->source);
        launch_scratch(call, at, stored);
        launch_value(call, work->bias);
        launch_value(call, work->residual);
        launch_value(call, work->result);
        launch_struct(call, p, sizeof *p);
        const size_t global[3] = {(size_t)divide_up(conv_pixels(p), TILE_ROWS * TILES),
                                  (size_t)panels};
        const size_t local[3] = {1, 1};
        launch_groups(call, 2, global, local);
        at += packed_bytes(call, p);
    }
}

/* ---- local memory ---- */

int conv_group(const struct launch_device *device)
{
    return device->largest_group >= 256 ? 16 : 8;
}

static void emit_tiled(struct launch_call *call, const struct conv_work *work)
{
    const int group = conv_group(call->device), side = group * CONV_ITEM_SIDE;
    for (int i = 0; i < work->products; i++) {
        const struct conv_product *p = &work->product[i];
        launch_kernel(call, LAUNCH_CONV_TILED, "conv_tiled", 1, "GROUP", group);
        launch_value(call, work->source);
        launch_value(call, work->weight);
        launch_value(call, work->bias);
        launch_value(call, work->residual);
        launch_value(call, work->result);
        launch_struct(call, p, sizeof *p);
        const size_t items = (size_t)group, local[3] = {items, items};
        const size_t global[3] = {items * (size_t)divide_up(p->out_channels, side),
                                  items * (size_t)divide_up(conv_pixels(p), side)};
        launch_groups(call, 2, global, local);
    }
}

/* ---- columns in memory and the BLAS ---- */

static size_t column_bytes(const struct launch_call *call, const struct conv_product *p)
{
    const size_t stored = launch_stored_bytes(call);
    if (conv_is_matrix(p)) return 0;
    return (size_t)(conv_column_rows(p, stored) * conv_depth(p)) * stored;
}

static void emit_blas(struct launch_call *call, const struct conv_work *work)
{
    const struct conv_product *p = &work->product[0];
    const size_t stored = launch_stored_bytes(call);
    const int64_t depth = conv_depth(p), pixels = conv_pixels(p);
    const bool matrix = conv_is_matrix(p);
    const int64_t rows = matrix ? pixels : conv_column_rows(p, stored);
    /* Where the residual is the result's memory, the product is added to it. */
    const bool residual_there = work->residual &&
                                work->residual->segment == work->result->segment &&
                                work->residual->offset == work->result->offset;
    for (int64_t first = 0; first < pixels && !call->status; first += rows) {
        const int64_t count = rows < pixels - first ? rows : pixels - first;
        if (!matrix) {
            launch_kernel(call, LAUNCH_CONV_PARTS, "gather_columns", 1, NULL, 0);
            launch_value(call, work->source);
            launch_scratch(call, 0, stored);
            launch_struct(call, p, sizeof *p);
            launch_int(call, first);
            launch_int(call, count);
            launch_2d(call, depth, count);
        }
        const bool transposed = p->in_stride == 1;
        const struct launch_product product = {
            .a = matrix ? launch_operand(call, work->source, first * depth, depth, false)
                        : launch_scratch_operand(call, 0, depth, false),
            .b = launch_operand(call, work->weight, 0, transposed ? depth : p->in_stride,
                                transposed),
            .c = launch_operand(call, work->result, first * p->out_channels, p->out_channels, false),
            .rows = count,
            .columns = p->out_channels,
            .depth = depth,
            .accumulate = residual_there,
        };
        launch_product(call, &product);
    }
    const bool add_residual = work->residual && !residual_there;
    if (!work->bias && !add_residual && !p->relu) return;
    launch_kernel(call, LAUNCH_CONV_PARTS, "epilogue", 1, NULL, 0);
    launch_value(call, work->result);
    launch_value(call, work->bias);
    launch_value(call, add_residual ? work->residual : NULL);
    launch_int(call, p->out_channels);
    launch_int(call, pixels);
    launch_int(call, work->bias != NULL);
    launch_int(call, add_residual);
    launch_int(call, p->relu);
    launch_2d(call, p->out_channels, pixels);
}

/* ---- */

bool conv_can(const struct launch_call *call, enum launch_variant variant)
{
    struct conv_work work;
    if (variant != LAUNCH_VARIANT_BLAS) return true;
    conv_work_of(call, &work);
    return work.products == 1 && conv_suits_blas(&work.product[0]);
}

static size_t workspace(const struct launch_call *call)
{
    struct conv_work work;
    size_t bytes = 0;
    conv_work_of(call, &work);
    switch (conv_variant(call)) {
    case LAUNCH_VARIANT_DIRECT:
        for (int i = 0; i < work.products; i++) bytes += packed_bytes(call, &work.product[i]);
        return bytes;
    case LAUNCH_VARIANT_BLAS: return column_bytes(call, &work.product[0]);
    default: return 0;
    }
}

static void emit(struct launch_call *call)
{
    struct conv_work work;
    conv_work_of(call, &work);
    switch (conv_variant(call)) {
    case LAUNCH_VARIANT_DIRECT: emit_direct(call, &work); break;
    case LAUNCH_VARIANT_BLAS: emit_blas(call, &work); break;
    default: emit_tiled(call, &work);
    }
}

const struct launch_op launch_conv2d = {.supports = supports, .workspace = workspace, .emit = emit};
const struct launch_op launch_conv2d_grad_input = {
    .supports = supports, .workspace = workspace, .emit = emit};
const struct launch_op launch_convt2x2 = {
    .supports = supports, .workspace = workspace, .emit = emit};
const struct launch_op launch_convt2x2_grad_input = {
    .supports = supports, .workspace = workspace, .emit = emit};
