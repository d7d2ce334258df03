/* A device's answer against the reference's, and how far apart they may be. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/selftest/selftest.h"

static int64_t elements(const struct slot *slot)
{
    return slot->dim[0] * slot->dim[1] * slot->dim[2] * slot->dim[3];
}

static bool is_attention(enum op op)
{
    return op == OP_ROUTED_ATTENTION || op == OP_ROUTED_ATTENTION_GRAD;
}

/* Number of rounded operations the longest sum of the op has. */
static double reduction_length(const struct selftest_case *test, const struct case_shape *shape)
{
    const struct slot *in = shape->slot, *out = shape->slot + NODE_MAX_INPUTS;
    const int64_t *x = test->x;
    switch (test->op) {
    case OP_CONV2D: return (double)(test->r * test->s * x[3]);
    case OP_CONV2D_GRAD_INPUT: return (double)(test->r * test->s * test->o);
    case OP_CONV2D_GRAD_WEIGHT: return (double)elements(&in[1]) / (double)test->o;
    case OP_CONVT2X2: return (double)x[3];
    case OP_CONVT2X2_GRAD_INPUT: return (double)(4 * test->o);
    case OP_CONVT2X2_GRAD_WEIGHT: return (double)(x[0] * x[1] * x[2]);
    case OP_BATCH_NORM:
    case OP_BATCH_NORM_GRAD: return (double)(x[0] * x[1] * x[2]);
    case OP_LAYER_NORM:
    case OP_COSINE_MAP: return (double)x[3];
    case OP_LAYER_NORM_GRAD: return fmax((double)x[3], (double)(x[0] * x[1] * x[2]));
    case OP_WINDOW_MEAN: return (double)(x[1] * x[2]) / (test->windows * test->windows) + 1;
    case OP_ROUTED_ATTENTION:
    case OP_ROUTED_ATTENTION_GRAD:
        return fmax((double)x[3],
                    (double)(test->topk * x[1] * x[2]) / (test->windows * test->windows));
    case OP_MSE:
    case OP_NORM: return (double)elements(&in[0]);
    /* The source position, at most the larger side, is rounded before its fraction is taken. */
    case OP_RESIZE: return fmax((double)(x[1] * x[1]), (double)(x[2] * x[2]));
    case OP_GAUSSIAN_BLUR: return 16 * test->value + 2;
    default: return (double)(out->dim[0] > 0);
    }
}

/* Or only rounds, to what the reference is rounded to as well. */
static bool only_chooses(enum op op)
{
    switch (op) {
    case OP_RELU:
    case OP_RELU_GRAD:
    case OP_MAX_POOL:
    case OP_ROUTE:
    case OP_MAX:
    case OP_NARROW:
    case OP_FILL: return true;
    default: return false;
    }
}

/* Whether an op multiplies what tf32 rounds, and 16-bit attention rounds between its two products. */
static bool has_products(enum op op)
{
    return op <= OP_CONVT2X2_GRAD_WEIGHT || is_attention(op);
}

/* Sums. Rounding a partial sum of k terms of size a, signs at random, errs by u * a * sqrt(k), u
 * the unit roundoff; over a sum of L terms these errors, independent of each other, add to about u
 * * a * L / sqrt(2), while the sum itself has the size a * sqrt(L). The largest error relative to
 * the largest result is therefore at most about u * sqrt(L) (terms added one by one; blocked sums
 * err less), and a few u for what is done to the sum afterwards: u * (c1 * sqrt(L) + c2). c1 and c2
 * leave a factor of about four over what the worst case of the CPU backend shows. Element by
 * element, the number of roundings is the bound.
 *
 * Attention. A score of size z is rounded to u * z, which its exponential turns into a relative
 * error of the weight. With the inputs' spread of 1/sqrt(3), scores have the size scale *
 * sqrt(channels of a head) / 3.
 *
 * Cancellation. An x of mean `offset` and spread about 1 is rounded to u * offset, and a norm takes
 * the mean off again: its error is larger by the factor 1 + |offset|. A variance taken as E[x^2] -
 * m^2 would be worse by another such factor and fail.
 *
 * Ops that only choose among numbers they are given must give them back exactly. In double the
 * reference rounds as well, which doubles everything.
 *
 * Fewer digits. A result stored in 16 bits is rounded once more, by the unit roundoff of that type. Factors of a
 * product rounded to 11 digits each err by 2^-11, which a sum with signs at random makes no larger in relation to its
 * size; weights of attention and their gradients are rounded between two products. The factor of four is left over
 * these, too. A score of attention whose factors were rounded so errs by its size times 2^-11, as above; the factor left
 * there is three. */
static double extra_tolerance(const struct selftest_data *data, int slot)
{
    const double stored = data->real == DTYPE_F16 ? 0x1p-11 : data->real == DTYPE_BF16 ? 0x1p-8 : 0;
    const enum op op = data->test->op;
    const struct selftest_case *test = data->test;
    double extra = 0;
    if (dtype_is_16_bit(selftest_slot_type(data, slot)) && !only_chooses(op)) extra += stored;
    if (is_attention(op)) extra += 4 * stored;
    if (data->precision == MVAD_PRECISION_TF32 && has_products(op)) extra += 4 * 0x1p-11;
    if (data->precision == MVAD_PRECISION_TF32 && is_attention(op))
        extra += 0x1p-11 * fabs(test->value) * sqrt((double)test->x[3] / test->heads);
    return extra;
}

