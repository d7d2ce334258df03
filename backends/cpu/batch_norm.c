/* Batch norm over the rows of an image batch: a matrix of images * height * width rows and C
 * channels. */
#include "backends/cpu/ops.h"

#include <math.h>
#include <string.h>

enum { CHANNEL_BLOCK = 64 };

/* ---- y = act((x - mean) * scale + beta + residual), what all forward kernels end with ---- */

struct affine {
    const real *mean, *scale, *beta, *residual; /* residual may be NULL */
    bool relu;
};

static void affine_rows(const struct affine *affine, const real *x, real *y, int64_t first,
                        int64_t rows, int64_t channels)
{
    const real *mean = affine->mean, *scale = affine->scale, *beta = affine->beta;
    for (int64_t r = first; r < first + rows; r++) {
        const real *in = x + r * channels;
        const real *residual = affine->residual ? affine->residual + r * channels : NULL;
        real *out = y + r * channels;
        if (residual && affine->relu) {
#pragma omp simd
            for (int64_t c = 0; c < channels; c++)
                out[c] = relu((in[c] - mean[c]) * scale[c] + beta[c] + residual[c]);
        } else if (residual) {
#pragma omp simd
            for (int64_t c = 0; c < channels; c++)
                out[c] = (in[c] - mean[c]) * scale[c] + beta[c] + residual[c];
        } else if (affine->relu) {
#pragma omp simd
            for (int64_t c = 0; c < channels; c++)
                out[c] = relu((in[c] - mean[c]) * scale[c] + beta[c]);
        } else {
#pragma omp simd
            for (int64_t c = 0; c < channels; c++) out[c] = (in[c] - mean[c]) * scale[c] + beta[c];
        }
    }
}

/* From the rounded rstd, so that OP_BATCH_NORM_APPLY finds the same one. */
static real scale_of(real gamma, real rstd)
{
    return gamma * rstd;
}

/* ---- training ---- */

/* sum[c] of the piece's rows, then m2[c] = sum of squared differences from the piece's own mean:
 * the piece is still in the cache for the second pass. */
static void piece_moments(const real *x, int64_t rows, int64_t channels, double *sum, double *m2)
{
    memset(sum, 0, (size_t)channels * sizeof *sum);
    memset(m2, 0, (size_t)channels * sizeof *m2);
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const real *x0 = x + r * channels, *x1 = x0 + channels, *x2 = x1 + channels,
                   *x3 = x2 + channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; c++)
            sum[c] += ((double)x0[c] + (double)x1[c]) + ((double)x2[c] + (double)x3[c]);
    }
    for (; r < rows; r++)
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) sum[c] += (double)x[r * channels + c];

    double share = 1 / (double)rows;
    for (r = 0; r + 4 <= rows; r += 4) {
        const real *x0 = x + r * channels, *x1 = x0 + channels, *x2 = x1 + channels,
                   *x3 = x2 + channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
            double mean = sum[c] * share;
            double d0 = (double)x0[c] - mean, d1 = (double)x1[c] - mean;
            double d2 = (double)x2[c] - mean, d3 = (double)x3[c] - mean;
            m2[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
        }
    }
    for (; r < rows; r++)
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
            double d = (double)x[r * channels + c] - sum[c] * share;
            m2[c] += d * d;
        }
}

/* Joins the pieces' moments of up to CHANNEL_BLOCK channels (Chan, Golub and LeVeque, 1979): the
 * squared differences from the common mean are those from each piece's mean plus piece size *
 * (piece mean - common mean)^2. */
static void join_moments(const struct pieces *pieces, const double *partial, int64_t channels,
                         int64_t width, double *mean, double *m2)
{
    memset(mean, 0, (size_t)width * sizeof *mean);
    memset(m2, 0, (size_t)width * sizeof *m2);
    for (int64_t piece = 0; piece < pieces->count; piece++)
        for (int64_t c = 0; c < width; c++) mean[c] += partial[piece * 2 * channels + c];
    for (int64_t c = 0; c < width; c++) mean[c] /= (double)pieces->total;
    for (int64_t piece = 0; piece < pieces->count; piece++) {
        const double *sum = partial + piece * 2 * channels;
        double size = (double)piece_size(pieces, piece);
        for (int64_t c = 0; c < width; c++) {
            double d = sum[c] / size - mean[c];
            m2[c] += sum[channels + c] + size * d * d;
        }
    }
}

