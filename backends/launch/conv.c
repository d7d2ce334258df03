#include "backends/launch/conv.h"

/* y[h] of x[h * stride + r - pad]: one product. Weight (O,R,S,C). */
static void forward_products(const struct value *x, const struct value *w, const struct value *y,
                             int stride, int pad, struct conv_work *work)
{
    work->products = 1;
    work->product[0] = (struct conv_product){
        .images = (int)y->dim[0],
        .in_height = (int)x->dim[1],
        .in_width = (int)x->dim[2],
        .in_channels = (int)x->dim[3],
        .out_height = (int)y->dim[1],
        .out_width = (int)y->dim[2],
        .out_channels = (int)y->dim[3],
        .grid_height = (int)y->dim[1],
        .grid_width = (int)y->dim[2],
        .out_step = 1,
        .in_step = stride,
        .in_base_h = -pad,
        .in_base_w = -pad,
        .direction = 1,
        .taps_h = (int)w->dim[1],
        .taps_w = (int)w->dim[2],
        .tap_step = 1,
        .tap_h_stride = (int)(w->dim[2] * w->dim[3]),
        .tap_w_stride = (int)w->dim[3],
        .in_stride = 1,
        .out_stride = (int)(w->dim[1] * w->dim[2] * w->dim[3]),
    };
}

/* The taps r = first, first + stride, .. that reach pixels stride * i + base, and where: tap number j
 * reads dy[i + at - j]. */
struct parity {
    int first, taps, at, grid;
};

static struct parity parity_of(int base, int size, int kernel, int stride, int pad)
{
    const int first = (base + pad) % stride;
    return (struct parity){.first = first,
                           .taps = first < kernel ? (kernel - first + stride - 1) / stride : 0,
                           .at = (base + pad - first) / stride,
                           .grid = base < size ? (size - base + stride - 1) / stride : 0};
}

/* dx from dy, weight (O,R,S,C): dx[h] = sum over r with (h + pad - r) a multiple of stride of dy[(h +
 * pad - r) / stride] * w[r]. */
static void backward_products(const struct value *dy, const struct value *w, const struct value *dx,
                              int stride, int pad, struct conv_work *work)
{
    work->products = 0;
    for (int base_h = 0; base_h < stride; base_h++)
        for (int base_w = 0; base_w < stride; base_w++) {
            const struct parity h = parity_of(base_h, (int)dx->dim[1], (int)w->dim[1], stride, pad);
            const struct parity v = parity_of(base_w, (int)dx->dim[2], (int)w->dim[2], stride, pad);
            if (!h.grid || !v.grid) continue;
            work->product[work->products++] = (struct conv_product){
                .images = (int)dx->dim[0],
                .in_height = (int)dy->dim[1],
                .in_width = (int)dy->dim[2],
                .in_channels = (int)dy->dim[3],
                .out_height = (int)dx->dim[1],
                .out_width = (int)dx->dim[2],
                .out_channels = (int)dx->dim[3],
                .grid_height = h.grid,
                .grid_width = v.grid,
                .out_step = stride,
                .out_base_h = base_h,
                .out_base_w = base_w,
                .in_step = 1,
                .in_base_h = h.at,
                .in_base_w = v.at,
                .direction = -1,
                .taps_h = h.taps,
                .taps_w = v.taps,
                .tap_step = stride,
                .tap_base_h = h.first,
                .tap_base_w = v.first,
                .tap_h_stride = (int)(w->dim[2] * w->dim[3]),
                .tap_w_stride = (int)w->dim[3],
                .in_stride = (int)(w->dim[1] * w->dim[2] * w->dim[3]),
                .out_stride = 1,
            };
        }
}

void conv_work_of(const struct launch_call *call, struct conv_work *work)
{
    const struct conv2d_params *params = &call->params->conv2d;
    const enum op op = call->node->op;
    *work =
        (struct conv_work){.source = call->in[0], .weight = call->in[1], .result = call->out[0]};
    switch (op) {
    case OP_CONV2D:
        forward_products(work->source, work->weight, work->result, params->stride, params->pad,
                         work);
        break;
    case OP_CONVT2X2_GRAD_INPUT:
        /* dx[n,h,w,c] = sum over r, s, o of dy[n,2h+r,2w+s,o] * w[c,r,s,o]: a convolution of dy. */
        forward_products(work->source, work->weight, work->result, 2, 0, work);
        break;
    case OP_CONVT2X2:
        /* The gradient of that convolution. */
        backward_products(work->source, work->weight, work->result, 2, 0, work);
        break;
    default:
        backward_products(work->source, work->weight, work->result, params->stride, params->pad,
                          work);
    }
    if (op != OP_CONV2D && op != OP_CONVT2X2) return;
    work->bias = call->in[2];
    work->residual = call->in[3];
    for (int i = 0; i < work->products; i++) {
        work->product[i].has_bias = work->bias != NULL;
        work->product[i].has_residual = work->residual != NULL;
        work->product[i].relu = params->relu;
    }
}

struct conv_weight_gradient conv_weight_gradient_of(const struct launch_call *call,
                                                    const struct value **x, const struct value **dy)
{
    const bool transposed = call->node->op == OP_CONVT2X2_GRAD_WEIGHT;
    const struct conv2d_params *params = &call->params->conv2d;
    const struct value *dw = call->out[0];
    /* dw[c,r,s,o] of a transposed convolution sums x[n,h,w,c] * dy[n,2h+r,2w+s,o]: there dy is read
     * at the taps. */
    *x = call->in[transposed ? 1 : 0];
    *dy = call->in[transposed ? 0 : 1];
    return (struct conv_weight_gradient){
        .images = (int)(*x)->dim[0],
        .in_height = (int)(*x)->dim[1],
        .in_width = (int)(*x)->dim[2],
        .in_channels = (int)(*x)->dim[3],
        .out_height = (int)(*dy)->dim[1],
        .out_width = (int)(*dy)->dim[2],
        .out_channels = (int)(*dy)->dim[3],
        .taps_h = dw ? (int)dw->dim[1] : 1,
        .taps_w = dw ? (int)dw->dim[2] : 1,
        .stride = transposed ? 2 : params->stride,
        .pad = transposed ? 0 : params->pad,
    };
}

struct conv_product conv_columns_of(const struct conv_weight_gradient *g)
{
    return (struct conv_product){
        .images = g->images,
        .in_height = g->in_height,
        .in_width = g->in_width,
        .in_channels = g->in_channels,
        .grid_height = g->out_height,
        .grid_width = g->out_width,
        .in_step = g->stride,
        .in_base_h = -g->pad,
        .in_base_w = -g->pad,
        .direction = 1,
        .taps_h = g->taps_h,
        .taps_w = g->taps_w,
    };
}

int64_t conv_column_rows(const struct conv_product *p, size_t element_bytes)
{
    enum { COLUMN_BYTES = 32 << 20 };
    const int64_t rows = (int64_t)(COLUMN_BYTES / element_bytes) / conv_depth(p);
    const int64_t pixels = conv_pixels(p);
    return rows < 1 ? 1 : rows < pixels ? rows : pixels;
}

bool conv_suits_blas(const struct conv_product *p)
{
    if (p->out_step != 1 || !p->taps_h || !p->taps_w) return false;
    return p->in_stride == 1 || (p->taps_h == 1 && p->taps_w == 1 && p->out_stride == 1);
}
