/* Elementwise ops, losses, maps and the optimizer; and the table of all ops. */
#include <math.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/selftest/reference.h"

static void add(const struct reference_call *call)
{
    const struct reference_tensor *a = call->in[0], *b = call->in[1];
    int64_t repeat = reference_count(b);
    for (int64_t i = 0; i < reference_count(a); i++) {
        double sum = a->real[i] + b->real[i % repeat];
        call->out[0]->real[i] = call->params->add.relu && sum < 0 ? 0 : sum;
    }
}

static void relu(const struct reference_call *call)
{
    for (int64_t i = 0; i < reference_count(call->in[0]); i++)
        call->out[0]->real[i] = call->in[0]->real[i] > 0 ? call->in[0]->real[i] : 0;
}

/* Rounded by the caller. */
static void narrow(const struct reference_call *call)
{
    for (int64_t i = 0; i < reference_count(call->in[0]); i++)
        call->out[0]->real[i] = call->in[0]->real[i];
}

static void relu_grad(const struct reference_call *call)
{
    for (int64_t i = 0; i < reference_count(call->in[0]); i++)
        call->out[0]->real[i] = call->in[1]->real[i] > 0 ? call->in[0]->real[i] : 0;
}

static void dropout(const struct reference_call *call)
{
    const struct dropout_params *params = &call->params->dropout;
    const struct reference_tensor *x = call->in[0], *random = call->in[1];
    const struct random_state state = {random->word[0], random->word[1], random->word[2],
                                       random->word[3]};
    int64_t image = reference_count(x) / x->dim[0];
    for (int64_t i = 0; i < reference_count(x); i++) {
        int64_t number = params->per_image ? i / image : i;
        float uniform[4];
        random_block(&state, params->salt, (uint64_t)(number / 4), uniform);
        call->out[0]->real[i] =
            (double)uniform[number % 4] >= params->p ? x->real[i] / (1 - params->p) : 0;
    }
}

static void max_pool(const struct reference_call *call)
{
    const struct reference_tensor *x = call->in[0];
    struct reference_tensor *y = call->out[0];
    for (int64_t n = 0; n < y->dim[0]; n++) {
        for (int64_t h = 0; h < y->dim[1]; h++) {
            for (int64_t w = 0; w < y->dim[2]; w++) {
                for (int64_t c = 0; c < y->dim[3]; c++) {
                    double largest = -INFINITY;
                    for (int64_t row = 2 * h - 1; row <= 2 * h + 1; row++)
                        for (int64_t column = 2 * w - 1; column <= 2 * w + 1; column++)
                            if (row >= 0 && row < x->dim[1] && column >= 0 && column < x->dim[2])
                                largest =
                                    fmax(largest, x->real[reference_at(x, n, row, column, c)]);
                    y->real[reference_at(y, n, h, w, c)] = largest;
                }
            }
        }
    }
}

static void mse(const struct reference_call *call)
{
    double sum = 0;
    int64_t count = reference_count(call->in[0]);
    for (int64_t i = 0; i < count; i++)
        sum += (call->in[0]->real[i] - call->in[1]->real[i]) *
               (call->in[0]->real[i] - call->in[1]->real[i]);
    call->out[0]->real[0] = call->params->mse.weight * sum / (double)count;
}

static void mse_grad(const struct reference_call *call)
{
    int64_t count = reference_count(call->in[1]);
    double factor = call->in[0]->real[0] * 2 * call->params->mse.weight / (double)count;
    for (int64_t i = 0; i < count; i++)
        call->out[0]->real[i] = factor * (call->in[2]->real[i] - call->in[1]->real[i]);
}

