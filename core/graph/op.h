/* The operations a graph is made of: their inputs, outputs and parameters. This page is the
 * contract between the core and every backend; core/graph/builder.h makes nodes, backends run them.
 *
 * Letters, everywhere in this project: N images (samples * views, views of a sample consecutive), H
 * W rows and columns, C channels, O output channels, R S kernel rows and columns, V views of a
 * sample, A windows a side, P = A*A windows of an image, K selected windows. All values have four
 * dimensions, row-major; images are NHWC; a vector is (1,1,1,C).
 *
 * Types: what is marked x, dx, y, dy, w, q, k, v, o, do, t, s and residual is of the graph's real type, indices are
 * I32, and everything else is of its wide type (core/graph/graph.h): biases, gamma, beta, means, variances, rstd, lse,
 * the gradients of parameters, losses, norms, hyper, p, m, v. So are x and y of the ops on anomaly maps, from the
 * output of OP_COSINE_MAP to OP_MAX, and the outputs of OP_FILL as they are.
 *
 * An input or output in brackets may be absent (VALUE_NONE). Outputs marked += are parameter
 * gradients and accumulate; everything else is assigned. An op marked "in place: i" must be right
 * when its first output is the memory of input i. */
#ifndef GRAPH_OP_H
#define GRAPH_OP_H

#include <stdbool.h>
#include <stdint.h>

enum op {
    /* y[n,h,w,o] = act(bias[o] + residual[n,h,w,o] + sum_{r,s,c} x[n, h*stride + r - pad, w*stride
     * + s - pad, c] * w[o,r,s,c])
     * in: x (N,H,W,C), w (O,R,S,C), [bias (1,1,1,O)], [residual like y]; out: y. Zeros outside of
     * x. in place: 3. A linear layer on tokens is a 1x1 convolution. Params: conv2d. */
    OP_CONV2D,
    /* in: dy, w; out: dx. Params: conv2d. */
    OP_CONV2D_GRAD_INPUT,
    /* in: x, dy; out: [dw +=], [dbias +=]. Params: conv2d. */
    OP_CONV2D_GRAD_WEIGHT,

    /* Transposed convolution 2x2, stride 2: y[n, 2h+r, 2w+s, o] = act(bias[o] + residual + sum_c
     * x[n,h,w,c] * w[c,r,s,o])
     * in: x (N,H,W,C), w (C,2,2,O), [bias], [residual like y]; out: y (N,2H,2W,O). in place: 3.
     * Params: conv2d.relu. */
    OP_CONVT2X2,
    /* in: dy, w; out: dx */
    OP_CONVT2X2_GRAD_INPUT,
    /* in: x, dy; out: dw += */
    OP_CONVT2X2_GRAD_WEIGHT,

    /* Training: m, v = mean and biased variance of x over N,H,W; rstd = 1/sqrt(v + eps);
     * y = act((x - m) * rstd * gamma + beta + residual); running_mean += momentum * (m -
     * running_mean), running_var the same with the unbiased variance (count - 1; for a count of 1
     * the biased one).
     * in: x, gamma, beta, running_mean, running_var, [residual like x]; out: y, mean (1,1,1,C),
     * rstd (1,1,1,C). The running statistics are changed where they are. Params: norm. Two passes
     * over x: never E[x^2] - m^2. */
    OP_BATCH_NORM,
    /* The same y again from the statistics OP_BATCH_NORM found, bit for bit (recomputation in the
     * backward pass).
     * in: x, gamma, beta, mean, rstd, [residual]; out: y. in place: 0. Params: norm.relu. */
    OP_BATCH_NORM_APPLY,
    /* in: dy (already masked by the ReLU), x, gamma, mean, rstd; out: dx, [dgamma +=], [dbeta +=].
     * in place: 0. dx = gamma * rstd * (dy - mean(dy) - xhat * mean(dy * xhat)) */
    OP_BATCH_NORM_GRAD,
    /* Evaluation: y = act((x - mean) / sqrt(var + eps) * gamma + beta + residual).
     * in: x, gamma, beta, mean, var, [residual]; out: y. in place: 0. Params: norm. Folded away
     * where a convolution precedes it. */
    OP_BATCH_NORM_EVAL,

    /* Over the C channels of each token: y = (x - m) * rstd * gamma + beta.
     * in: x, gamma, beta; out: y, [mean (N,H,W,1)], [rstd (N,H,W,1)]. in place: 0. Params:
     * norm.eps. */
    OP_LAYER_NORM,
    /* in: dy, x, gamma, mean, rstd; out: dx, [dgamma +=], [dbeta +=]. in place: 0. */
    OP_LAYER_NORM_GRAD,

    /* y = act(a + b); b may have N = 1 and is then added to every image (the position encoding).
     * All of one type, real or wide.
     * in: a, b; out: y. in place: 0; also 1 where b has the shape of y. Params: add.relu. */
    OP_ADD,
    /* y = max(x, 0). in: x; out: y. in place: 0. */
    OP_RELU,
    /* dx = y > 0 ? dy : 0. in: dy, y; out: dx. in place: 0. */
    OP_RELU_GRAD,
    /* y = keep ? x / (1 - p) : 0, keep = u >= p with u from the random stream `salt`
     * (core/base/random.h): element i of x draws number i; with per_image, all elements of image n
     * draw number n (drop path). Its own gradient.
     * in: x, random (1,1,1,4) U32; out: y. in place: 0. Params: dropout. */
    OP_DROPOUT,
    /* 3x3, stride 2, padding 1 (padding never wins). in: x; out: y (N, ceil(H/2), ceil(W/2), C). */
    OP_MAX_POOL,

