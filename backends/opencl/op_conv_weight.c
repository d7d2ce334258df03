/* Gradients of convolutions' weights and biases. Sums over pixels are cut into pieces where that gives
 * more work items or keeps a piece in the cache; the pieces are added in their order. */
#include "backends/opencl/conv.h"
#include "backends/opencl/ops.h"
#include "core/base/memory.h"

enum {
    PANEL = 16,
    TILE_ROWS = 6, /* of conv_direct.cl */
    PIECE_PIXELS = 2048,
    MAX_PIECES = 32,
    PARTIAL_BYTES = 32 << 20,
    BIAS_PIECES = 64
};

struct layout {
    const struct value *x, *dy;
    struct conv_weight_gradient gradient;
    int64_t weights;                 /* elements of dw */
    int64_t bias_piece, bias_pieces; /* rows of dy */
    size_t bias_offset, bytes;       /* in the workspace */
};

static struct layout layout_of(const struct opencl_call *call, enum opencl_variant variant)
{
    struct layout l = {0};
    struct conv_weight_gradient *g = &l.gradient;
    const size_t stored = opencl_stored_bytes(call);
    *g = conv_weight_gradient_of(call, &l.x, &l.dy);
    const int64_t pixels = opencl_rows(l.dy);
    l.weights = (int64_t)g->out_channels * g->taps_h * g->taps_w * g->in_channels;
    int64_t pieces = divide_up(pixels, PIECE_PIXELS),
            most = PARTIAL_BYTES / (int64_t)stored / l.weights;
    if (most > MAX_PIECES) most = MAX_PIECES;
    if (pieces > most) pieces = most;
    if (pieces < 1 || variant == OPENCL_VARIANT_BLAS) pieces = 1;
    g->piece = (int)divide_up(pixels, pieces);
    g->pieces = (int)divide_up(pixels, g->piece);
    if (call->out[0]) {
        if (variant == OPENCL_VARIANT_BLAS) {
            const struct conv_product columns = conv_columns_of(g);
            if (!conv_is_matrix(&columns))
                l.bytes =
                    (size_t)(conv_column_rows(&columns, stored) * conv_depth(&columns)) * stored;
        } else if (g->pieces > 1) {
            l.bytes = (size_t)(l.weights * g->pieces) * stored;
        }
    }
    l.bias_offset = l.bytes = size_align(l.bytes, VALUE_ALIGNMENT);
    if (call->out[1]) {
        l.bias_piece = divide_up(pixels, BIAS_PIECES);
        l.bias_pieces = divide_up(pixels, l.bias_piece);
        l.bytes += (size_t)(l.bias_pieces * g->out_channels) * stored;
    }
    return l;
}

static void emit_add_pieces(struct opencl_call *call, size_t offset, const struct value *total,
                            int64_t pieces)
{
    const int64_t count = value_count_elements(total);
    opencl_kernel(call, OPENCL_CONV_PARTS, "add_pieces", 1, NULL);
    opencl_scratch(call, offset, opencl_stored_bytes(call));
    opencl_value(call, total);
    opencl_ulong(call, count);
    opencl_int(call, pieces);
    opencl_launch_1d(call, count);
}

static void emit_bias(struct opencl_call *call, const struct layout *l)
{
    opencl_kernel(call, OPENCL_CONV_PARTS, "sum_rows", 1, NULL);
    opencl_value(call, l->dy);
    opencl_scratch(call, l->bias_offset, opencl_stored_bytes(call));
    opencl_int(call, opencl_rows(l->dy));
    opencl_int(call, l->dy->dim[3]);
    opencl_int(call, l->bias_piece);
    opencl_launch_3d(call, l->dy->dim[3], l->bias_pieces, 1);
    emit_add_pieces(call, l->bias_offset, call->out[1], l->bias_pieces);
}

/* The arguments of both kernels; their target is dw itself where there is one piece. */
static void set_arguments(struct opencl_call *call, const struct layout *l)
{
    opencl_value(call, l->x);
    opencl_value(call, l->dy);
    if (l->gradient.pieces == 1)
        opencl_value(call, call->out[0]);
    else
        opencl_scratch(call, 0, opencl_stored_bytes(call));
    opencl_struct(call, &l->gradient, sizeof l->gradient);
}

