/* Batch norm and layer norm. */
#include "backends/launch/ops.h"
#include "core/base/memory.h"

enum { MAX_PIECES = 128, LEAST_PIECE = 32, ROWS_AT_ONCE = 16 };

/* Pieces of the rows that are summed one after the other. */
struct cut {
    int64_t rows, channels, piece, pieces;
    int lanes;
};

static struct cut cut_of(const struct launch_call *call, const struct value *x)
{
    struct cut cut = {.rows = launch_rows(x), .channels = x->dim[3]};
    cut.lanes = launch_lanes(call, cut.channels);
    cut.piece = divide_up(cut.rows, MAX_PIECES);
    if (cut.piece < LEAST_PIECE) cut.piece = LEAST_PIECE;
    cut.pieces = divide_up(cut.rows, cut.piece);
    return cut;
}

static size_t partial_bytes(const struct launch_call *call, const struct cut *cut)
{
    return size_align((size_t)(2 * cut->channels * cut->pieces) * launch_real_bytes(call),
                      VALUE_ALIGNMENT);
}

static void over_pieces(struct launch_call *call, const struct cut *cut)
{
    launch_int(call, cut->rows);
    launch_int(call, cut->channels);
    launch_int(call, cut->piece);
    launch_3d(call, cut->channels / cut->lanes, cut->pieces, 1);
}

static void over_rows(struct launch_call *call, const struct cut *cut)
{
    launch_int(call, cut->rows);
    launch_int(call, cut->channels);
    launch_int(call, ROWS_AT_ONCE);
    launch_2d(call, cut->channels / cut->lanes, divide_up(cut->rows, ROWS_AT_ONCE));
}

/* y from x and the statistics; eps above 0 where `spread` is a variance. */
static void emit_normalise(struct launch_call *call, const struct value *mean,
                           const struct value *spread, double eps)
{
    const struct cut cut = cut_of(call, call->in[0]);
    launch_kernel(call, LAUNCH_NORM, "normalise", cut.lanes, NULL, 0);
    for (int i = 0; i < 3; i++) launch_value(call, call->in[i]);
    launch_value(call, mean);
    launch_value(call, spread);
    launch_value(call, call->in[5]);
    launch_value(call, call->out[0]);
    launch_int(call, call->in[5] != NULL);
    launch_int(call, call->params->norm.relu);
    launch_real(call, eps);
    over_rows(call, &cut);
}

static size_t batch_norm_workspace(const struct launch_call *call)
{
    const struct cut cut = cut_of(call, call->in[0]);
    return partial_bytes(call, &cut);
}

static void batch_norm_emit(struct launch_call *call)
{
    const struct cut cut = cut_of(call, call->in[0]);
    launch_kernel(call, LAUNCH_NORM, "moments_of_pieces", cut.lanes, NULL, 0);
    launch_value(call, call->in[0]);
    launch_scratch(call, 0, launch_real_bytes(call));
    over_pieces(call, &cut);

    launch_kernel(call, LAUNCH_NORM, "join_moments", cut.lanes, NULL, 0);
    launch_scratch(call, 0, launch_real_bytes(call));
    launch_value(call, call->out[1]);
    launch_value(call, call->out[2]);
    launch_value(call, call->in[3]);
    launch_value(call, call->in[4]);
    launch_int(call, cut.rows);
    launch_int(call, cut.channels);
    launch_int(call, cut.piece);
    launch_int(call, cut.pieces);
    launch_real(call, call->params->norm.eps);
    launch_real(call, call->params->norm.momentum);
    launch_1d(call, cut.channels);

    emit_normalise(call, call->out[1], call->out[2], 0);
}

const struct launch_op launch_batch_norm = {.workspace = batch_norm_workspace,
                                            .emit = batch_norm_emit};

static void batch_norm_apply_emit(struct launch_call *call)
{
    emit_normalise(call, call->in[3], call->in[4], 0);
}

