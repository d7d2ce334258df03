/* Layer norm of tokens: a matrix of images * height * width rows and C channels, each row
 * normalised. */
#include "backends/cpu/ops.h"

#include <math.h>
#include <string.h>

static void normalise_token(const real *x, const real *gamma, const real *beta, double eps, real *y,
                            int64_t channels, real *mean, real *rstd)
{
    double sum = 0, m2 = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < channels; c++) sum += (double)x[c];
    double m = sum / (double)channels;
#pragma omp simd reduction(+ : m2)
    for (int64_t c = 0; c < channels; c++) m2 += ((double)x[c] - m) * ((double)x[c] - m);
    real centre = (real)m, scale = (real)(1 / sqrt(m2 / (double)channels + eps));
#pragma omp simd
    for (int64_t c = 0; c < channels; c++) y[c] = (x[c] - centre) * scale * gamma[c] + beta[c];
    if (mean) *mean = centre;
    if (rstd) *rstd = scale;
}

static void layer_norm_run(const struct cpu_call *call)
{
    const real *x = call->x[0], *gamma = call->x[1], *beta = call->x[2];
    real *y = call->y[0], *mean = call->y[1], *rstd = call->y[2];
    int64_t channels = call->in[0]->dim[3];
    struct pieces pieces = pieces_of_rows(value_rows(call->in[0]), channels);
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t first = piece_begin(&pieces, piece), end = first + piece_size(&pieces, piece);
        for (int64_t t = first; t < end; t++)
            normalise_token(x + t * channels, gamma, beta, call->params->norm.eps, y + t * channels,
                            channels, mean ? mean + t : NULL, rstd ? rstd + t : NULL);
    }
}

const struct cpu_op CPU_NAME(cpu_layer_norm) = {.run = layer_norm_run};

/* ---- gradient ---- */

/* dbeta[c] = sum of dy and dgamma[c] = sum of dy * (x - mean) * rstd over `rows` tokens. */
static void piece_parameters(const real *dy, const real *x, const real *mean, const real *rstd,
                             int64_t rows, int64_t channels, double *dbeta, double *dgamma)
{
    memset(dbeta, 0, (size_t)channels * sizeof *dbeta);
    memset(dgamma, 0, (size_t)channels * sizeof *dgamma);
    int64_t t = 0;
    for (; t + 4 <= rows; t += 4) {
        const real *x0 = x + t * channels, *x1 = x0 + channels, *x2 = x1 + channels,
                   *x3 = x2 + channels;
        const real *g0 = dy + t * channels, *g1 = g0 + channels, *g2 = g1 + channels,
                   *g3 = g2 + channels;
        real m0 = mean[t], m1 = mean[t + 1], m2 = mean[t + 2], m3 = mean[t + 3];
        real s0 = rstd[t], s1 = rstd[t + 1], s2 = rstd[t + 2], s3 = rstd[t + 3];
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
            double d0 = (double)g0[c], d1 = (double)g1[c], d2 = (double)g2[c], d3 = (double)g3[c];
            dbeta[c] += (d0 + d1) + (d2 + d3);
            dgamma[c] += (d0 * (double)((x0[c] - m0) * s0) + d1 * (double)((x1[c] - m1) * s1)) +
                         (d2 * (double)((x2[c] - m2) * s2) + d3 * (double)((x3[c] - m3) * s3));
        }
    }
    for (; t < rows; t++)
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
            double d = (double)dy[t * channels + c];
            dbeta[c] += d;
            dgamma[c] += d * (double)((x[t * channels + c] - mean[t]) * rstd[t]);
        }
}

/* dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) with g = dy * gamma. dx may be dy. */
static void token_gradient(const real *dy, const real *x, const real *gamma, real mean, real rstd,
                           real *dx, int64_t channels)
{
    double sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (int64_t c = 0; c < channels; c++) {
        double g = (double)(dy[c] * gamma[c]);
        sum += g;
        product += g * (double)(x[c] - mean);
    }
    real offset = (real)(sum / (double)channels);
    real slope = (real)(product * (double)rstd * (double)rstd / (double)channels);
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        dx[c] = rstd * (dy[c] * gamma[c] - offset - (x[c] - mean) * slope);
}

/* parameter[c] += sum of a column of partial sums, `stride` apart, in the order of the pieces. */
static void add_partial(real *parameter, const double *partial, int64_t stride, int64_t count,
                        int64_t channels, int threads)
{
#pragma omp parallel for num_threads(threads) if (count * channels > PIECE_MIN_ELEMENTS)
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int64_t piece = 0; piece < count; piece++) sum += partial[piece * stride + c];
        parameter[c] += (real)sum;
    }
}

static size_t layer_norm_grad_workspace(const struct cpu_call *call)
{
    int64_t channels = call->in[0]->dim[3];
    struct pieces pieces = pieces_of_rows(value_rows(call->in[0]), channels);
    if (!call->out[1] && !call->out[2]) return 0;
    return (size_t)(pieces.count * 2 * channels) * sizeof(double);
}

static void layer_norm_grad_run(const struct cpu_call *call)
{
    const real *dy = call->x[0], *x = call->x[1], *gamma = call->x[2], *mean = call->x[3],
               *rstd = call->x[4];
    real *dx = call->y[0], *dgamma = call->y[1], *dbeta = call->y[2];
    double *partial = call->workspace;
    int64_t channels = call->in[0]->dim[3];
    struct pieces pieces = pieces_of_rows(value_rows(call->in[0]), channels);
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t first = piece_begin(&pieces, piece), end = first + piece_size(&pieces, piece);
        if (dgamma || dbeta) { /* before dx, which may overwrite dy */
            double *sums = partial + piece * 2 * channels;
            piece_parameters(dy + first * channels, x + first * channels, mean + first,
                             rstd + first, end - first, channels, sums, sums + channels);
        }
        for (int64_t t = first; t < end; t++)
            token_gradient(dy + t * channels, x + t * channels, gamma, mean[t], rstd[t],
                           dx + t * channels, channels);
    }
    if (dbeta) add_partial(dbeta, partial, 2 * channels, pieces.count, channels, call->threads);
    if (dgamma)
        add_partial(dgamma, partial + channels, 2 * channels, pieces.count, channels, call->threads);
}

const struct cpu_op CPU_NAME(cpu_layer_norm_grad) = {
    .workspace = layer_norm_grad_workspace,
    .run = layer_norm_grad_run,
};