static void emit_direct(struct opencl_call *call, const struct layout *l)
{
    const struct conv_weight_gradient *g = &l->gradient;
    opencl_kernel(call, OPENCL_CONV_DIRECT, "weight_gradient_direct", 8, NULL);
    set_arguments(call, l);
    const size_t global[3] = {(size_t)(divide_up(g->in_channels, PANEL) * g->taps_h * g->taps_w *
                                       divide_up(g->out_channels, TILE_ROWS)),
                              (size_t)g->pieces};
    opencl_launch_groups(call, 2, global, (const size_t[3]){1, 1});
}

static void emit_tiled(struct opencl_call *call, const struct layout *l)
{
    const struct conv_weight_gradient *g = &l->gradient;
    struct opencl_tile tile;
    opencl_tile_of(call->device, &tile);
    const size_t group = (size_t)tile.group, local[3] = {group, group, 1};
    opencl_kernel(call, OPENCL_CONV_TILED, "weight_gradient_tiled", 1, tile.options);
    set_arguments(call, l);
    const size_t global[3] = {group * (size_t)divide_up(g->in_channels, tile.side),
                              group * (size_t)divide_up(g->out_channels, tile.side),
                              (size_t)(g->taps_h * g->taps_w * g->pieces)};
    opencl_launch_groups(call, 3, global, local);
}

/* dw (O, taps * C) += dy^T * columns */
static void emit_blas(struct opencl_call *call, const struct layout *l)
{
    const struct conv_product columns = conv_columns_of(&l->gradient);
    const size_t stored = opencl_stored_bytes(call);
    const int64_t depth = conv_depth(&columns), pixels = conv_pixels(&columns);
    const bool matrix = conv_is_matrix(&columns);
    const int64_t rows = matrix ? pixels : conv_column_rows(&columns, stored);
    const int64_t out_channels = l->gradient.out_channels;
    for (int64_t first = 0; first < pixels && !call->status; first += rows) {
        const int64_t count = rows < pixels - first ? rows : pixels - first;
        if (!matrix) {
            opencl_kernel(call, OPENCL_CONV_PARTS, "gather_columns", 1, NULL);
            opencl_value(call, l->x);
            opencl_scratch(call, 0, stored);
            opencl_struct(call, &columns, sizeof columns);
            opencl_int(call, first);
            opencl_int(call, count);
            opencl_launch_3d(call, depth, count, 1);
        }
        const struct opencl_product product = {
            .a = opencl_operand(call, l->dy, first * out_channels, out_channels, true),
            .b = matrix ? opencl_operand(call, l->x, first * depth, depth, false)
                        : opencl_scratch_operand(call, 0, depth, false),
            .c = opencl_operand(call, call->out[0], 0, depth, false),
            .rows = out_channels,
            .columns = depth,
            .depth = count,
            .accumulate = true,
            .fp64 = call->graph->real == DTYPE_F64,
        };
        opencl_product(call, &product);
    }
}

static size_t workspace(const struct opencl_call *call)
{
    return layout_of(call, opencl_variant_of(call)).bytes;
}

static void emit(struct opencl_call *call)
{
    const enum opencl_variant variant = opencl_variant_of(call);
    const struct layout l = layout_of(call, variant);
    if (call->out[1]) emit_bias(call, &l);
    if (!call->out[0]) return;
    switch (variant) {
    case OPENCL_VARIANT_DIRECT: emit_direct(call, &l); break;
    case OPENCL_VARIANT_BLAS: emit_blas(call, &l); return;
    default: emit_tiled(call, &l);
    }
    if (l.gradient.pieces > 1) emit_add_pieces(call, 0, call->out[0], l.gradient.pieces);
}

const struct opencl_op opencl_conv2d_grad_weight = {.workspace = workspace, .emit = emit};
const struct opencl_op opencl_convt2x2_grad_weight = {.workspace = workspace, .emit = emit};