const struct launch_op launch_batch_norm_apply = {.emit = batch_norm_apply_emit};

static const char *batch_norm_eval_supports(const struct launch_call *call)
{
    return call->params->norm.eps > 0 ? NULL : "needs an eps above 0";
}

static void batch_norm_eval_emit(struct launch_call *call)
{
    emit_normalise(call, call->in[3], call->in[4], call->params->norm.eps);
}

const struct launch_op launch_batch_norm_eval = {.supports = batch_norm_eval_supports,
                                                 .emit = batch_norm_eval_emit};

/* The workspace of gradients: partial sums, then their totals (2, C). */
static size_t gradient_workspace(const struct launch_call *call)
{
    const struct cut cut = cut_of(call, call->in[1]);
    return partial_bytes(call, &cut) + (size_t)(2 * cut.channels) * launch_real_bytes(call);
}

static void emit_sums(struct launch_call *call, const struct cut *cut, const char *kernel)
{
    const size_t real = launch_real_bytes(call);
    launch_kernel(call, LAUNCH_NORM, kernel, cut->lanes, NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->in[1]);
    launch_value(call, call->in[3]);
    launch_value(call, call->in[4]);
    launch_scratch(call, 0, real);
    over_pieces(call, cut);

    launch_kernel(call, LAUNCH_NORM, "join_gradients", cut->lanes, NULL, 0);
    launch_scratch(call, 0, real);
    launch_scratch(call, partial_bytes(call, cut), real);
    launch_value(call, call->out[1]);
    launch_value(call, call->out[2]);
    launch_int(call, call->out[1] != NULL);
    launch_int(call, call->out[2] != NULL);
    launch_int(call, cut->channels);
    launch_int(call, cut->pieces);
    launch_1d(call, cut->channels);
}

static void batch_norm_grad_emit(struct launch_call *call)
{
    const struct cut cut = cut_of(call, call->in[1]);
    emit_sums(call, &cut, "batch_norm_grad_pieces");
    launch_kernel(call, LAUNCH_NORM, "batch_norm_grad", cut.lanes, NULL, 0);
    for (int i = 0; i < 5; i++) launch_value(call, call->in[i]);
    launch_scratch(call, partial_bytes(call, &cut), launch_real_bytes(call));
    launch_value(call, call->out[0]);
    over_rows(call, &cut);
}

const struct launch_op launch_batch_norm_grad = {.workspace = gradient_workspace,
                                                 .emit = batch_norm_grad_emit};

static void layer_norm_emit(struct launch_call *call)
{
    const struct cut cut = cut_of(call, call->in[0]);
    launch_kernel(call, LAUNCH_NORM, "layer_norm", cut.lanes, NULL, 0);
    for (int i = 0; i < 3; i++) launch_value(call, call->in[i]);
    for (int i = 0; i < 3; i++) launch_value(call, call->out[i]);
    launch_int(call, call->out[1] != NULL);
    launch_int(call, call->out[2] != NULL);
    launch_int(call, cut.rows);
    launch_int(call, cut.channels);
    launch_real(call, call->params->norm.eps);
    launch_1d(call, cut.rows);
}

const struct launch_op launch_layer_norm = {.emit = layer_norm_emit};

static void layer_norm_grad_emit(struct launch_call *call)
{
    const struct cut cut = cut_of(call, call->in[1]);
    if (call->out[1] || call->out[2]) emit_sums(call, &cut, "layer_norm_grad_pieces");
    launch_kernel(call, LAUNCH_NORM, "layer_norm_grad", cut.lanes, NULL, 0);
    for (int i = 0; i < 5; i++) launch_value(call, call->in[i]);
    launch_value(call, call->out[0]);
    launch_int(call, cut.rows);
    launch_int(call, cut.channels);
    launch_1d(call, cut.rows);
}

const struct launch_op launch_layer_norm_grad = {.workspace = gradient_workspace,
                                                 .emit = layer_norm_grad_emit};
