/* The convolutions as one matrix product: rows are the pixels of a grid, columns the channels of the
 * result, the sum runs over taps (kernel positions) and channels of the source. Nothing is gathered in
 * memory. The forward pass, the gradient of the input and the transposed convolution are all
 *
 *     result[n, grid * out_step + out_base, o] = sum_{tap, c}
 *         source[n, grid * in_step + in_base + tap * direction, c] * weight[tap, c, o]
 *
 * with zeros outside of the source: a gradient with a stride is one such product for each class of
 * pixels that the same taps reach, so that no zeros are multiplied.
 *
 * Read by the kernels and by the host (backends/launch/conv.c). */
#ifndef KERNELS_CONV_H
#define KERNELS_CONV_H

struct conv_product {
    int images, in_height, in_width, in_channels;
    int out_height, out_width, out_channels;
    int grid_height, grid_width; /* pixels of this product, an image */
    int out_step, out_base_h, out_base_w;
    int in_step, in_base_h, in_base_w, direction;
    int taps_h, taps_w;
    int has_bias, has_residual, relu;
    /* weight[tap, c, o] lies at (tap_h * tap_step + tap_base_h) * tap_h_stride + (tap_w * tap_step +
     * tap_base_w) * tap_w_stride + c * in_stride + o * out_stride */
    int tap_step, tap_base_h, tap_base_w, tap_h_stride, tap_w_stride, in_stride, out_stride;
};

/* Gradient of a weight: dw[o, r, s, c] += sum over pixels dy[n, y, x, o] * x[n, y * stride + r - pad,
 * x * stride + s - pad, c]. */
struct conv_weight_gradient {
    int images, in_height, in_width, in_channels;    /* of x */
    int out_height, out_width, out_channels;         /* of dy */
    int taps_h, taps_w, stride, pad;
    int piece, pieces; /* pixels of dy a work item sums at most; their number */
};

#endif
