/* Batch norm and layer norm. Both are the same sums over different groups: (N,H,W) of a channel, or
 * C of a token. */
#include <math.h>

#include "core/selftest/reference.h"

static double rectify(double value, bool relu)
{
    return relu && value < 0 ? 0 : value;
}

/* Mean and biased variance of `count` elements that lie `step` apart. */
static void moments(const double *x, int64_t count, int64_t step, double *mean, double *variance)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i * step];
    *mean = sum / (double)count;
    for (int64_t i = 0; i < count; i++) squares += (x[i * step] - *mean) * (x[i * step] - *mean);
    *variance = squares / (double)count;
}

void reference_batch_norm(const struct reference_call *call)
{
    const struct norm_params *params = &call->params->norm;
    const struct reference_tensor *x = call->in[0], *gamma = call->in[1], *beta = call->in[2],
                                  *residual = call->in[5];
    struct reference_tensor *running_mean = call->in[3], *running_var = call->in[4];
    struct reference_tensor *y = call->out[0], *mean = call->out[1], *rstd = call->out[2];
    int64_t channels = x->dim[3], count = reference_count(x) / channels;
    for (int64_t c = 0; c < channels; c++) {
        double m, v;
        moments(x->real + c, count, channels, &m, &v);
        double r = 1 / sqrt(v + params->eps);
        for (int64_t i = 0; i < count; i++) {
            int64_t at = i * channels + c;
            double value = (x->real[at] - m) * r * gamma->real[c] + beta->real[c];
            if (residual) value += residual->real[at];
            y->real[at] = rectify(value, params->relu);
        }
        mean->real[c] = m;
        rstd->real[c] = r;
        double unbiased = count > 1 ? v * (double)count / (double)(count - 1) : v;
        running_mean->real[c] += params->momentum * (m - running_mean->real[c]);
        running_var->real[c] += params->momentum * (unbiased - running_var->real[c]);
    }
}

void reference_batch_norm_apply(const struct reference_call *call)
{
    const struct reference_tensor *x = call->in[0], *gamma = call->in[1], *beta = call->in[2],
                                  *mean = call->in[3], *rstd = call->in[4];
    const struct reference_tensor *residual = call->in[5];
    for (int64_t i = 0; i < reference_count(x); i++) {
        int64_t c = i % x->dim[3];
        double value =
            (x->real[i] - mean->real[c]) * rstd->real[c] * gamma->real[c] + beta->real[c];
        if (residual) value += residual->real[i];
        call->out[0]->real[i] = rectify(value, call->params->norm.relu);
    }
}

void reference_batch_norm_eval(const struct reference_call *call)
{
    const struct norm_params *params = &call->params->norm;
    const struct reference_tensor *x = call->in[0], *gamma = call->in[1], *beta = call->in[2],
                                  *mean = call->in[3], *var = call->in[4];
    const struct reference_tensor *residual = call->in[5];
    int64_t channels = x->dim[3];
    for (int64_t i = 0; i < reference_count(x); i++) {
        int64_t c = i % channels;
        double value =
            (x->real[i] - mean->real[c]) / sqrt(var->real[c] + params->eps) * gamma->real[c] +
            beta->real[c];
        if (residual) value += residual->real[i];
        call->out[0]->real[i] = rectify(value, params->relu);
    }
}

void reference_batch_norm_grad(const struct reference_call *call)
{
    const struct reference_tensor *dy = call->in[0], *x = call->in[1], *gamma = call->in[2],
                                  *mean = call->in[3], *rstd = call->in[4];
    struct reference_tensor *dx = call->out[0], *dgamma = call->out[1], *dbeta = call->out[2];
    int64_t channels = x->dim[3], count = reference_count(x) / channels;
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0, sum_xhat = 0;
        for (int64_t i = c; i < count * channels; i += channels) {
            sum += dy->real[i];
            sum_xhat += dy->real[i] * (x->real[i] - mean->real[c]) * rstd->real[c];
        }
        for (int64_t i = c; i < count * channels; i += channels) {
            double xhat = (x->real[i] - mean->real[c]) * rstd->real[c];
            dx->real[i] = gamma->real[c] * rstd->real[c] *
                          (dy->real[i] - sum / (double)count - xhat * sum_xhat / (double)count);
        }
        if (dgamma) dgamma->real[c] += sum_xhat;
        if (dbeta) dbeta->real[c] += sum;
    }
}

void reference_layer_norm(const struct reference_call *call)
{
    const struct reference_tensor *x = call->in[0], *gamma = call->in[1], *beta = call->in[2];
    struct reference_tensor *y = call->out[0], *mean = call->out[1], *rstd = call->out[2];
    int64_t channels = x->dim[3], tokens = reference_count(x) / channels;
    for (int64_t t = 0; t < tokens; t++) {
        double m, v;
        moments(x->real + t * channels, channels, 1, &m, &v);
        double r = 1 / sqrt(v + call->params->norm.eps);
        for (int64_t c = 0; c < channels; c++)
            y->real[t * channels + c] =
                (x->real[t * channels + c] - m) * r * gamma->real[c] + beta->real[c];
        if (mean) mean->real[t] = m;
        if (rstd) rstd->real[t] = r;
    }
}

void reference_layer_norm_grad(const struct reference_call *call)
{
    const struct reference_tensor *dy = call->in[0], *x = call->in[1], *gamma = call->in[2],
                                  *mean = call->in[3], *rstd = call->in[4];
    struct reference_tensor *dx = call->out[0], *dgamma = call->out[1], *dbeta = call->out[2];
    int64_t channels = x->dim[3], tokens = reference_count(x) / channels;
    for (int64_t t = 0; t < tokens; t++) {
        /* dxhat = dy * gamma; dx is dxhat without its mean and its projection on xhat. */
        double sum = 0, sum_xhat = 0;
        for (int64_t c = 0; c < channels; c++) {
            int64_t at = t * channels + c;
            double xhat = (x->real[at] - mean->real[t]) * rstd->real[t];
            sum += dy->real[at] * gamma->real[c];
            sum_xhat += dy->real[at] * gamma->real[c] * xhat;
            if (dgamma) dgamma->real[c] += dy->real[at] * xhat;
            if (dbeta) dbeta->real[c] += dy->real[at];
        }
        for (int64_t c = 0; c < channels; c++) {
            int64_t at = t * channels + c;
            double xhat = (x->real[at] - mean->real[t]) * rstd->real[t];
            dx->real[at] = rstd->real[t] * (dy->real[at] * gamma->real[c] - sum / (double)channels -
                                            xhat * sum_xhat / (double)channels);
        }
    }
}
