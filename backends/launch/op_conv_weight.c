/* Gradients of convolutions' weights and biases. Sums over pixels are cut into pieces where that gives
 * more work items or keeps a piece in the cache; the pieces are added in their order. */
#include "backends/launch/conv.h"
#include "backends/launch/ops.h"
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

static struct layout layout_of(const struct launch_call *call, enum launch_variant variant)
{
    struct layout l = {0};
    struct conv_weight_gradient *g = &l.gradient;
    const size_t stored = launch_stored_bytes(call), real = launch_real_bytes(call);
    *g = conv_weight_gradient_of(call, &l.x, &l.dy);
    const int64_t pixels = launch_rows(l.dy);
    l.weights = (int64_t)g->out_channels * g->taps_h * g->taps_w * g->in_channels;
    int64_t pieces = divide_up(pixels, PIECE_PIXELS),
            most = PARTIAL_BYTES / (int64_t)real / l.weights;
    if (most > MAX_PIECES) most = MAX_PIECES;
    if (pieces > most) pieces = most;
    if (pieces < 1 || variant == LAUNCH_VARIANT_BLAS) pieces = 1;
    g->piece = (int)divide_up(pixels, pieces);
    g->pieces = (int)divide_up(pixels, g->piece);
    if (call->out[0]) {
        if (variant == LAUNCH_VARIANT_BLAS) {
            const struct conv_product columns = conv_columns_of(g);
            if (!conv_is_matrix(&columns))
                l.bytes =
                    (size_t)(conv_column_rows(&columns, stored) * conv_depth(&columns)) * stored;
        } else if (g->pieces > 1) {
            l.bytes = (size_t)(l.weights * g->pieces) * real;
        }
    }
    l.bias_offset = l.bytes = size_align(l.bytes, VALUE_ALIGNMENT);
    if (call->out[1]) {
        l.bias_piece = divide_up(pixels, BIAS_PIECES);
        l.bias_pieces = divide_up(pixels, l.bias_piece);
        l.bytes += (size_t)(l.bias_pieces * g->out_channels) * real;
    }
    return l;
}

static void emit_add_pieces(struct launch_call *call, size_t offset, const struct value *total,
                            int64_t pieces)
{
    const int64_t count = value_count_elements(total);
    launch_kernel(call, LAUNCH_CONV_PARTS, "add_pieces", 1, NULL, 0);
    launch_scratch(call, offset, launch_real_bytes(call));
    launch_value(call, total);
    launch_ulong(call, count);
    launch_int(call, pieces);
    launch_1d(call, count);
}

static void emit_bias(struct launch_call *call, const struct layout *l)
{
    launch_kernel(call, LAUNCH_CONV_PARTS, "sum_rows", 1, NULL, 0);
    launch_value(call, l->dy);
    launch_scratch(call, l->bias_offset, launch_real_bytes(call));
    launch_int(call, launch_rows(l->dy));
    launch_int(call, l->dy->dim[3]);
    launch_int(call, l->bias_piece);
    launch_3d(call, l->dy->dim[3], l->bias_pieces, 1);
    emit_add_pieces(call, l->bias_offset, call->out[1], l->bias_pieces);
}

/* The arguments of both kernels; their target is dw itself where there is one piece. */
static void set_arguments(struct launch_call *call, const struct layout *l)
{
    launch_value(call, l->x);
    launch_value(call, l->dy);
    if (l->gradient.pieces == 1)
        launch_value(call, call->out[0]);
    else
        launch_scratch(call, 0, launch_real_bytes(call));
    launch_struct(call, &l->gradient, sizeof l->gradient);
}

static void emit_direct(struct launch_call *call, const struct layout *l)
{
    const struct conv_weight_gradient *g = &l->gradient;
    launch_kernel(call, LAUNCH_CONV_DIRECT, "weight_gradient_direct", 8, NULL, 0);
    set_arguments(call, l);
    const size_t global[3] = {(size_t)(divide_up(g->in_channels, PANEL) * g->taps_h * g->taps_w *
                                       divide_up(g->out_channels, TILE_ROWS)),
                              (size_t)g->pieces};
    launch_groups(call, 2, global, (const size_t[3]){1, 1});
}

static void emit_tiled(struct launch_call *call, const struct layout *l)
{
    const struct conv_weight_gradient *g = &l->gradient;
    const int group = conv_group(call->device), side = group * CONV_ITEM_SIDE;
    const size_t items = (size_t)group, local[3] = {items, items, 1};
    launch_kernel(call, LAUNCH_CONV_TILED, "weight_gradient_tiled", 1, "GROUP", group);
    set_arguments(call, l);
    const size_t global[3] = {items * (size_t)divide_up(g->in_channels, side),
                              items * (size_t)divide_up(g->out_channels, side),
                              (size_t)(g->taps_h * g->taps_w * g->pieces)};
    launch_groups(call, 3, global, local);
}

/* dw (O, taps * C) += dy^T * columns */
static void emit_blas(struct launch_call *call, const struct layout *l)
{
    const struct conv_product columns = conv_columns_of(&l->gradient);
    const size_t stored = launch_stored_bytes(call);
    const int64_t depth = conv_depth(&columns), pixels = conv_pixels(&columns);
    const bool matrix = conv_is_matrix(&columns);
    const int64_t rows = matrix ? pixels : conv_column_rows(&columns, stored);
    const int64_t out_channels = l->gradient.out_channels;
    for (int64_t first = 0; first < pixels && !call->status; first += rows) {
        const int64_t count = rows < pixels - first ? rows : pixels - first;
        if (!matrix) {
            launch_kernel(call, LAUNCH_CONV_PARTS, "gather_columns", 1, NULL, 0);
            launch_value(call, l->x);
            launch_scratch(call, 0, stored);
            launch_struct(call, &columns, sizeof columns);
            launch_int(call, first);
            launch_int(call, count);
            launch_2d(call, depth, count);
        }
        const struct launch_product product = {
            .a = launch_operand(call, l->dy, first * out_channels, out_channels, true),
            .b = matrix ? launch_operand(call, l->x, first * depth, depth, false)
                        : launch_scratch_operand(call, 0, depth, false),
            .c = launch_operand(call, call->out[0], 0, depth, false),
            .rows = out_channels,
            .columns = depth,
            .depth = count,
            .accumulate = true,
        };
        launch_product(call, &product);
    }
}

static size_t workspace(const struct launch_call *call)
{
    return layout_of(call, conv_variant(call)).bytes;
}

static void emit(struct launch_call *call)
{
    const enum launch_variant variant = conv_variant(call);
    const struct layout l = layout_of(call, variant);
    if (call->out[1]) emit_bias(call, &l);
    if (!call->out[0]) return;
    switch (variant) {
    case LAUNCH_VARIANT_DIRECT: emit_direct(call, &l); break;
    case LAUNCH_VARIANT_BLAS: emit_blas(call, &l); return;
    default: emit_tiled(call, &l);
    }
    if (l.gradient.pieces > 1) emit_add_pieces(call, 0, call->out[0], l.gradient.pieces);
}

const struct launch_op launch_conv2d_grad_weight = {.workspace = workspace, .emit = emit};
const struct launch_op launch_convt2x2_grad_weight = {.workspace = workspace, .emit = emit};
