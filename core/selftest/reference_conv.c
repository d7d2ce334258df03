/* Convolutions from their definitions: forward gathers, gradients send each product of the forward
 * sum back. */
#include "core/selftest/reference.h"

static double rectify(double value, bool relu)
{
    return relu && value < 0 ? 0 : value;
}

/* Row or column of x that output position `i` and kernel position `k` meet, or -1 outside of x. */
static int64_t source(int64_t i, int64_t k, int64_t size, const struct conv2d_params *params)
{
    int64_t position = i * params->stride + k - params->pad;
    return position < 0 || position >= size ? -1 : position;
}

void reference_conv2d(const struct reference_call *call)
{
    const struct conv2d_params *params = &call->params->conv2d;
    const struct reference_tensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2],
                                  *residual = call->in[3];
    struct reference_tensor *y = call->out[0];
    for (int64_t n = 0; n < y->dim[0]; n++) {
        for (int64_t h = 0; h < y->dim[1]; h++) {
            for (int64_t w = 0; w < y->dim[2]; w++) {
                for (int64_t o = 0; o < y->dim[3]; o++) {
                    double sum = 0;
                    for (int64_t r = 0; r < weight->dim[1]; r++) {
                        for (int64_t s = 0; s < weight->dim[2]; s++) {
                            int64_t row = source(h, r, x->dim[1], params),
                                    column = source(w, s, x->dim[2], params);
                            if (row < 0 || column < 0) continue;
                            const double *pixel = x->real + reference_at(x, n, row, column, 0);
                            const double *tap = weight->real + reference_at(weight, o, r, s, 0);
                            for (int64_t c = 0; c < x->dim[3]; c++) sum += pixel[c] * tap[c];
                        }
                    }
                    int64_t at = reference_at(y, n, h, w, o);
                    if (bias) sum += bias->real[o];
                    if (residual) sum += residual->real[at];
                    y->real[at] = rectify(sum, params->relu);
                }
            }
        }
    }
}

void reference_conv2d_grad_input(const struct reference_call *call)
{
    const struct conv2d_params *params = &call->params->conv2d;
    const struct reference_tensor *dy = call->in[0], *weight = call->in[1];
    struct reference_tensor *dx = call->out[0];
    for (int64_t i = 0; i < reference_count(dx); i++) dx->real[i] = 0;
    for (int64_t n = 0; n < dy->dim[0]; n++) {
        for (int64_t h = 0; h < dy->dim[1]; h++) {
            for (int64_t w = 0; w < dy->dim[2]; w++) {
                for (int64_t o = 0; o < dy->dim[3]; o++) {
                    double g = dy->real[reference_at(dy, n, h, w, o)];
                    for (int64_t r = 0; r < weight->dim[1]; r++) {
                        for (int64_t s = 0; s < weight->dim[2]; s++) {
                            int64_t row = source(h, r, dx->dim[1], params),
                                    column = source(w, s, dx->dim[2], params);
                            if (row < 0 || column < 0) continue;
                            double *pixel = dx->real + reference_at(dx, n, row, column, 0);
                            const double *tap = weight->real + reference_at(weight, o, r, s, 0);
                            for (int64_t c = 0; c < dx->dim[3]; c++) pixel[c] += g * tap[c];
                        }
                    }
                }
            }
        }
    }
}

void reference_conv2d_grad_weight(const struct reference_call *call)
{
    const struct conv2d_params *params = &call->params->conv2d;
    const struct reference_tensor *x = call->in[0], *dy = call->in[1];
    struct reference_tensor *dw = call->out[0], *dbias = call->out[1];
    for (int64_t n = 0; n < dy->dim[0]; n++) {
        for (int64_t h = 0; h < dy->dim[1]; h++) {
            for (int64_t w = 0; w < dy->dim[2]; w++) {
                for (int64_t o = 0; o < dy->dim[3]; o++) {
                    double g = dy->real[reference_at(dy, n, h, w, o)];
                    if (dbias) dbias->real[o] += g;
                    if (!dw) continue;
                    for (int64_t r = 0; r < dw->dim[1]; r++) {
                        for (int64_t s = 0; s < dw->dim[2]; s++) {
                            int64_t row = source(h, r, x->dim[1], params),
                                    column = source(w, s, x->dim[2], params);
                            if (row < 0 || column < 0) continue;
                            const double *pixel = x->real + reference_at(x, n, row, column, 0);
                            double *tap = dw->real + reference_at(dw, o, r, s, 0);
                            for (int64_t c = 0; c < x->dim[3]; c++) tap[c] += g * pixel[c];
                        }
                    }
                }
            }
        }
    }
}

void reference_convt2x2(const struct reference_call *call)
{
    const struct reference_tensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2],
                                  *residual = call->in[3];
    struct reference_tensor *y = call->out[0];
    for (int64_t n = 0; n < y->dim[0]; n++) {
        for (int64_t h = 0; h < y->dim[1]; h++) {
            for (int64_t w = 0; w < y->dim[2]; w++) {
                for (int64_t o = 0; o < y->dim[3]; o++) {
                    double sum = 0;
                    for (int64_t c = 0; c < x->dim[3]; c++)
                        sum += x->real[reference_at(x, n, h / 2, w / 2, c)] *
                               weight->real[reference_at(weight, c, h % 2, w % 2, o)];
                    int64_t at = reference_at(y, n, h, w, o);
                    if (bias) sum += bias->real[o];
                    if (residual) sum += residual->real[at];
                    y->real[at] = rectify(sum, call->params->conv2d.relu);
                }
            }
        }
    }
}

void reference_convt2x2_grad_input(const struct reference_call *call)
{
    const struct reference_tensor *dy = call->in[0], *weight = call->in[1];
    struct reference_tensor *dx = call->out[0];
    for (int64_t n = 0; n < dx->dim[0]; n++) {
        for (int64_t h = 0; h < dx->dim[1]; h++) {
            for (int64_t w = 0; w < dx->dim[2]; w++) {
                for (int64_t c = 0; c < dx->dim[3]; c++) {
                    double sum = 0;
                    for (int64_t r = 0; r < 2; r++)
                        for (int64_t s = 0; s < 2; s++)
                            for (int64_t o = 0; o < dy->dim[3]; o++)
                                sum += dy->real[reference_at(dy, n, 2 * h + r, 2 * w + s, o)] *
                                       weight->real[reference_at(weight, c, r, s, o)];
                    dx->real[reference_at(dx, n, h, w, c)] = sum;
                }
            }
        }
    }
}

void reference_convt2x2_grad_weight(const struct reference_call *call)
{
    const struct reference_tensor *x = call->in[0], *dy = call->in[1];
    struct reference_tensor *dw = call->out[0];
    for (int64_t n = 0; n < dy->dim[0]; n++)
        for (int64_t h = 0; h < dy->dim[1]; h++)
            for (int64_t w = 0; w < dy->dim[2]; w++)
                for (int64_t c = 0; c < x->dim[3]; c++)
                    for (int64_t o = 0; o < dy->dim[3]; o++)
                        dw->real[reference_at(dw, c, h % 2, w % 2, o)] +=
                            x->real[reference_at(x, n, h / 2, w / 2, c)] *
                            dy->real[reference_at(dy, n, h, w, o)];
}