static void cosine_map(const struct reference_call *call)
{
    const struct reference_tensor *t = call->in[0], *s = call->in[1];
    int64_t channels = t->dim[3];
    double eps = call->params->norm.eps;
    for (int64_t i = 0; i < reference_count(t) / channels; i++) {
        double ts = 0, tt = 0, ss = 0;
        for (int64_t c = i * channels; c < (i + 1) * channels; c++) {
            ts += t->real[c] * s->real[c];
            tt += t->real[c] * t->real[c];
            ss += s->real[c] * s->real[c];
        }
        call->out[0]->real[i] = 1 - ts / (fmax(sqrt(tt), eps) * fmax(sqrt(ss), eps));
    }
}

/* Position of output row or column i of `to` on an axis of `from`, corners on corners. */
static double aligned(int64_t i, int64_t from, int64_t to)
{
    return to > 1 ? (double)i * (double)(from - 1) / (double)(to - 1) : 0;
}

static void resize(const struct reference_call *call)
{
    const struct reference_tensor *x = call->in[0], *addend = call->in[1];
    struct reference_tensor *y = call->out[0];
    for (int64_t n = 0; n < y->dim[0]; n++) {
        for (int64_t h = 0; h < y->dim[1]; h++) {
            for (int64_t w = 0; w < y->dim[2]; w++) {
                for (int64_t c = 0; c < y->dim[3]; c++) {
                    double row = aligned(h, x->dim[1], y->dim[1]),
                           column = aligned(w, x->dim[2], y->dim[2]), sum = 0;
                    /* Every source pixel with its hat function: 1 on the pixel, 0 from one pixel
                     * away on. */
                    for (int64_t i = 0; i < x->dim[1]; i++)
                        for (int64_t j = 0; j < x->dim[2]; j++)
                            sum += fmax(0, 1 - fabs(row - (double)i)) *
                                   fmax(0, 1 - fabs(column - (double)j)) *
                                   x->real[reference_at(x, n, i, j, c)];
                    int64_t at = reference_at(y, n, h, w, c);
                    y->real[at] =
                        call->params->resize.scale * sum + (addend ? addend->real[at] : 0);
                }
            }
        }
    }
}

static int64_t mirrored(int64_t i, int64_t size)
{
    while (i < 0 || i >= size) i = i < 0 ? -i - 1 : 2 * size - 1 - i;
    return i;
}

static void gaussian_blur(const struct reference_call *call)
{
    const struct reference_tensor *x = call->in[0];
    double sigma = call->params->blur.sigma;
    int64_t radius = (int64_t)(4 * sigma + 0.5);
    for (int64_t n = 0; n < x->dim[0]; n++) {
        for (int64_t h = 0; h < x->dim[1]; h++) {
            for (int64_t w = 0; w < x->dim[2]; w++) {
                double sum = 0, weights = 0;
                for (int64_t i = -radius; i <= radius; i++) {
                    double row_sum = 0,
                           row_weights = 0; /* a row at a time: fewer roundings than one long sum */
                    for (int64_t j = -radius; j <= radius; j++) {
                        double weight = exp(-0.5 * (double)(i * i + j * j) / (sigma * sigma));
                        row_weights += weight;
                        row_sum += weight * x->real[reference_at(x, n, mirrored(h + i, x->dim[1]),
                                                                 mirrored(w + j, x->dim[2]), 0)];
                    }
                    sum += row_sum;
                    weights += row_weights;
                }
                call->out[0]->real[reference_at(x, n, h, w, 0)] = sum / weights;
            }
        }
    }
}

static void max(const struct reference_call *call)
{
    const struct reference_tensor *x = call->in[0];
    int64_t image = reference_count(x) / x->dim[0];
    for (int64_t n = 0; n < x->dim[0]; n++) {
        call->out[0]->real[n] = x->real[n * image];
        for (int64_t i = 0; i < image; i++)
            call->out[0]->real[n] = fmax(call->out[0]->real[n], x->real[n * image + i]);
    }
}

static void fill(const struct reference_call *call)
{
    for (int64_t i = 0; i < reference_count(call->out[0]); i++)
        call->out[0]->real[i] = call->params->fill.value;
}

