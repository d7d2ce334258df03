/* Correlations are summed in double, one channel after the other: equal windows then correlate
 * equally wherever they stand, and the choice does not depend on the instruction set by more than a
 * double's rounding. */
#include <math.h>
#include <omp.h>
#include <stdbool.h>

#include "backends/cpu/cpu.h"
#include "core/base/memory.h"

enum { IN_Q, IN_K };

/* Bytes of a vector register. */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
/* Windows of the key side that are correlated at once, two vectors; their number is rounded up to
 * it. */
#define ROUTE_LANES ((int64_t)(2 * VECTOR_BYTES / sizeof(double)))
/* Query windows of a piece of work. */
#define ROUTE_ROWS 4

typedef double lanes __attribute__((vector_size(VECTOR_BYTES), may_alias));

struct route_shape {
    int64_t images, windows, channels, views, selected;
    int64_t padded_windows; /* P rounded up to ROUTE_LANES */
    int64_t candidates;     /* windows a query window may select */
};

static struct route_shape shape_of(const struct cpu_call *call)
{
    const int64_t *q = call->in[IN_Q]->dim;
    struct route_shape s = {
        .images = q[0],
        .windows = q[1] * q[2],
        .channels = q[3],
        .views = call->params->window.views,
        .selected = call->out[0]->dim[2],
    };
    s.padded_windows = (int64_t)size_align((size_t)s.windows, (size_t)ROUTE_LANES);
    s.candidates = s.windows * (s.views > 1 ? s.views - 1 : 1);
    return s;
}

static const char *supports(const struct cpu_call *call)
{
    struct route_shape s = shape_of(call);
    if (s.images % s.views != 0) return "needs whole samples";
    if (s.views * s.padded_windows > INT32_MAX)
        return "has more windows in a sample than an index can count";
    if (s.selected < 1 || s.selected > s.candidates)
        return "needs at least as many candidate windows as are selected";
    return NULL;
}

/* Elements: keys turned to (N, padded windows / ROUTE_LANES, C, ROUTE_LANES). */
static int64_t keys_count(const struct route_shape *s)
{
    return s->images * s->channels * s->padded_windows;
}

/* Elements of a thread: correlations (ROUTE_ROWS, V * padded windows), queries (C, ROUTE_ROWS), a
 * heap of indices. */
static int64_t correlations_count(const struct route_shape *s)
{
    return ROUTE_ROWS * s->views * s->padded_windows;
}

static int64_t thread_count(const struct route_shape *s)
{
    return (int64_t)size_align(
        (size_t)(correlations_count(s) + ROUTE_ROWS * s->channels + (s->selected + 1) / 2),
        MEMORY_ALIGNMENT);
}

static size_t workspace(const struct cpu_call *call)
{
    struct route_shape s = shape_of(call);
    return (size_t)(keys_count(&s) + call->threads * thread_count(&s)) * sizeof(double);
}

/* keys (P, C) of one image -> turned (padded windows / ROUTE_LANES, C, ROUTE_LANES), the rest zero.
 * */
static void turn_keys(const struct route_shape *s, const real *keys, double *turned)
{
    for (int64_t first = 0; first < s->padded_windows; first += ROUTE_LANES)
        for (int64_t c = 0; c < s->channels; c++)
            for (int64_t i = first; i < first + ROUTE_LANES; i++)
                *turned++ = i < s->windows ? keys[i * s->channels + c] : 0;
}

/* row[r][i] = sum_c queries[c][r] * keys[i][c] for one image, ROUTE_ROWS x ROUTE_LANES at a time.
 * Rows `stride` apart. */
static void correlate(const struct route_shape *s, const double *queries, const double *keys,
                      double *row, int64_t stride)
{
    for (int64_t i = 0; i < s->padded_windows; i += ROUTE_LANES) {
        lanes a0 = {0}, b0 = {0}, a1 = {0}, b1 = {0}, a2 = {0}, b2 = {0}, a3 = {0}, b3 = {0};
        for (int64_t c = 0; c < s->channels; c++) {
            const lanes *key = (const lanes *)(keys + i * s->channels + c * ROUTE_LANES);
            const double *query = queries + c * ROUTE_ROWS;
            a0 += key[0] * query[0];
            b0 += key[1] * query[0];
            a1 += key[0] * query[1];
            b1 += key[1] * query[1];
            a2 += key[0] * query[2];
            b2 += key[1] * query[2];
            a3 += key[0] * query[3];
            b3 += key[1] * query[3];
        }
        const lanes sums[ROUTE_ROWS][2] = {{a0, b0}, {a1, b1}, {a2, b2}, {a3, b3}};
        for (int64_t r = 0; r < ROUTE_ROWS; r++) {
            lanes *to = (lanes *)(row + r * stride + i);
            to[0] = sums[r][0];
            to[1] = sums[r][1];
        }
    }
}

