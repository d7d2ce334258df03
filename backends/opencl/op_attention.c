/* Routing and routed attention. */
#include <stdio.h>

#include "backends/opencl/ops.h"
#include "core/base/memory.h"

/* ---- routing: the order of all correlations of a row in the workspace ---- */

struct route_shape {
    int64_t rows, columns, windows, views, channels, selected;
};

static struct route_shape route_shape_of(const struct opencl_call *call)
{
    const int64_t *q = call->in[0]->dim, views = call->params->window.views;
    return (struct route_shape){.rows = q[0] * q[1] * q[2],
                                .columns = views * q[1] * q[2],
                                .windows = q[1] * q[2],
                                .views = views,
                                .channels = q[3],
                                .selected = call->out[0]->dim[2]};
}

static const char *route_supports(const struct opencl_call *call)
{
    const struct route_shape s = route_shape_of(call);
    if (call->in[0]->dim[0] % s.views != 0) return "needs whole samples";
    if (s.selected < 1 || s.selected > (s.views > 1 ? s.views - 1 : 1) * s.windows)
        return "needs at least as many candidate windows as are selected";
    return NULL;
}

static size_t route_workspace(const struct opencl_call *call)
{
    const struct route_shape s = route_shape_of(call);
    return (size_t)s.rows * (size_t)s.columns * opencl_real_bytes(call);
}

static void route_emit(struct opencl_call *call)
{
    enum { GPU_ITEMS = 64 };
    const struct route_shape s = route_shape_of(call);
    const bool group = !call->device->processor && call->device->largest_group >= GPU_ITEMS;
    const size_t items = group ? GPU_ITEMS : 1, real = opencl_real_bytes(call);
    char options[32];
    snprintf(options, sizeof options, "-DSELECT_ITEMS=%zu", items);
    opencl_kernel(call, OPENCL_ROUTE, "correlate", opencl_lanes(call, s.channels), options);
    opencl_value(call, call->in[0]);
    opencl_value(call, call->in[1]);
    opencl_scratch(call, 0, real);
    opencl_int(call, s.windows);
    opencl_int(call, s.views);
    opencl_int(call, s.channels);
    opencl_launch_3d(call, s.columns, s.rows, 1);

    opencl_kernel(call, OPENCL_ROUTE, "select_windows", opencl_lanes(call, s.channels), options);
    opencl_scratch(call, 0, real);
    opencl_value(call, call->out[0]);
    opencl_int(call, s.columns);
    opencl_int(call, s.selected);
    const size_t global[3] = {(size_t)s.rows * items}, local[3] = {items};
    opencl_launch_groups(call, 1, global, local);
}

const struct opencl_op opencl_route = {
    .supports = route_supports, .workspace = route_workspace, .emit = route_emit};

/* ---- attention ---- */

/* As attention.cl declares it, for float and for double. */
struct attention_float {
    cl_int height, width, channels, windows, views, heads, selected, tall, wide;
    cl_float scale;
};
struct attention_double {
    cl_int height, width, channels, windows, views, heads, selected, tall, wide;
    cl_double scale;
};

struct attention {
    struct attention_float numbers;
    double scale;
    int64_t images, head;
    int lanes;
    char options[32];
};

static struct attention attention_of(const struct opencl_call *call, const struct value *q,
                                     const struct value *indices)
{
    const struct attention_params *p = &call->params->attention;
    struct attention a = {
        .numbers = {.height = (cl_int)q->dim[1],
                    .width = (cl_int)q->dim[2],
                    .channels = (cl_int)q->dim[3],
                    .windows = p->windows,
                    .views = p->views,
                    .heads = p->heads,
                    .selected = (cl_int)indices->dim[2],
                    .tall = (cl_int)divide_up(q->dim[1], p->windows),
                    .wide = (cl_int)divide_up(q->dim[2], p->windows),
                    .scale = (cl_float)p->scale},
        .scale = p->scale,
        .images = q->dim[0],
        .head = q->dim[3] / p->heads,
    };
    /* Lanes are pixels here: any number of them will do. */
    a.lanes = opencl_lanes(call, 8);
    snprintf(a.options, sizeof a.options, "-DHEAD=%lld", (long long)a.head);
    return a;
}

static void set_attention(struct opencl_call *call, const struct attention *a)
{
    const struct attention_float *n = &a->numbers;
    const struct attention_double numbers = {n->height, n->width, n->channels, n->windows,
                                             n->views,  n->heads, n->selected, n->tall,
                                             n->wide,   a->scale};
    if (call->graph->real == DTYPE_F64)
        opencl_struct(call, &numbers, sizeof numbers);
    else
        opencl_struct(call, n, sizeof *n);
}

