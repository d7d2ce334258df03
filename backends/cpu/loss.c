/* The weighted mean squared error of two values and its gradient. */
#include "backends/cpu/ops.h"

/* In double, four independent chains of additions. */
static double sum_squared_differences(const real *t, const real *s, int64_t count)
{
    double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    int64_t quarter = count / 4;
#pragma omp simd reduction(+ : sum0, sum1, sum2, sum3)
    for (int64_t i = 0; i < quarter; i++) {
        double d0 = (double)t[i] - (double)s[i];
        double d1 = (double)t[quarter + i] - (double)s[quarter + i];
        double d2 = (double)t[2 * quarter + i] - (double)s[2 * quarter + i];
        double d3 = (double)t[3 * quarter + i] - (double)s[3 * quarter + i];
        sum0 += d0 * d0;
        sum1 += d1 * d1;
        sum2 += d2 * d2;
        sum3 += d3 * d3;
    }
    double sum = (sum0 + sum1) + (sum2 + sum3);
    for (int64_t i = 4 * quarter; i < count; i++) {
        double d = (double)t[i] - (double)s[i];
        sum += d * d;
    }
    return sum;
}

static size_t mse_workspace(const struct cpu_call *call)
{
    return (size_t)pieces_of_elements(value_elements(call->in[0])).count * sizeof(double);
}

static void mse_run(const struct cpu_call *call)
{
    const real *t = call->x[0], *s = call->x[1];
    real *loss = call->y[0];
    double *partial = call->workspace, sum = 0;
    struct pieces pieces = pieces_of_elements(value_elements(call->in[0]));
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t begin = piece_begin(&pieces, piece);
        partial[piece] = sum_squared_differences(t + begin, s + begin, piece_size(&pieces, piece));
    }
    for (int64_t piece = 0; piece < pieces.count; piece++) sum += partial[piece];
    *loss = (real)(call->params->mse.weight * sum / (double)pieces.total);
}

const struct cpu_op CPU_NAME(cpu_mse) = {.workspace = mse_workspace, .run = mse_run};

static void mse_grad_run(const struct cpu_call *call)
{
    const real *dloss = call->x[0];
    struct pieces pieces = pieces_of_elements(value_elements(call->in[1]));
    real factor = (real)((double)*dloss * 2 * call->params->mse.weight / (double)pieces.total);
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t begin = piece_begin(&pieces, piece), size = piece_size(&pieces, piece);
        const real *t = (const real *)call->x[1] + begin, *s = (const real *)call->x[2] + begin;
        real *ds = (real *)call->y[0] + begin;
#pragma omp simd
        for (int64_t i = 0; i < size; i++) ds[i] = factor * (s[i] - t[i]);
    }
}

const struct cpu_op CPU_NAME(cpu_mse_grad) = {.run = mse_grad_run};