/* Whether candidate i loses against j. A correlation that is not a number wins, so that it reaches
 * the output. */
static bool loses(const double *correlation, int32_t i, int32_t j)
{
    double a = correlation[i], b = correlation[j];
    if (isnan(a) || isnan(b)) return isnan(a) ? isnan(b) && i > j : true;
    return a < b || (a == b && i > j);
}

/* Restores the heap below `at`: no element loses against its parent's place, the worst is on top.
 * */
static void sift_down(const double *correlation, int32_t *heap, int64_t count, int64_t at)
{
    const int32_t moved = heap[at];
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && loses(correlation, heap[child + 1], heap[child])) child++;
        if (!loses(correlation, heap[child], moved)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* The K best candidates of a query window of `view`, in ascending order of their index. correlation
 * (V, padded windows); heap holds K positions in it. */
static void select_best(const struct route_shape *s, int64_t view, const double *correlation,
                        int32_t *heap, int32_t *indices)
{
    int64_t count = 0;
    for (int64_t other = 0; other < s->views; other++) {
        if (other == view && s->views > 1) continue;
        const int32_t begin = (int32_t)(other * s->padded_windows),
                      end = begin + (int32_t)s->windows;
        for (int32_t i = begin; i < end; i++) {
            if (count < s->selected) {
                heap[count++] = i;
                if (count == s->selected)
                    for (int64_t at = count / 2; at-- > 0;) sift_down(correlation, heap, count, at);
            } else if (loses(correlation, heap[0], i)) {
                heap[0] = i;
                sift_down(correlation, heap, count, 0);
            }
        }
    }
    /* Whatever does not lose against the worst selected is selected. */
    const int32_t worst = heap[0];
    for (int64_t other = 0; other < s->views; other++) {
        if (other == view && s->views > 1) continue;
        for (int64_t i = 0; i < s->windows; i++)
            if (!loses(correlation, (int32_t)(other * s->padded_windows + i), worst))
                *indices++ = (int32_t)(other * s->windows + i);
    }
}

static void run(const struct cpu_call *call)
{
    const struct route_shape s = shape_of(call);
    const real *q = call->x[IN_Q], *k = call->x[IN_K];
    int32_t *indices = call->y[0];
    double *keys = call->workspace, *threads = keys + keys_count(&s);
    const int64_t stride = s.views * s.padded_windows,
                  blocks = (s.windows + ROUTE_ROWS - 1) / ROUTE_ROWS;

#pragma omp parallel num_threads(call->threads)
    {
        double *correlation = threads + omp_get_thread_num() * thread_count(&s);
        double *queries = correlation + correlations_count(&s);
        int32_t *heap = (int32_t *)(queries + ROUTE_ROWS * s.channels);
#pragma omp for schedule(static)
        for (int64_t image = 0; image < s.images; image++)
            turn_keys(&s, k + image * s.windows * s.channels,
                      keys + image * s.channels * s.padded_windows);
#pragma omp for schedule(dynamic)
        for (int64_t piece = 0; piece < s.images * blocks; piece++) {
            const int64_t image = piece / blocks, view = image % s.views, sample = image - view;
            const int64_t first = image * s.windows + piece % blocks * ROUTE_ROWS,
                          end = (image + 1) * s.windows;
            /* The rows after the last window of an image repeat it. */
            for (int64_t r = 0; r < ROUTE_ROWS; r++) {
                const real *from = q + (first + r < end ? first + r : end - 1) * s.channels;
                for (int64_t c = 0; c < s.channels; c++) queries[c * ROUTE_ROWS + r] = from[c];
            }
            for (int64_t other = 0; other < s.views; other++)
                if (other != view || s.views == 1)
                    correlate(&s, queries, keys + (sample + other) * s.channels * s.padded_windows,
                              correlation + other * s.padded_windows, stride);
            for (int64_t r = 0; r < ROUTE_ROWS && first + r < end; r++)
                select_best(&s, view, correlation + r * stride, heap,
                            indices + (first + r) * s.selected);
        }
    }
}

const struct cpu_op CPU_NAME(cpu_route) = {supports, workspace, run};
