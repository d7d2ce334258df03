/* From features to anomaly maps and scores: cosine distance, bilinear resizing, Gaussian blur,
 * maximum. */
#include "backends/cpu/ops.h"

#include <math.h>
#include <omp.h>

#include "core/base/memory.h"

/* ---- 1 - cosine along channels ---- */

/* In double: 1 - cosine of two close vectors cancels most digits. */
static double cosine_distance(const real *t, const real *s, int64_t channels, double eps)
{
    double dot = 0, t2 = 0, s2 = 0;
#pragma omp simd reduction(+ : dot, t2, s2)
    for (int64_t c = 0; c < channels; c++) {
        double a = (double)t[c], b = (double)s[c];
        dot += a * b;
        t2 += a * a;
        s2 += b * b;
    }
    double t_norm = sqrt(t2), s_norm = sqrt(s2);
    /* a NaN is kept: it is in dot */
    return 1 - dot / ((t_norm > eps ? t_norm : eps) * (s_norm > eps ? s_norm : eps));
}

static void cosine_map_run(const struct cpu_call *call)
{
    const real *t = call->x[0], *s = call->x[1];
    real *y = call->y[0];
    int64_t channels = call->in[0]->dim[3];
    struct pieces pieces = pieces_of_rows(value_rows(call->in[0]), channels);
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t first = piece_begin(&pieces, piece), end = first + piece_size(&pieces, piece);
        for (int64_t r = first; r < end; r++)
            y[r] = (real)cosine_distance(t + r * channels, s + r * channels, channels,
                                         call->params->norm.eps);
    }
}

const struct cpu_op CPU_NAME(cpu_cosine_map) = {.run = cosine_map_run};

/* ---- bilinear resizing, corners aligned ---- */

/* Output index i of `target` lies between the source indices `low` and `high`, `weight` of the
 * way. */
struct tap {
    int64_t low, high;
    real weight;
};

static struct tap tap_of(int64_t i, int64_t source, int64_t target)
{
    if (target == 1) return (struct tap){0, 0, 0};
    int64_t position = i * (source - 1), low = position / (target - 1);
    int64_t high = low + 1 < source ? low + 1 : low;
    return (struct tap){low, high, (real)((double)(position % (target - 1)) / (double)(target - 1))};
}

/* For each element of an output row (columns and channels): where its two neighbours are in a
 * source row. Laid out in the workspace as weights, then low, then high offsets. */
struct row_taps {
    real *weight;
    int32_t *low, *high;
};

static const char *resize_supports(const struct cpu_call *call)
{
    int64_t row = call->in[0]->dim[2] * call->in[0]->dim[3];
    return row <= INT32_MAX ? NULL : "needs rows of less than 2^31 elements";
}

static size_t resize_workspace(const struct cpu_call *call)
{
    return (size_t)(call->out[0]->dim[2] * call->out[0]->dim[3]) *
           (sizeof(real) + 2 * sizeof(int32_t));
}

static struct row_taps prepare_row_taps(const struct cpu_call *call)
{
    int64_t source = call->in[0]->dim[2], target = call->out[0]->dim[2],
            channels = call->in[0]->dim[3];
    struct row_taps taps = {.weight = call->workspace};
    taps.low = (int32_t *)(taps.weight + target * channels);
    taps.high = taps.low + target * channels;
    for (int64_t j = 0; j < target; j++) {
        struct tap tap = tap_of(j, source, target);
        for (int64_t c = 0; c < channels; c++) {
            taps.weight[j * channels + c] = tap.weight;
            taps.low[j * channels + c] = (int32_t)(tap.low * channels + c);
            taps.high[j * channels + c] = (int32_t)(tap.high * channels + c);
        }
    }
    return taps;
}

static void resize_run(const struct cpu_call *call)
{
    const int64_t *in = call->in[0]->dim, *out = call->out[0]->dim;
    int64_t row = out[2] * out[3], source_row = in[2] * in[3];
    real scale = (real)call->params->resize.scale;
    struct row_taps taps = prepare_row_taps(call);
#pragma omp parallel for num_threads(call->threads)
    for (int64_t job = 0; job < out[0] * out[1]; job++) {
        struct tap tap = tap_of(job % out[1], in[1], out[1]);
        const real *image = (const real *)call->x[0] + job / out[1] * in[1] * source_row;
        const real *top = image + tap.low * source_row, *bottom = image + tap.high * source_row;
        const real *addend = call->x[1] ? (const real *)call->x[1] + job * row : NULL;
        real *y = (real *)call->y[0] + job * row, down = tap.weight, up = 1 - down;
#pragma omp simd
        for (int64_t e = 0; e < row; e++) {
            real right = taps.weight[e], left = 1 - right;
            real value = up * (left * top[taps.low[e]] + right * top[taps.high[e]]) +
                         down * (left * bottom[taps.low[e]] + right * bottom[taps.high[e]]);
            y[e] = addend ? scale * value + addend[e] : scale * value;
        }
    }
}

const struct cpu_op CPU_NAME(cpu_resize) = {
    .supports = resize_supports,
    .workspace = resize_workspace,
    .run = resize_run,
};

/* ---- Gaussian blur ---- */

enum { BLUR_MAX_SIGMA = 10000 };

