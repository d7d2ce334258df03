/* Batch norm and layer norm. */
#include "backends/opencl/ops.h"
#include "core/base/memory.h"

enum { MAX_PIECES = 128, LEAST_PIECE = 32, ROWS_AT_ONCE = 16 };

/* Pieces of the rows that are summed one after the other. */
struct cut {
    int64_t rows, channels, piece, pieces;
    int lanes;
};

static struct cut cut_of(const struct opencl_call *call, const struct value *x)
{
    struct cut cut = {.rows = opencl_rows(x), .channels = x->dim[3]};
    cut.lanes = opencl_lanes(call, cut.channels);
    cut.piece = divide_up(cut.rows, MAX_PIECES);
    if (cut.piece < LEAST_PIECE) cut.piece = LEAST_PIECE;
    cut.pieces = divide_up(cut.rows, cut.piece);
    return cut;
}

static size_t partial_bytes(const struct opencl_call *call, const struct cut *cut)
{
    return size_align((size_t)(2 * cut->channels * cut->pieces) * opencl_real_bytes(call),
                      VALUE_ALIGNMENT);
}

static void launch_pieces(struct opencl_call *call, const struct cut *cut)
{
    opencl_int(call, cut->rows);
    opencl_int(call, cut->channels);
    opencl_int(call, cut->piece);
    opencl_launch_3d(call, cut->channels / cut->lanes, cut->pieces, 1);
}

static void launch_rows(struct opencl_call *call, const struct cut *cut)
{
    opencl_int(call, cut->rows);
    opencl_int(call, cut->channels);
    opencl_int(call, ROWS_AT_ONCE);
    opencl_launch_3d(call, cut->channels / cut->lanes, divide_up(cut->rows, ROWS_AT_ONCE), 1);
}

/* y from x and the statistics; eps above 0 where `spread` is a variance. */
static void emit_normalise(struct opencl_call *call, const struct value *mean,
                           const struct value *spread, double eps)
{
    const struct cut cut = cut_of(call, call->in[0]);
    opencl_kernel(call, OPENCL_NORM, "normalise", cut.lanes, NULL);
    for (int i = 0; i < 3; i++) opencl_value(call, call->in[i]);
    opencl_value(call, mean);
    opencl_value(call, spread);
    opencl_value(call, call->in[5]);
    opencl_value(call, call->out[0]);
    opencl_int(call, call->in[5] != NULL);
    opencl_int(call, call->params->norm.relu);
    opencl_real(call, eps);
    launch_rows(call, &cut);
}

static size_t batch_norm_workspace(const struct opencl_call *call)
{
    const struct cut cut = cut_of(call, call->in[0]);
    return partial_bytes(call, &cut);
}

static void batch_norm_emit(struct opencl_call *call)
{
    const struct cut cut = cut_of(call, call->in[0]);
    opencl_kernel(call, OPENCL_NORM, "moments_of_pieces", cut.lanes, NULL);
    opencl_value(call, call->in[0]);
    opencl_scratch(call, 0, opencl_real_bytes(call));
    launch_pieces(call, &cut);

    opencl_kernel(call, OPENCL_NORM, "join_moments", cut.lanes, NULL);
    opencl_scratch(call, 0, opencl_real_bytes(call));
    opencl_value(call, call->out[1]);
    opencl_value(call, call->out[2]);
    opencl_value(call, call->in[3]);
    opencl_value(call, call->in[4]);
    opencl_int(call, cut.rows);
    opencl_int(call, cut.channels);
    opencl_int(call, cut.piece);
    opencl_int(call, cut.pieces);
    opencl_real(call, call->params->norm.eps);
    opencl_real(call, call->params->norm.momentum);
    opencl_launch_1d(call, cut.channels);

    emit_normalise(call, call->out[1], call->out[2], 0);
}

const struct opencl_op opencl_batch_norm = {.workspace = batch_norm_workspace,
                                            .emit = batch_norm_emit};

static void batch_norm_apply_emit(struct opencl_call *call)
{
    emit_normalise(call, call->in[3], call->in[4], 0);
}