static void launch_windows(struct opencl_call *call, const struct attention *a)
{
    const int64_t pixels = (int64_t)a->numbers.tall * a->numbers.wide;
    const int64_t count = (int64_t)a->numbers.windows * a->numbers.windows;
    opencl_launch_3d(call, divide_up(pixels, a->lanes), a->numbers.heads, a->images * count);
}

static const char *shape_supports(const struct opencl_call *call, const struct value *q)
{
    const struct attention_params *p = &call->params->attention;
    if (q->dim[3] % p->heads != 0) return "needs heads that divide the channels";
    if (q->dim[3] / p->heads > 512) return "needs heads of at most 512 channels";
    return q->dim[0] % p->views != 0 ? "needs whole samples" : NULL;
}

static const char *attention_supports(const struct opencl_call *call)
{
    return shape_supports(call, call->in[0]);
}

static void attention_emit(struct opencl_call *call)
{
    const struct attention a = attention_of(call, call->in[0], call->in[3]);
    opencl_kernel(call, OPENCL_ATTENTION, "attend", a.lanes, a.options);
    for (int i = 0; i < 4; i++) opencl_value(call, call->in[i]);
    opencl_value(call, call->out[0]);
    opencl_value(call, call->out[1]);
    opencl_int(call, call->out[1] != NULL);
    set_attention(call, &a);
    launch_windows(call, &a);
}

const struct opencl_op opencl_routed_attention = {.supports = attention_supports,
                                                  .emit = attention_emit};

/* ---- its gradients: delta, then which windows were selected, in the workspace ---- */

enum { IN_DO, IN_Q, IN_K, IN_V, IN_INDICES, IN_O, IN_LSE };

static const char *gradient_supports(const struct opencl_call *call)
{
    return shape_supports(call, call->in[IN_Q]);
}

static int64_t delta_count(const struct opencl_call *call)
{
    return opencl_rows(call->in[IN_Q]) * call->params->attention.heads;
}

static size_t delta_bytes(const struct opencl_call *call)
{
    return size_align((size_t)delta_count(call) * opencl_real_bytes(call), VALUE_ALIGNMENT);
}

static size_t gradient_workspace(const struct opencl_call *call)
{
    const struct attention_params *p = &call->params->attention;
    const size_t count = (size_t)p->windows * (size_t)p->windows;
    return delta_bytes(call) + (size_t)call->in[IN_Q]->dim[0] * count * (size_t)p->views * count;
}

static void emit_key_gradient(struct opencl_call *call, const struct attention *a)
{
    const int64_t count = (int64_t)a->numbers.windows * a->numbers.windows;
    opencl_kernel(call, OPENCL_ATTENTION, "mark_selected", a->lanes, a->options);
    opencl_value(call, call->in[IN_INDICES]);
    opencl_scratch(call, delta_bytes(call), 1);
    opencl_int(call, a->images * count);
    opencl_int(call, a->numbers.views * count);
    opencl_int(call, a->numbers.selected);
    opencl_launch_1d(call, a->images * count);

    opencl_kernel(call, OPENCL_ATTENTION, "key_gradient", a->lanes, a->options);
    for (int i = IN_DO; i <= IN_V; i++) opencl_value(call, call->in[i]);
    opencl_scratch(call, delta_bytes(call), 1);
    opencl_value(call, call->in[IN_LSE]);
    opencl_scratch(call, 0, opencl_real_bytes(call));
    opencl_value(call, call->out[1]);
    opencl_value(call, call->out[2]);
    opencl_int(call, call->out[1] != NULL);
    opencl_int(call, call->out[2] != NULL);
    set_attention(call, a);
    launch_windows(call, a);
}

static void gradient_emit(struct opencl_call *call)
{
    const struct attention a = attention_of(call, call->in[IN_Q], call->in[IN_INDICES]);
    const size_t real = opencl_real_bytes(call);
    opencl_kernel(call, OPENCL_ATTENTION, "output_products", a.lanes, a.options);
    opencl_value(call, call->in[IN_DO]);
    opencl_value(call, call->in[IN_O]);
    opencl_scratch(call, 0, real);
    opencl_ulong(call, delta_count(call));
    opencl_launch_1d(call, delta_count(call));

    opencl_kernel(call, OPENCL_ATTENTION, "query_gradient", a.lanes, a.options);
    for (int i = IN_DO; i <= IN_INDICES; i++) opencl_value(call, call->in[i]);
    opencl_value(call, call->in[IN_LSE]);
    opencl_scratch(call, 0, real);
    opencl_value(call, call->out[0]);
    set_attention(call, &a);
    launch_windows(call, &a);
    if (call->out[1] || call->out[2]) emit_key_gradient(call, &a);
}

const struct opencl_op opencl_routed_attention_grad = {
    .supports = gradient_supports, .workspace = gradient_workspace, .emit = gradient_emit};
