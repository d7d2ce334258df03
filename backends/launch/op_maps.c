/* From features to anomaly maps and scores. */
#include <math.h>

#include "backends/launch/ops.h"
#include "core/base/memory.h"

static void max_pool_emit(struct launch_call *call)
{
    const int64_t *in = call->in[0]->dim, *out = call->out[0]->dim;
    launch_kernel(call, LAUNCH_MAPS, "max_pool", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->out[0]);
    for (int i = 1; i < 4; i++) launch_int(call, in[i]);
    launch_int(call, out[2]);
    launch_3d(call, out[2] * out[3], out[1], out[0]);
}

const struct launch_op launch_max_pool = {.emit = max_pool_emit};

static void window_mean_emit(struct launch_call *call)
{
    const int64_t *in = call->in[0]->dim, *out = call->out[0]->dim;
    launch_kernel(call, LAUNCH_MAPS, "window_mean", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->out[0]);
    for (int i = 1; i < 4; i++) launch_int(call, in[i]);
    launch_int(call, call->params->window.windows);
    launch_3d(call, out[2] * out[3], out[1], out[0]);
}

const struct launch_op launch_window_mean = {.emit = window_mean_emit};

static void cosine_map_emit(struct launch_call *call)
{
    enum { ITEMS = 16, GROUP = 256 }; /* COSINE_ITEMS, COSINE_GROUP of maps.cl */
    const int64_t pixels = launch_rows(call->in[0]);
    const bool processor = call->device->processor;
    launch_kernel(call, LAUNCH_MAPS, processor ? "cosine_map" : "cosine_map_runs", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->in[1]);
    launch_value(call, call->out[0]);
    launch_int(call, call->in[0]->dim[3]);
    launch_real(call, call->params->norm.eps);
    launch_ulong(call, pixels);
    if (processor)
        launch_1d(call, pixels);
    else
        launch_groups(call, 1, (const size_t[3]){(size_t)pixels * ITEMS}, (const size_t[3]){GROUP});
}

const struct launch_op launch_cosine_map = {.emit = cosine_map_emit};

/* The kernel finds positions in 32-bit integers. */
static const char *resize_supports(const struct launch_call *call)
{
    const int64_t *in = call->in[0]->dim, *out = call->out[0]->dim;
    return in[1] * out[1] <= INT32_MAX && in[2] * out[2] <= INT32_MAX && out[2] * out[3] <= INT32_MAX
               ? NULL
               : "needs sides whose product is less than 2^31";
}

static void resize_emit(struct launch_call *call)
{
    const int64_t *in = call->in[0]->dim, *out = call->out[0]->dim;
    launch_kernel(call, LAUNCH_MAPS, "resize", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_value(call, call->in[1]);
    launch_value(call, call->out[0]);
    launch_int(call, call->in[1] != NULL);
    launch_int(call, in[1]);
    launch_int(call, in[2]);
    for (int i = 1; i < 4; i++) launch_int(call, out[i]);
    launch_real(call, call->params->resize.scale);
    launch_3d(call, out[2] * out[3], out[1], out[0]);
}

const struct launch_op launch_resize = {.supports = resize_supports, .emit = resize_emit};

/* ---- Gaussian blur: weights and the image between the two passes in the workspace ---- */

enum { BLUR_MAX_SIGMA = 10000 };

static int64_t blur_radius(const struct launch_call *call)
{
    return (int64_t)(4 * call->params->blur.sigma + 0.5);
}

static size_t blur_weight_bytes(const struct launch_call *call)
{
    return size_align((size_t)(2 * blur_radius(call) + 1) * launch_real_bytes(call),
                      VALUE_ALIGNMENT);
}

static const char *blur_supports(const struct launch_call *call)
{
    const double sigma = call->params->blur.sigma;
    if (!(sigma > 0 && sigma <= BLUR_MAX_SIGMA)) return "needs a sigma above 0, at most 10000";
    return call->in[0]->dim[3] == 1 ? NULL : "needs one channel";
}

static size_t blur_workspace(const struct launch_call *call)
{
    return blur_weight_bytes(call) +
           (size_t)value_count_elements(call->in[0]) * launch_real_bytes(call);
}

static void blur_emit(struct launch_call *call)
{
    const int64_t *dim = call->in[0]->dim;
    const size_t real = launch_real_bytes(call), between = blur_weight_bytes(call);
    const int64_t radius = blur_radius(call);
    launch_kernel(call, LAUNCH_MAPS, "blur_weights", 1, NULL, 0);
    launch_scratch(call, 0, real);
    launch_int(call, radius);
    launch_real(call, call->params->blur.sigma);
    launch_3d(call, 1, 1, 1);

    launch_kernel(call, LAUNCH_MAPS, "blur_columns", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_scratch(call, between, real);
    launch_scratch(call, 0, real);
    launch_int(call, radius);
    launch_int(call, dim[1]);
    launch_int(call, dim[2]);
    launch_3d(call, dim[2], dim[1], dim[0]);

    launch_kernel(call, LAUNCH_MAPS, "blur_rows", 1, NULL, 0);
    launch_scratch(call, between, real);
    launch_value(call, call->out[0]);
    launch_scratch(call, 0, real);
    launch_int(call, radius);
    launch_int(call, dim[1]);
    launch_int(call, dim[2]);
    launch_3d(call, dim[2], dim[1], dim[0]);
}

const struct launch_op launch_gaussian_blur = {
    .supports = blur_supports, .workspace = blur_workspace, .emit = blur_emit};

/* ---- maximum ---- */

enum { MAX_PIECES = 256 };

struct max_cut {
    int64_t images, elements, piece, pieces;
};

static struct max_cut max_cut_of(const struct launch_call *call)
{
    struct max_cut cut = {.images = call->in[0]->dim[0]};
    cut.elements = value_count_elements(call->in[0]) / cut.images;
    cut.piece = divide_up(cut.elements, MAX_PIECES);
    cut.pieces = divide_up(cut.elements, cut.piece);
    return cut;
}

static size_t max_workspace(const struct launch_call *call)
{
    const struct max_cut cut = max_cut_of(call);
    return (size_t)(cut.images * cut.pieces) * launch_real_bytes(call);
}

static void max_emit(struct launch_call *call)
{
    const struct max_cut cut = max_cut_of(call);
    const size_t real = launch_real_bytes(call);
    launch_kernel(call, LAUNCH_MAPS, "max_pieces", 1, NULL, 0);
    launch_value(call, call->in[0]);
    launch_scratch(call, 0, real);
    launch_ulong(call, cut.elements);
    launch_ulong(call, cut.piece);
    launch_int(call, cut.pieces);
    launch_3d(call, cut.pieces, cut.images, 1);

    launch_kernel(call, LAUNCH_MAPS, "max_images", 1, NULL, 0);
    launch_scratch(call, 0, real);
    launch_value(call, call->out[0]);
    launch_int(call, cut.pieces);
    launch_int(call, cut.images);
    launch_3d(call, cut.images, 1, 1);
}

const struct launch_op launch_max = {.workspace = max_workspace, .emit = max_emit};