static int64_t blur_radius(const struct cpu_call *call)
{
    return (int64_t)(4 * call->params->blur.sigma + 0.5);
}

/* Index i, anywhere, of an axis of `size` mirrored with its edge elements again and again. */
static int64_t mirror(int64_t i, int64_t size)
{
    i %= 2 * size;
    if (i < 0) i += 2 * size;
    return i < size ? i : 2 * size - 1 - i;
}

static const char *blur_supports(const struct cpu_call *call)
{
    double sigma = call->params->blur.sigma;
    if (!(sigma > 0 && sigma <= BLUR_MAX_SIGMA)) return "needs a sigma above 0, at most 10000";
    return call->in[0]->dim[3] == 1 ? NULL : "needs one channel";
}

/* The weights, and a mirrored row for each thread; each from a cache line of its own. */
static size_t weights_bytes(int64_t radius)
{
    return size_align((size_t)(2 * radius + 1) * sizeof(real), MEMORY_ALIGNMENT);
}

static size_t buffer_bytes(int64_t radius, int64_t width)
{
    return size_align((size_t)(width + 2 * radius) * sizeof(real), MEMORY_ALIGNMENT);
}

static size_t blur_workspace(const struct cpu_call *call)
{
    int64_t radius = blur_radius(call);
    return weights_bytes(radius) + (size_t)call->threads * buffer_bytes(radius, call->in[0]->dim[2]);
}

static void blur_weights(real *weights, int64_t radius, double sigma)
{
    double sum = 0;
    for (int64_t k = -radius; k <= radius; k++)
        sum += exp(-0.5 * ((double)k / sigma) * ((double)k / sigma));
    for (int64_t k = -radius; k <= radius; k++)
        weights[radius + k] = (real)(exp(-0.5 * ((double)k / sigma) * ((double)k / sigma)) / sum);
}

/* y[j] = sum_k weights[k] * row_k[j] over the rows around row i of the image. */
static void blur_columns(const real *image, int64_t i, int64_t height, int64_t width,
                         const real *weights, int64_t radius, real *y)
{
    for (int64_t j = 0; j < width; j++) y[j] = 0;
    for (int64_t k = -radius; k <= radius; k++) {
        const real *row = image + mirror(i + k, height) * width;
        real weight = weights[radius + k];
#pragma omp simd
        for (int64_t j = 0; j < width; j++) y[j] += weight * row[j];
    }
}

/* y[j] = sum_k weights[k] * padded[j + k] with the row at padded + radius, its mirror images not
 * yet around it. */
static void blur_row(real *padded, int64_t width, const real *weights, int64_t radius, real *y)
{
    for (int64_t k = 1; k <= radius; k++) {
        padded[radius - k] = padded[radius + mirror(-k, width)];
        padded[radius + width - 1 + k] = padded[radius + mirror(width - 1 + k, width)];
    }
    for (int64_t j = 0; j < width; j++) y[j] = 0;
    for (int64_t k = 0; k <= 2 * radius; k++) {
#pragma omp simd
        for (int64_t j = 0; j < width; j++) y[j] += weights[k] * padded[j + k];
    }
}

static void blur_run(const struct cpu_call *call)
{
    const int64_t images = call->in[0]->dim[0], height = call->in[0]->dim[1],
                  width = call->in[0]->dim[2];
    int64_t radius = blur_radius(call);
    real *weights = call->workspace;
    char *buffers = (char *)call->workspace + weights_bytes(radius);
    blur_weights(weights, radius, call->params->blur.sigma);
#pragma omp parallel for num_threads(call->threads)
    for (int64_t job = 0; job < images * height; job++) {
        real *padded =
            (real *)(buffers + (size_t)omp_get_thread_num() * buffer_bytes(radius, width));
        const real *image = (const real *)call->x[0] + job / height * height * width;
        blur_columns(image, job % height, height, width, weights, radius, padded + radius);
        blur_row(padded, width, weights, radius, (real *)call->y[0] + job * width);
    }
}

const struct cpu_op CPU_NAME(cpu_gaussian_blur) = {
    .supports = blur_supports,
    .workspace = blur_workspace,
    .run = blur_run,
};

/* ---- maximum of an image ---- */

enum { MAX_LANES = 64 };

/* Of count > 0 elements. A NaN wins: it must never look like a good part. */
static real largest(const real *x, int64_t count)
{
    real lane[MAX_LANES], best;
    for (int i = 0; i < MAX_LANES; i++) lane[i] = x[0];
    int64_t at = 0;
    for (; at + MAX_LANES <= count; at += MAX_LANES)
#pragma omp simd
        for (int i = 0; i < MAX_LANES; i++) lane[i] = larger(lane[i], x[at + i]);
    best = lane[0];
    for (int i = 1; i < MAX_LANES; i++) best = larger(best, lane[i]);
    for (; at < count; at++) best = larger(best, x[at]);
    return best;
}

static void max_run(const struct cpu_call *call)
{
    real *y = call->y[0];
    int64_t images = call->in[0]->dim[0], image_elements = value_elements(call->in[0]) / images;
#pragma omp parallel for num_threads(call->threads) if (images > 1)
    for (int64_t image = 0; image < images; image++)
        y[image] = largest((const real *)call->x[0] + image * image_elements, image_elements);
}

const struct cpu_op CPU_NAME(cpu_max) = {.run = max_run};