/* Statistics, running statistics and scales of the channels first .. first + width - 1. */
static void finish_channels(const struct cpu_call *call, const struct pieces *pieces,
                            const double *partial, real *scale, int64_t first, int64_t width)
{
    const struct norm_params *params = &call->params->norm;
    const real *gamma = call->x[1];
    real *mean = call->y[1], *rstd = call->y[2];
    /* the graph keeps running statistics as inputs and this op owns their update */
    real *running_mean = (real *)call->x[3], *running_var = (real *)call->x[4];
    double rows = (double)pieces->total, m[CHANNEL_BLOCK], m2[CHANNEL_BLOCK];
    join_moments(pieces, partial + first, call->in[0]->dim[3], width, m, m2);
    for (int64_t i = 0; i < width; i++) {
        int64_t c = first + i;
        double unbiased = m2[i] / (rows > 1 ? rows - 1 : 1);
        mean[c] = (real)m[i];
        rstd[c] = (real)(1 / sqrt(m2[i] / rows + params->eps));
        scale[c] = scale_of(gamma[c], rstd[c]);
        running_mean[c] =
            (real)((double)running_mean[c] + params->momentum * (m[i] - (double)running_mean[c]));
        running_var[c] =
            (real)((double)running_var[c] + params->momentum * (unbiased - (double)running_var[c]));
    }
}

static size_t batch_norm_workspace(const struct cpu_call *call)
{
    int64_t channels = call->in[0]->dim[3];
    struct pieces pieces = pieces_of_rows(value_rows(call->in[0]), channels);
    return (size_t)(pieces.count * 2 * channels) * sizeof(double) + (size_t)channels * sizeof(real);
}

static void batch_norm_run(const struct cpu_call *call)
{
    const real *x = call->x[0];
    int64_t channels = call->in[0]->dim[3];
    struct pieces pieces = pieces_of_rows(value_rows(call->in[0]), channels);
    double *partial = call->workspace;
    real *scale = (real *)(partial + pieces.count * 2 * channels);
    struct affine affine = {call->y[1], scale, call->x[2], call->x[5], call->params->norm.relu};
#pragma omp parallel num_threads(call->threads) if (pieces.count > 1)
    {
#pragma omp for
        for (int64_t piece = 0; piece < pieces.count; piece++) {
            double *sum = partial + piece * 2 * channels;
            piece_moments(x + piece_begin(&pieces, piece) * channels, piece_size(&pieces, piece),
                          channels, sum, sum + channels);
        }
#pragma omp for
        for (int64_t c = 0; c < channels; c += CHANNEL_BLOCK)
            finish_channels(call, &pieces, partial, scale, c,
                            channels - c < CHANNEL_BLOCK ? channels - c : CHANNEL_BLOCK);
#pragma omp for
        for (int64_t piece = 0; piece < pieces.count; piece++)
            affine_rows(&affine, x, call->y[0], piece_begin(&pieces, piece),
                        piece_size(&pieces, piece), channels);
    }
}

const struct cpu_op CPU_NAME(cpu_batch_norm) = {.workspace = batch_norm_workspace,
                                                .run = batch_norm_run};

/* ---- gradient ---- */

/* sum[c] of dy and product[c] of dy * (x - mean) over the piece's rows. */
static void piece_gradients(const real *dy, const real *x, const real *mean, int64_t rows,
                            int64_t channels, double *sum, double *product)
{
    memset(sum, 0, (size_t)channels * sizeof *sum);
    memset(product, 0, (size_t)channels * sizeof *product);
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const real *x0 = x + r * channels, *x1 = x0 + channels, *x2 = x1 + channels,
                   *x3 = x2 + channels;
        const real *g0 = dy + r * channels, *g1 = g0 + channels, *g2 = g1 + channels,
                   *g3 = g2 + channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
            double m = (double)mean[c];
            double d0 = (double)g0[c], d1 = (double)g1[c], d2 = (double)g2[c], d3 = (double)g3[c];
            sum[c] += (d0 + d1) + (d2 + d3);
            product[c] += (d0 * ((double)x0[c] - m) + d1 * ((double)x1[c] - m)) +
                          (d2 * ((double)x2[c] - m) + d3 * ((double)x3[c] - m));
        }
    }
    for (; r < rows; r++)
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
            double d = (double)dy[r * channels + c];
            sum[c] += d;
            product[c] += d * ((double)x[r * channels + c] - (double)mean[c]);
        }
}

/* What dx = scale * (dy - offset - (x - mean) * slope) needs, each of C elements. */
struct backward {
    real *scale, *offset, *slope;
};

