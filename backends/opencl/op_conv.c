/* Convolutions with a result of pixels: forward, gradient of the input, transposed. */
#include <stdio.h>

#include "backends/opencl/conv.h"
#include "backends/opencl/ops.h"
#include "core/base/memory.h"

enum { PANEL = 16, TILE_ROWS = 6, TILES = 4 }; /* of conv_direct.cl */

static const char *supports(const struct opencl_call *call)
{
    const bool transposed =
        call->node->op == OP_CONVT2X2 || call->node->op == OP_CONVT2X2_GRAD_INPUT;
    if (!transposed && call->params->conv2d.stride > CONV_MAX_STRIDE)
        return "needs a stride of at most 4";
    return value_count_elements(call->in[1]) > INT32_MAX ? "needs less than 2^31 weights" : NULL;
}

/* ---- vector registers ---- */

static size_t packed_bytes(const struct opencl_call *call, const struct conv_product *p)
{
    return size_align((size_t)(divide_up(p->out_channels, PANEL) * PANEL * conv_depth(p)) *
                          opencl_stored_bytes(call),
                      VALUE_ALIGNMENT);
}

static void emit_direct(struct opencl_call *call, const struct conv_work *work)
{
    const size_t stored = opencl_stored_bytes(call);
    size_t at = 0;
    for (int i = 0; i < work->products; i++) {
        const struct conv_product *p = &work->product[i];
        const int64_t panels = divide_up(p->out_channels, PANEL);
        opencl_kernel(call, OPENCL_CONV_DIRECT, "pack_weight", 8, NULL);
        opencl_value(call, work->weight);
        opencl_scratch(call, at, stored);
        opencl_struct(call, p, sizeof *p);
        opencl_ulong(call, panels * PANEL * conv_depth(p));
        opencl_launch_1d(call, panels * PANEL * conv_depth(p));

        opencl_kernel(call, OPENCL_CONV_DIRECT, "conv_direct", 8, NULL);
        opencl_value(call, work->source);
        opencl_scratch(call, at, stored);
        opencl_value(call, work->bias);
        opencl_value(call, work->residual);
        opencl_value(call, work->result);
        opencl_struct(call, p, sizeof *p);
        const size_t global[3] = {(size_t)divide_up(conv_pixels(p), TILE_ROWS * TILES),
                                  (size_t)panels};
        const size_t local[3] = {1, 1};
        opencl_launch_groups(call, 2, global, local);
        at += packed_bytes(call, p);
    }
}

/* ---- local memory ---- */

void opencl_tile_of(const struct opencl_device *device, struct opencl_tile *tile)
{
    /* Groups of 256 work items where the device has them, else of 64. */
    tile->group = device->largest_group >= 256 ? 16 : 8;
    tile->side = tile->group * 4;
    snprintf(tile->options, sizeof tile->options, "-DGROUP=%d", tile->group);
}

static void emit_tiled(struct opencl_call *call, const struct conv_work *work)
{
    struct opencl_tile tile;
    opencl_tile_of(call->device, &tile);
    for (int i = 0; i < work->products; i++) {
        const struct conv_product *p = &work->product[i];
        opencl_kernel(call, OPENCL_CONV_TILED, "conv_tiled", 1, tile.options);
        opencl_value(call, work->source);
        opencl_value(call, work->weight);
        opencl_value(call, work->bias);
        opencl_value(call, work->residual);
        opencl_value(call, work->result);
        opencl_struct(call, p, sizeof *p);
        const size_t group = (size_t)tile.group, local[3] = {group, group};
        const size_t global[3] = {group * (size_t)divide_up(p->out_channels, tile.side),
                                  group * (size_t)divide_up(conv_pixels(p), tile.side)};
        opencl_launch_groups(call, 2, global, local);
    }
}

/* ---- columns in memory and the BLAS ---- */

static size_t column_bytes(const struct opencl_call *call, const struct conv_product *p)
{
    const size_t stored = opencl_stored_bytes(call);
    if (conv_is_matrix(p)) return 0;
    return (size_t)(conv_column_rows(p, stored) * conv_depth(p)) * stored;
}

static void emit_blas(struct opencl_call *call, const struct conv_work *work)
{
    const struct conv_product *p = &work->product[0];
    const size_t stored = opencl_stored_bytes(call);
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
            opencl_kernel(call, OPENCL_CONV_PARTS, "gather_columns", 1, NULL);
            opencl_value(call, work->source);
            opencl_scratch(call, 0, stored);
            opencl_struct(call, p, sizeof *p);
            opencl_int(call, first);
            opencl_int(call, count);
            opencl_launch_3d(call, depth, count, 1);
        }
        const bool transposed = p->in_stride == 1;
        const struct opencl_product product = {
            .a = matrix ? opencl_operand(call, work->source, first * depth, depth, false)
                        : opencl_scratch_operand(call, 0, depth, false),
            .b = opencl_operand(call, work->weight, 0, transposed ? depth : p->in_stride,
                                transposed),
            .c = opencl_operand(call, work->result, first * p->out_channels, p->out_channels, false),
            .rows = count,
            .columns = p->out_channels,
            .depth = depth,
            .accumulate = residual_there,
            .fp64 = call->graph->real == DTYPE_F64,
        };
        opencl_product(call, &product);
    }
    const bool add_residual = work->residual && !residual_there;
    if (!work->bias && !add_residual && !p->relu) return;
    opencl_kernel(call, OPENCL_CONV_PARTS, "epilogue", 1, NULL);
    opencl_value(call, work->result);
    opencl_value(call, work->bias);
    opencl_value(call, add_residual ? work->residual : NULL);
    opencl_int(call, p->out_channels);
    opencl_int(call, work->bias != NULL);
    opencl_int(call, add_residual);
    opencl_int(call, p->relu);
    opencl_launch_3d(call, p->out_channels, pixels, 1);
}

/* ---- */

bool opencl_conv_can(const struct opencl_call *call, enum opencl_variant variant)
{
    struct conv_work work;
    if (variant != OPENCL_VARIANT_BLAS) return true;
    conv_work_of(call, &work);
    return call->graph->real != DTYPE_F16 && work.products == 1 && conv_suits_blas(&work.product[0]);
}

static size_t workspace(const struct opencl_call *call)
{
    struct conv_work work;
    size_t bytes = 0;
    conv_work_of(call, &work);
    switch (opencl_variant_of(call)) {
    case OPENCL_VARIANT_DIRECT:
        for (int i = 0; i < work.products; i++) bytes += packed_bytes(call, &work.product[i]);
        return bytes;
    case OPENCL_VARIANT_BLAS: return column_bytes(call, &work.product[0]);
    default: return 0;
    }
}

static void emit(struct opencl_call *call)
{
    struct conv_work work;
    conv_work_of(call, &work);
    switch (opencl_variant_of(call)) {
    case OPENCL_VARIANT_DIRECT: emit_direct(call, &work); break;
    case OPENCL_VARIANT_BLAS: emit_blas(call, &work); break;
    default: emit_tiled(call, &work);
    }
}

const struct opencl_op opencl_conv2d = {.supports = supports, .workspace = workspace, .emit = emit};
const struct opencl_op opencl_conv2d_grad_input = {
    .supports = supports, .workspace = workspace, .emit = emit};
const struct opencl_op opencl_convt2x2 = {
    .supports = supports, .workspace = workspace, .emit = emit};
const struct opencl_op opencl_convt2x2_grad_input = {
    .supports = supports, .workspace = workspace, .emit = emit};
