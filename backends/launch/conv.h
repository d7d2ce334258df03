/* The six convolution ops as the matrix products of kernels/conv.h. */
#ifndef LAUNCH_CONV_H
#define LAUNCH_CONV_H

#include "backends/launch/launch.h"
#include "kernels/conv.h"

/* Classes of pixels of a gradient of stride s: s * s products. */
enum { CONV_MAX_STRIDE = 4, CONV_MAX_PRODUCTS = CONV_MAX_STRIDE * CONV_MAX_STRIDE };

/* What one op computes: result = act(products + bias + residual). */
struct conv_work {
    const struct value *source, *weight, *result, *bias, *residual; /* the latter two may be NULL */
    struct conv_product product[CONV_MAX_PRODUCTS];
    int products;
};

/* Of OP_CONV2D, OP_CONV2D_GRAD_INPUT, OP_CONVT2X2 and OP_CONVT2X2_GRAD_INPUT. */
void conv_work_of(const struct launch_call *call, struct conv_work *work);

/* Of OP_CONV2D_GRAD_WEIGHT and OP_CONVT2X2_GRAD_WEIGHT: the geometry, not yet cut into pieces, and the
 * values in the roles of a convolution's input and gradient. */
struct conv_weight_gradient conv_weight_gradient_of(const struct launch_call *call,
                                                    const struct value **x, const struct value **dy);

/* The product that the columns of a weight gradient are gathered by. */
struct conv_product conv_columns_of(const struct conv_weight_gradient *gradient);

static inline int64_t conv_pixels(const struct conv_product *p)
{
    return (int64_t)p->images * p->grid_height * p->grid_width;
}

static inline int64_t conv_depth(const struct conv_product *p)
{
    return (int64_t)p->taps_h * p->taps_w * p->in_channels;
}

/* Whether the source is already the matrix of columns. */
static inline bool conv_is_matrix(const struct conv_product *p)
{
    return p->taps_h == 1 && p->taps_w == 1 && p->in_step == 1 && !p->in_base_h && !p->in_base_w &&
           p->grid_height == p->in_height && p->grid_width == p->in_width;
}

/* Pixels whose columns are in memory at a time. */
int64_t conv_column_rows(const struct conv_product *p, size_t element_bytes);

/* Work items of a group of conv_tiled.cl along each of its two dimensions: 256 in all where the device has
 * them, else 64; each has CONV_ITEM_SIDE pixels by as many channels. */
int conv_group(const struct launch_device *device);
enum { CONV_ITEM_SIDE = 4 };

static inline enum launch_variant conv_variant(const struct launch_call *call)
{
    return call->device->api->conv_variant(call);
}

/* Whether a variant can compute this convolution (not: a gradient of weights, which all can). */
bool conv_can(const struct launch_call *call, enum launch_variant variant);

/* Whether a product of the BLAS can compute it: its pixels are all pixels of the result, and its
 * weights a matrix. */
bool conv_suits_blas(const struct conv_product *p);

#endif
