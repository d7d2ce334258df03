/* The norm of all gradients and one AdamW step, over flat blocks. */
#include "backends/cpu/ops.h"

#include <math.h>

/* In double, four independent chains of additions. */
static double sum_squares(const real *x, int64_t count)
{
    double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    int64_t quarter = count / 4;
#pragma omp simd reduction(+ : sum0, sum1, sum2, sum3)
    for (int64_t i = 0; i < quarter; i++) {
        double x0 = (double)x[i], x1 = (double)x[quarter + i];
        double x2 = (double)x[2 * quarter + i], x3 = (double)x[3 * quarter + i];
        sum0 += x0 * x0;
        sum1 += x1 * x1;
        sum2 += x2 * x2;
        sum3 += x3 * x3;
    }
    double sum = (sum0 + sum1) + (sum2 + sum3);
    for (int64_t i = 4 * quarter; i < count; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

static size_t norm_workspace(const struct cpu_call *call)
{
    return (size_t)pieces_of_elements(value_elements(call->in[0])).count * sizeof(double);
}

static void norm_run(const struct cpu_call *call)
{
    const real *x = call->x[0];
    real *norm = call->y[0];
    double *partial = call->workspace, sum = 0;
    struct pieces pieces = pieces_of_elements(value_elements(call->in[0]));
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++)
        partial[piece] = sum_squares(x + piece_begin(&pieces, piece), piece_size(&pieces, piece));
    for (int64_t piece = 0; piece < pieces.count; piece++) sum += partial[piece];
    *norm = (real)sqrt(sum);
}

const struct cpu_op CPU_NAME(cpu_norm) = {.workspace = norm_workspace, .run = norm_run};

static inline real square_root(real x)
{
#ifdef CPU_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

static void adamw_run(const struct cpu_call *call)
{
    const real *hyper = call->x[2];
    const double norm = (double)*(const real *)call->x[1], unscale = (double)hyper[ADAMW_UNSCALE];
    if (!isfinite(norm)) return;
    double clip = (double)hyper[ADAMW_CLIP_NORM] / (norm * unscale + 1e-6);
    if (clip > 1) clip = 1;
    double rate = (double)hyper[ADAMW_LEARNING_RATE];
    real factor = (real)(clip * unscale), beta1 = hyper[ADAMW_BETA1], beta2 = hyper[ADAMW_BETA2];
    real rest1 = 1 - beta1, rest2 = 1 - beta2, epsilon = hyper[ADAMW_EPSILON];
    real decay = (real)(rate * (double)hyper[ADAMW_WEIGHT_DECAY]);
    real step = (real)(rate / (double)hyper[ADAMW_BIAS1]);
    real unbias = (real)(1 / sqrt((double)hyper[ADAMW_BIAS2]));
    struct pieces pieces = pieces_of_elements(value_elements(call->in[0]));
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t begin = piece_begin(&pieces, piece), size = piece_size(&pieces, piece);
        const real *gradient = (const real *)call->x[0] + begin;
        real *p = (real *)call->y[0] + begin, *m = (real *)call->y[1] + begin;
        real *v = (real *)call->y[2] + begin;
#pragma omp simd
        for (int64_t i = 0; i < size; i++) {
            real g = factor * gradient[i];
            m[i] = beta1 * m[i] + rest1 * g;
            v[i] = beta2 * v[i] + rest2 * g * g;
            /* decay and step in one subtraction: 1 - decay would lose most of decay's digits in
             * float */
            p[i] -= decay * p[i] + step * m[i] / (square_root(v[i]) * unbias + epsilon);
        }
    }
}

const struct cpu_op CPU_NAME(cpu_adamw) = {.run = adamw_run};
