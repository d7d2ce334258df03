/* Routing and routed attention. */
#include "backends/launch/ops.h"
#include "core/base/memory.h"

/* ---- routing: the order of all correlations of a row in the workspace ---- */

struct route_shape {
    int64_t rows, columns, windows, views, channels, selected;
};

static struct route_shape route_shape_of(const struct launch_call *call)
{
    const int64_t *q = call->in[0]->dim, views = call->params->window.views;
    return (struct route_shape){.rows = q[0] * q[1] * q[2],
                                .columns = views * q[1] * q[2],
                                .windows = q[1] * q[2],
                                .views = views,
                                .channels = q[3],
                                .selected = call->out[0]->dim[2]};
}

static const char *route_supports(const struct launch_call *call)
{
    const struct route_shape s = route_shape_of(call);
    if (call->in[0]->dim[0] % s.views != 0) return "needs whole samples";
    if (s.selected < 1 || s.selected > (s.views > 1 ? s.views - 1 : 1) * s.windows)
        return "needs at least as many candidate windows as are selected";
    return NULL;
}

static size_t route_workspace(const struct launch_call *call)
{
    const struct route_shape s = route_shape_of(call);
    return (size_t)s.rows * (size_t)s.columns * launch_real_bytes(call);
}

static void route_emit(struct launch_call *call)
{
    enum { GPU_ITEMS = 64, GROUP = 8, TILE = 32 }; /* the latter two of correlate_tiled */
    const struct route_shape s = route_shape_of(call);
    const bool group = !call->device->processor && call->device->largest_group >= GPU_ITEMS;
    const size_t items = group ? GPU_ITEMS : 1, real = launch_real_bytes(call);
    const int lanes = launch_lanes(call, s.channels);
    launch_kernel(call, LAUNCH_ROUTE, group ? "correlate_tiled" : "correlate", lanes,
                  "SELECT_ITEMS", (int)items);
    launch_value(call, call->in[0]);
    launch_value(call, call->in[1]);
    launch_scratch(call, 0, real);
    launch_int(call, s.windows);
    launch_int(call, s.views);
    launch_int(call, s.channels);
    launch_int(call, s.rows);
    if (group) {
        const int64_t tiles = divide_up(s.columns, TILE), samples = s.rows / s.columns;
        const size_t all[3] = {(size_t)(GROUP * tiles), (size_t)(GROUP * tiles * samples)};
        const size_t tile[3] = {GROUP, GROUP};
        launch_groups(call, 2, all, tile);
    } else {
        launch_2d(call, s.columns, s.rows);
    }

    launch_kernel(call, LAUNCH_ROUTE, "select_windows", lanes, "SELECT_ITEMS", (int)items);
    launch_scratch(call, 0, real);
    launch_value(call, call->out[0]);
    launch_int(call, s.columns);
    launch_int(call, s.selected);
    const size_t global[3] = {(size_t)s.rows * items}, local[3] = {items};
    launch_groups(call, 1, global, local);
}

const struct launch_op launch_route = {
    .supports = route_supports, .workspace = route_workspace, .emit = route_emit};

/* ---- attention ---- */

/* As attention.cl declares it, for float and for double. */
struct attention_float {
    int32_t height, width, channels, windows, views, heads, selected, tall, wide;
    float scale;
};
struct attention_double {
    int32_t height, width, channels, windows, views, heads, selected, tall, wide;
    double scale;
};

struct attention {
    struct attention_float numbers;
    double scale;
    int64_t images;
    int head, lanes;
};

static struct attention attention_of(const struct launch_call *call, const struct value *q,
                                     const struct value *indices)
{
    const struct attention_params *p = &call->params->attention;
    struct attention a = {
        .numbers = {.height = (int32_t)q->dim[1],
                    .width = (int32_t)q->dim[2],
                    .channels = (int32_t)q->dim[3],
                    .windows = p->windows,
                    .views = p->views,
                    .heads = p->heads,
                    .selected = (int32_t)indices->dim[2],
                    .tall = (int32_t)divide_up(q->dim[1], p->windows),
                    .wide = (int32_t)divide_up(q->dim[2], p->windows),
                    .scale = (float)p->scale},
        .scale = p->scale,
        .images = q->dim[0],
        .head = (int)(q->dim[3] / p->heads),
    };
    /* Lanes are pixels here: any number of them will do. */
    a.lanes = launch_lanes(call, 8);
    return a;
}

static void set_attention(struct launch_call *call, const struct attention *a)
{
    const struct attention_float *n = &a->numbers;
    const struct attention_double numbers = {n->height, n->width, n->channels, n->windows,
                                             n->views,  n->heads, n->selected, n->tall,
                                             n->wide,   a->scale};
    if (call->graph->real == DTYPE_F64)
        launch_struct(call, &numbers, sizeof numbers);
    else
        launch_struct(call, n, sizeof *n);
}