static void norm(const struct reference_call *call)
{
    double sum = 0;
    for (int64_t i = 0; i < reference_count(call->in[0]); i++)
        sum += call->in[0]->real[i] * call->in[0]->real[i];
    call->out[0]->real[0] = sqrt(sum);
}

static void adamw(const struct reference_call *call)
{
    const double *hyper = call->in[2]->real;
    const double unscale = hyper[ADAMW_UNSCALE], norm = call->in[1]->real[0];
    if (!isfinite(norm)) return;
    double clip = fmin(1, hyper[ADAMW_CLIP_NORM] / (norm * unscale + 1e-6));
    for (int64_t i = 0; i < reference_count(call->in[0]); i++) {
        double g = call->in[0]->real[i] * unscale * clip, *p = call->out[0]->real + i,
               *m = call->out[1]->real + i, *v = call->out[2]->real + i;
        *p -= hyper[ADAMW_LEARNING_RATE] * hyper[ADAMW_WEIGHT_DECAY] * *p;
        *m = hyper[ADAMW_BETA1] * *m + (1 - hyper[ADAMW_BETA1]) * g;
        *v = hyper[ADAMW_BETA2] * *v + (1 - hyper[ADAMW_BETA2]) * g * g;
        *p -= hyper[ADAMW_LEARNING_RATE] / hyper[ADAMW_BIAS1] * *m /
              (sqrt(*v / hyper[ADAMW_BIAS2]) + hyper[ADAMW_EPSILON]);
    }
}

mvad_status reference_run(const struct reference_call *call, mvad_error *error)
{
    static void (*const simple[OP_COUNT])(const struct reference_call *) = {
        [OP_CONV2D] = reference_conv2d,
        [OP_CONV2D_GRAD_INPUT] = reference_conv2d_grad_input,
        [OP_CONV2D_GRAD_WEIGHT] = reference_conv2d_grad_weight,
        [OP_CONVT2X2] = reference_convt2x2,
        [OP_CONVT2X2_GRAD_INPUT] = reference_convt2x2_grad_input,
        [OP_CONVT2X2_GRAD_WEIGHT] = reference_convt2x2_grad_weight,
        [OP_BATCH_NORM] = reference_batch_norm,
        [OP_BATCH_NORM_APPLY] = reference_batch_norm_apply,
        [OP_BATCH_NORM_GRAD] = reference_batch_norm_grad,
        [OP_BATCH_NORM_EVAL] = reference_batch_norm_eval,
        [OP_LAYER_NORM] = reference_layer_norm,
        [OP_LAYER_NORM_GRAD] = reference_layer_norm_grad,
        [OP_ADD] = add,
        [OP_RELU] = relu,
        [OP_RELU_GRAD] = relu_grad,
        [OP_DROPOUT] = dropout,
        [OP_MAX_POOL] = max_pool,
        [OP_WINDOW_MEAN] = reference_window_mean,
        [OP_MSE] = mse,
        [OP_MSE_GRAD] = mse_grad,
        [OP_COSINE_MAP] = cosine_map,
        [OP_RESIZE] = resize,
        [OP_GAUSSIAN_BLUR] = gaussian_blur,
        [OP_MAX] = max,
        [OP_NARROW] = narrow,
        [OP_FILL] = fill,
        [OP_NORM] = norm,
        [OP_ADAMW] = adamw,
    };
    if (call->op == OP_ROUTE) return reference_route(call, error);
    if (call->op == OP_ROUTED_ATTENTION) return reference_routed_attention(call, error);
    if (call->op == OP_ROUTED_ATTENTION_GRAD) return reference_routed_attention_grad(call, error);
    if ((unsigned)call->op >= OP_COUNT || !simple[call->op])
        return error_set(error, MVAD_ERROR_UNSUPPORTED, "op %d has no reference implementation",
                         (int)call->op);
    simple[call->op](call);
    return MVAD_OK;
}