static void finish_gradients(const struct cpu_call *call, const struct pieces *pieces,
                             const double *partial, const struct backward *backward, int64_t first,
                             int64_t width)
{
    const real *gamma = call->x[2], *rstd = call->x[4];
    real *dgamma = call->y[1], *dbeta = call->y[2];
    int64_t channels = call->in[0]->dim[3];
    double rows = (double)pieces->total, sum[CHANNEL_BLOCK] = {0}, product[CHANNEL_BLOCK] = {0};
    for (int64_t piece = 0; piece < pieces->count; piece++) {
        const double *from = partial + piece * 2 * channels + first;
        for (int64_t i = 0; i < width; i++) sum[i] += from[i];
        for (int64_t i = 0; i < width; i++) product[i] += from[channels + i];
    }
    for (int64_t i = 0; i < width; i++) {
        int64_t c = first + i;
        double deviation = (double)rstd[c];
        backward->scale[c] = (real)((double)gamma[c] * deviation);
        backward->offset[c] = (real)(sum[i] / rows);
        backward->slope[c] = (real)(product[i] * deviation * deviation / rows);
        if (dgamma) dgamma[c] += (real)(product[i] * deviation);
        if (dbeta) dbeta[c] += (real)sum[i];
    }
}

static size_t batch_norm_grad_workspace(const struct cpu_call *call)
{
    int64_t channels = call->in[0]->dim[3];
    struct pieces pieces = pieces_of_rows(value_rows(call->in[0]), channels);
    return (size_t)(pieces.count * 2 * channels) * sizeof(double) +
           (size_t)(3 * channels) * sizeof(real);
}

static void batch_norm_grad_run(const struct cpu_call *call)
{
    const real *dy = call->x[0], *x = call->x[1], *mean = call->x[3];
    real *dx = call->y[0];
    int64_t channels = call->in[0]->dim[3];
    struct pieces pieces = pieces_of_rows(value_rows(call->in[0]), channels);
    double *partial = call->workspace;
    real *vectors = (real *)(partial + pieces.count * 2 * channels);
    struct backward backward = {vectors, vectors + channels, vectors + 2 * channels};
#pragma omp parallel num_threads(call->threads) if (pieces.count > 1)
    {
#pragma omp for
        for (int64_t piece = 0; piece < pieces.count; piece++) {
            int64_t begin = piece_begin(&pieces, piece) * channels;
            double *sum = partial + piece * 2 * channels;
            piece_gradients(dy + begin, x + begin, mean, piece_size(&pieces, piece), channels, sum,
                            sum + channels);
        }
#pragma omp for
        for (int64_t c = 0; c < channels; c += CHANNEL_BLOCK)
            finish_gradients(call, &pieces, partial, &backward, c,
                             channels - c < CHANNEL_BLOCK ? channels - c : CHANNEL_BLOCK);
#pragma omp for
        for (int64_t piece = 0; piece < pieces.count; piece++) {
            const real *scale = backward.scale, *offset = backward.offset, *slope = backward.slope;
            int64_t first = piece_begin(&pieces, piece), end = first + piece_size(&pieces, piece);
            for (int64_t r = first; r < end; r++) {
                const real *g = dy + r * channels, *in = x + r * channels;
                real *out = dx + r * channels;
#pragma omp simd
                for (int64_t c = 0; c < channels; c++)
                    out[c] = scale[c] * (g[c] - offset[c] - (in[c] - mean[c]) * slope[c]);
            }
        }
    }
}

const struct cpu_op CPU_NAME(cpu_batch_norm_grad) = {
    .workspace = batch_norm_grad_workspace,
    .run = batch_norm_grad_run,
};

/* ---- from given statistics ---- */

static size_t scale_workspace(const struct cpu_call *call)
{
    return (size_t)call->in[0]->dim[3] * sizeof(real);
}

/* With the scales in the workspace. Inputs 2, 3 and 5 are beta, the mean and the residual of
 * both kernels. */
static void affine_run(const struct cpu_call *call)
{
    int64_t channels = call->in[0]->dim[3];
    struct pieces pieces = pieces_of_rows(value_rows(call->in[0]), channels);
    struct affine affine = {call->x[3], call->workspace, call->x[2], call->x[5],
                            call->params->norm.relu};
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++)
        affine_rows(&affine, call->x[0], call->y[0], piece_begin(&pieces, piece),
                    piece_size(&pieces, piece), channels);
}

static void batch_norm_apply_run(const struct cpu_call *call)
{
    const real *gamma = call->x[1], *rstd = call->x[4];
    real *scale = call->workspace;
    for (int64_t c = 0; c < call->in[0]->dim[3]; c++) scale[c] = scale_of(gamma[c], rstd[c]);
    affine_run(call);
}

const struct cpu_op CPU_NAME(cpu_batch_norm_apply) = {.workspace = scale_workspace,
                                                      .run = batch_norm_apply_run};

static void batch_norm_eval_run(const struct cpu_call *call)
{
    const real *gamma = call->x[1], *var = call->x[4];
    real *scale = call->workspace;
    for (int64_t c = 0; c < call->in[0]->dim[3]; c++)
        scale[c] = (real)((double)gamma[c] / sqrt((double)var[c] + call->params->norm.eps));
    affine_run(call);
}

const struct cpu_op CPU_NAME(cpu_batch_norm_eval) = {.workspace = scale_workspace,
                                                     .run = batch_norm_eval_run};