static void launch_windows(struct launch_call *call, const struct attention *a)
{
    const int64_t pixels = (int64_t)a->numbers.tall * a->numbers.wide;
    const int64_t count = (int64_t)a->numbers.windows * a->numbers.windows;
    launch_3d(call, divide_up(pixels, a->lanes), a->numbers.heads, a->images * count);
}

static const char *shape_supports(const struct launch_call *call, const struct value *q)
{
    const struct attention_params *p = &call->params->attention;
    if (q->dim[3] % p->heads != 0) return "needs heads that divide the channels";
    if (q->dim[3] / p->heads > 512) return "needs heads of at most 512 channels";
    return q->dim[0] % p->views != 0 ? "needs whole samples" : NULL;
}

static const char *attention_supports(const struct launch_call *call)
{
    return shape_supports(call, call->in[0]);
}

static void attention_emit(struct launch_call *call)
{
    const struct attention a = attention_of(call, call->in[0], call->in[3]);
    launch_kernel(call, LAUNCH_ATTENTION, "attend", a.lanes, "HEAD", a.head);
    for (int i = 0; i < 4; i++) launch_value(call, call->in[i]);
    launch_value(call, call->out[0]);
    launch_value(call, call->out[1]);
    launch_int(call, call->out[1] != NULL);
    set_attention(call, &a);
    launch_windows(call, &a);
}

const struct launch_op launch_routed_attention = {.supports = attention_supports,
                                                  .emit = attention_emit};

/* ---- its gradients: delta, then which windows were selected, in the workspace ---- */

enum { IN_DO, IN_Q, IN_K, IN_V, IN_INDICES, IN_O, IN_LSE };

static const char *gradient_supports(const struct launch_call *call)
{
    return shape_supports(call, call->in[IN_Q]);
}

static int64_t delta_count(const struct launch_call *call)
{
    return launch_rows(call->in[IN_Q]) * call->params->attention.heads;
}

static size_t delta_bytes(const struct launch_call *call)
{
    return size_align((size_t)delta_count(call) * launch_real_bytes(call), VALUE_ALIGNMENT);
}

static size_t gradient_workspace(const struct launch_call *call)
{
    const struct attention_params *p = &call->params->attention;
    const size_t count = (size_t)p->windows * (size_t)p->windows;
    return delta_bytes(call) + (size_t)call->in[IN_Q]->dim[0] * count * (size_t)p->views * count;
}

static void emit_key_gradient(struct launch_call *call, const struct attention *a)
{
    const int64_t count = (int64_t)a->numbers.windows * a->numbers.windows;
    launch_kernel(call, LAUNCH_ATTENTION, "mark_selected", a->lanes, "HEAD", a->head);
    launch_value(call, call->in[IN_INDICES]);
    launch_scratch(call, delta_bytes(call), 1);
    launch_int(call, a->images * count);
    launch_int(call, a->numbers.views * count);
    launch_int(call, a->numbers.selected);
    launch_1d(call, a->images * count);

    launch_kernel(call, LAUNCH_ATTENTION, "key_gradient", a->lanes, "HEAD", a->head);
    for (int i = IN_DO; i <= IN_V; i++) launch_value(call, call->in[i]);
    launch_scratch(call, delta_bytes(call), 1);
    launch_value(call, call->in[IN_LSE]);
    launch_scratch(call, 0, launch_real_bytes(call));
    launch_value(call, call->out[1]);
    launch_value(call, call->out[2]);
    launch_int(call, call->out[1] != NULL);
    launch_int(call, call->out[2] != NULL);
    set_attention(call, a);
    launch_windows(call, a);
}

static void gradient_emit(struct launch_call *call)
{
    const struct attention a = attention_of(call, call->in[IN_Q], call->in[IN_INDICES]);
    const size_t real = launch_real_bytes(call);
    launch_kernel(call, LAUNCH_ATTENTION, "output_products", a.lanes, "HEAD", a.head);
    launch_value(call, call->in[IN_DO]);
    launch_value(call, call->in[IN_O]);
    launch_scratch(call, 0, real);
    launch_ulong(call, delta_count(call));
    set_attention(call, &a);
    launch_1d(call, delta_count(call));

    launch_kernel(call, LAUNCH_ATTENTION, "query_gradient", a.lanes, "HEAD", a.head);
    for (int i = IN_DO; i <= IN_INDICES; i++) launch_value(call, call->in[i]);
    launch_value(call, call->in[IN_LSE]);
    launch_scratch(call, 0, real);
    launch_value(call, call->out[0]);
    set_attention(call, &a);
    launch_windows(call, &a);
    if (call->out[1] || call->out[2]) emit_key_gradient(call, &a);
}

const struct launch_op launch_routed_attention_grad = {
    .supports = gradient_supports, .workspace = gradient_workspace, .emit = gradient_emit};