const struct opencl_op opencl_batch_norm_apply = {.emit = batch_norm_apply_emit};

static const char *batch_norm_eval_supports(const struct opencl_call *call)
{
    return call->params->norm.eps > 0 ? NULL : "needs an eps above 0";
}

static void batch_norm_eval_emit(struct opencl_call *call)
{
    emit_normalise(call, call->in[3], call->in[4], call->params->norm.eps);
}

const struct opencl_op opencl_batch_norm_eval = {.supports = batch_norm_eval_supports,
                                                 .emit = batch_norm_eval_emit};

/* The workspace of gradients: partial sums, then their totals (2, C). */
static size_t gradient_workspace(const struct opencl_call *call)
{
    const struct cut cut = cut_of(call, call->in[1]);
    return partial_bytes(call, &cut) + (size_t)(2 * cut.channels) * opencl_real_bytes(call);
}

static void emit_sums(struct opencl_call *call, const struct cut *cut, const char *kernel)
{
    const size_t real = opencl_real_bytes(call);
    opencl_kernel(call, OPENCL_NORM, kernel, cut->lanes, NULL);
    opencl_value(call, call->in[0]);
    opencl_value(call, call->in[1]);
    opencl_value(call, call->in[3]);
    opencl_value(call, call->in[4]);
    opencl_scratch(call, 0, real);
    launch_pieces(call, cut);

    opencl_kernel(call, OPENCL_NORM, "join_gradients", cut->lanes, NULL);
    opencl_scratch(call, 0, real);
    opencl_scratch(call, partial_bytes(call, cut), real);
    opencl_value(call, call->out[1]);
    opencl_value(call, call->out[2]);
    opencl_int(call, call->out[1] != NULL);
    opencl_int(call, call->out[2] != NULL);
    opencl_int(call, cut->channels);
    opencl_int(call, cut->pieces);
    opencl_launch_1d(call, cut->channels);
}

static void batch_norm_grad_emit(struct opencl_call *call)
{
    const struct cut cut = cut_of(call, call->in[1]);
    emit_sums(call, &cut, "batch_norm_grad_pieces");
    opencl_kernel(call, OPENCL_NORM, "batch_norm_grad", cut.lanes, NULL);
    for (int i = 0; i < 5; i++) opencl_value(call, call->in[i]);
    opencl_scratch(call, partial_bytes(call, &cut), opencl_real_bytes(call));
    opencl_value(call, call->out[0]);
    launch_rows(call, &cut);
}

const struct opencl_op opencl_batch_norm_grad = {.workspace = gradient_workspace,
                                                 .emit = batch_norm_grad_emit};

static void layer_norm_emit(struct opencl_call *call)
{
    const struct cut cut = cut_of(call, call->in[0]);
    opencl_kernel(call, OPENCL_NORM, "layer_norm", cut.lanes, NULL);
    for (int i = 0; i < 3; i++) opencl_value(call, call->in[i]);
    for (int i = 0; i < 3; i++) opencl_value(call, call->out[i]);
    opencl_int(call, call->out[1] != NULL);
    opencl_int(call, call->out[2] != NULL);
    opencl_int(call, cut.rows);
    opencl_int(call, cut.channels);
    opencl_real(call, call->params->norm.eps);
    opencl_launch_1d(call, cut.rows);
}

const struct opencl_op opencl_layer_norm = {.emit = layer_norm_emit};

static void layer_norm_grad_emit(struct opencl_call *call)
{
    const struct cut cut = cut_of(call, call->in[1]);
    if (call->out[1] || call->out[2]) emit_sums(call, &cut, "layer_norm_grad_pieces");
    opencl_kernel(call, OPENCL_NORM, "layer_norm_grad", cut.lanes, NULL);
    for (int i = 0; i < 5; i++) opencl_value(call, call->in[i]);
    opencl_value(call, call->out[0]);
    opencl_int(call, cut.rows);
    opencl_int(call, cut.channels);
    opencl_launch_1d(call, cut.rows);
}

const struct opencl_op opencl_layer_norm_grad = {.workspace = gradient_workspace,
                                                 .emit = layer_norm_grad_emit};
