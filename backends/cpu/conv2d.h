/* Convolution and its weight gradient on plain arrays. A transposed 2x2 convolution's gradients are
 * the same products with the roles exchanged, so conv2d*.c and convt2x2.c both call these. */
#ifndef CPU_CONV2D_H
#define CPU_CONV2D_H

#include "backends/cpu/im2col.h"

/* What is added to a product, and what is done to the sum. */
struct conv2d_epilogue {
    const real *bias;     /* (outputs), or NULL */
    const real *residual; /* like y and possibly y itself, or NULL */
    bool relu;
};

/* Bytes of workspace for conv2d_forward. */
size_t CPU_NAME(conv2d_forward_workspace)(const struct im2col *shape, int64_t outputs, int threads);

/* y (N, rows, columns, outputs) = act(bias + residual + im2col(x) * w^T), w (outputs, R, S, C). */
void CPU_NAME(conv2d_forward)(const struct im2col *shape, int64_t outputs, const real *x,
                              const real *w, const struct conv2d_epilogue *epilogue, real *y,
                              void *workspace, int threads);

/* Bytes of workspace for conv2d_weight_gradient; want_w and want_bias: whether that gradient is
 * asked for. */
size_t CPU_NAME(conv2d_weight_gradient_workspace)(const struct im2col *shape, int64_t outputs,
                                                  bool want_w, bool want_bias, int threads);

/* dw (outputs, R, S, C) += dy^T * im2col(x) and dbias (outputs) += column sums of dy, dy (N, rows,
 * columns, outputs). Either may be NULL. */
void CPU_NAME(conv2d_weight_gradient)(const struct im2col *shape, int64_t outputs, const real *x,
                                      const real *dy, real *dw, real *dbias, void *workspace,
                                      int threads);

#endif