static double float_tolerance(const struct selftest_data *data)
{
    const struct selftest_case *test = data->test;
    double unit = data->precision == MVAD_PRECISION_F64 ? 2 * 0x1p-53 : 0x1p-24;
    double length = sqrt(reduction_length(test, &data->shape));
    if (only_chooses(test->op)) return 0;
    switch (test->op) {
    case OP_ADD:
    case OP_DROPOUT: return unit * 3;
    case OP_MSE:
    case OP_NORM: return unit * (0.5 * length + 12);
    case OP_BATCH_NORM:
    case OP_BATCH_NORM_APPLY:
    case OP_BATCH_NORM_GRAD:
    case OP_BATCH_NORM_EVAL:
    case OP_LAYER_NORM:
    case OP_LAYER_NORM_GRAD: return unit * (length + 8) * (1 + fabs(test->offset));
    case OP_ROUTED_ATTENTION:
    case OP_ROUTED_ATTENTION_GRAD:
        return unit *
               (2 * length + 24 + 6 * fabs(test->value) * sqrt((double)test->x[3] / test->heads));
    default: return unit * (2 * length + 12);
    }
}

double selftest_tolerance(const struct selftest_data *data, int slot)
{
    return float_tolerance(data) + extra_tolerance(data, slot);
}

/* Largest difference over largest reference value. NaN and infinity count as infinitely wrong. */
static double relative_error(const struct reference_tensor *got,
                             const struct reference_tensor *want, double scale, int64_t *worst)
{
    double difference = 0;
    for (int64_t i = 0; i < reference_count(want); i++) {
        double d = isfinite(got->real[i]) ? fabs(got->real[i] - want->real[i]) : INFINITY;
        if (d > difference) {
            difference = d;
            *worst = i;
        }
        scale = fmax(scale, fabs(want->real[i]));
    }
    return difference > 0 ? difference / scale : 0;
}

static int ascending(const void *a, const void *b)
{
    int32_t first = *(const int32_t *)a, second = *(const int32_t *)b;
    return first < second ? -1 : first > second;
}

/* Share of the determined rows that differ as sets. Sorts `got`. A case without such a row is
 * wrong. */
static double routing_error(const struct selftest_data *data, const struct reference_tensor *got,
                            const struct reference_tensor *want, int64_t *worst)
{
    int64_t rows = want->dim[0] * want->dim[1], topk = want->dim[2], determined = 0, different = 0;
    for (int64_t row = 0; row < rows; row++) {
        int32_t *row_got = got->index + row * topk, *row_want = want->index + row * topk;
        if (data->open_rows[row]) continue;
        determined++;
        qsort(row_got, (size_t)topk, sizeof *row_got, ascending);
        qsort(row_want, (size_t)topk, sizeof *row_want, ascending);
        for (int64_t i = 0; i < topk; i++) {
            if (row_got[i] == row_want[i]) continue;
            if (!different++) *worst = row * topk + i;
            break;
        }
    }
    return determined ? (double)different / (double)determined : INFINITY;
}

/* Whether this output leaves less of its tolerance, or exceeds it by more, than the verdict's. */
static bool is_worse(double error, double tolerance, const struct selftest_verdict *verdict)
{
    if (!isfinite(error)) return true;
    return error * verdict->tolerance > verdict->error * tolerance ||
           (error > tolerance && verdict->error <= verdict->tolerance);
}

void selftest_compare(const struct selftest_data *data, const struct selftest_result *result,
                      struct selftest_verdict *verdict)
{
    /* One minus a cosine is rounded as a number of size 1, however small it is. */
    double scale = data->test->op == OP_COSINE_MAP ? 1 : 0;
    *verdict = (struct selftest_verdict){.passed = true};
    int compared = 0;
    for (int i = 0; i < SLOT_COUNT; i++) {
        const struct reference_tensor *got = &result->after[i], *want = &data->after[i];
        int64_t worst = 0;
        if (!want->real && !want->index) continue;
        compared++;
        double error = want->index ? routing_error(data, got, want, &worst)
                                   : relative_error(got, want, scale, &worst);
        const double tolerance = selftest_tolerance(data, i);
        if (compared == 1 || is_worse(error, tolerance, verdict)) {
            verdict->error = error;
            verdict->tolerance = tolerance;
        }
        if (error <= tolerance || !verdict->passed) continue;
        verdict->passed = false;
        snprintf(verdict->detail, sizeof verdict->detail,
                 "seed 0x%016llx, %s %d, element %lld: %.9g, not %.9g",
                 (unsigned long long)data->seed, i < NODE_MAX_INPUTS ? "input" : "output",
                 i % NODE_MAX_INPUTS, (long long)worst,
                 want->index ? got->index[worst] : got->real[worst],
                 want->index ? want->index[worst] : want->real[worst]);
    }
    if (compared && !result->problem[0]) return;
    verdict->passed = false;
    if (!verdict->detail[0])
        snprintf(verdict->detail, sizeof verdict->detail, "seed 0x%016llx, %s",
                 (unsigned long long)data->seed, compared ? result->problem : "nothing to compare");
}