    /* Mean over each of the A x A windows of the image padded right and below with zeros to
     * multiples of A: the sum over the pixels present divided by the padded window's pixel count.
     * in: x (N,H,W,C); out: y (N,A,A,C). Params: window.windows. */
    OP_WINDOW_MEAN,
    /* Per window of each view the K windows of the other views of its sample (its own view where V
     * = 1) with the largest correlation sum_c q*k, in any order; between equals the lower index
     * first. An index is view * P + window, view counted within the sample. in: q (N,A,A,C), k
     * (N,A,A,C); out: indices (N,P,K,1) I32. Params: window.views. */
    OP_ROUTE,
    /* Attention of the pixels of each query window to all pixels of its K selected windows: per
     * head (C/heads consecutive channels) o = softmax(scale * q k^T) v. Images are padded as in
     * window mean: padded keys take part with k = v = 0, padded queries are not computed. lse =
     * log(sum(exp(scale * q k))) per query pixel and head, for the backward pass.
     * in: q, k, v (N,H,W,C), indices (N,P,K,1); out: o (N,H,W,C), [lse (N,H,W,heads)]. Params:
     * attention. */
    OP_ROUTED_ATTENTION,
    /* in: do, q, k, v, indices, o, lse; out: dq, [dk], [dv] (all assigned). Gradients of keys and
     * values are gathered through the inverse of the index list in a fixed order. Params:
     * attention. */
    OP_ROUTED_ATTENTION_GRAD,

    /* loss (1,1,1,1) = weight * mean((t - s)^2). in: t, s; out: loss. Params: mse.weight. */
    OP_MSE,
    /* ds = dloss * 2 * weight / count * (s - t). in: dloss (1,1,1,1), t, s; out: ds. Params:
     * mse.weight. */
    OP_MSE_GRAD,
    /* y (N,H,W,1) = 1 - sum_c t*s / (max(|t|, eps) * max(|s|, eps)). in: t, s; out: y. Params:
     * norm.eps. */
    OP_COSINE_MAP,
    /* y = scale * (x resized bilinearly, corners aligned) + addend. in: x (N,h,w,C), [addend like
     * y]; out: y (N,H,W,C). in place: 1. Params: resize.scale. */
    OP_RESIZE,
    /* Separable Gaussian of radius int(4 * sigma + 0.5), weights normalised, edges mirrored
     * including the edge pixel (d c b a | a b c d | d c b a), again and again where the radius
     * exceeds the image.
     * in: x (N,H,W,1); out: y. Params: blur.sigma. */
    OP_GAUSSIAN_BLUR,
    /* Maximum over H,W,C of each image. in: x; out: y (N,1,1,1). */
    OP_MAX,

    /* y = x rounded from the wide to the real type, to the nearest, ties to even; what is too large becomes infinite. A
     * copy where both are the same. in: x; out: y. */
    OP_NARROW,

    /* y = value everywhere. out: y. Params: fill.value. */
    OP_FILL,
    /* norm (1,1,1,1) = sqrt(sum of squares of x). in: x; out: norm. */
    OP_NORM,
    /* AdamW over flat blocks (Loshchilov and Hutter, "Decoupled weight decay regularization",
     * 2019), from the gradient of a loss that was multiplied by 1 / unscale:
     *   g = gradient * unscale * min(1, clip_norm / (norm * unscale + 1e-6))
     *   p -= lr * weight_decay * p
     *   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
     *   p -= lr / bias1 * m / (sqrt(v / bias2) + eps)
     * Where the norm is not finite, nothing is changed.
     * in: gradient, norm, hyper (1,1,1,ADAMW_HYPER_COUNT); out, read and changed where they are: p,
     * m, v. */
    OP_ADAMW,
    OP_COUNT
};

/* Elements of the `hyper` input of OP_ADAMW. */
enum adamw_hyper {
    ADAMW_LEARNING_RATE,
    ADAMW_BETA1,
    ADAMW_BETA2,
    ADAMW_EPSILON,
    ADAMW_WEIGHT_DECAY,
    ADAMW_BIAS1, /* 1 - beta1^t, t counted from 1 */
    ADAMW_BIAS2, /* 1 - beta2^t */
    ADAMW_CLIP_NORM,
    ADAMW_UNSCALE, /* 1 / loss scale */
    ADAMW_HYPER_COUNT
};

struct conv2d_params {
    int32_t stride, pad;
    bool relu;
};
struct norm_params {
    double eps, momentum;
    bool relu;
};
struct add_params {
    bool relu;
};
struct dropout_params {
    double p;
    uint32_t salt;
    bool per_image;
};
struct window_params {
    int32_t windows, views;
};
struct attention_params {
    int32_t windows, views, heads;
    double scale;
};
struct mse_params {
    double weight;
};
struct resize_params {
    double scale;
};
struct blur_params {
    double sigma;
};
struct fill_params {
    double value;
};

union op_params {
    struct conv2d_params conv2d; /* also the transposed convolution */
    struct norm_params norm;
    struct add_params add;
    struct dropout_params dropout;
    struct window_params window;
    struct attention_params attention;
    struct mse_params mse;
    struct resize_params resize;
    struct blur_params blur;
    struct fill_params fill;
};

/* "conv2d" and so on; static. */
const char *op_name(enum op op);

/* Whether the first output may take the memory of input `index` (given equal sizes and no later
 * reader). */
bool op_in_place(enum op op, int index);

/* Whether a real input or output is of the graph's wide type, not of the one activations have. */
bool op_input_is_wide(enum op op, int index);
bool op_output_is_wide(enum op op, int index);

#endif
