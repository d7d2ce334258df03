/* Routed attention, backward: scores are recomputed tile by tile. The first pass owns query windows
 * and gives dq; the second owns key windows, walks the inverse of the index list and gives dk and
 * dv. */
#include <omp.h>

#include "backends/cpu/attention_tile.h"
#include "core/base/memory.h"

enum { IN_DO, IN_Q, IN_K, IN_V, IN_INDICES, IN_O, IN_LSE };
enum { OUT_DQ, OUT_DK, OUT_DV };

/* The parts of the workspace. */
struct layout {
    size_t a, b;       /* packed operands: keys and values, then queries and do */
    size_t lse, delta; /* (N, P, heads, window pixels), lse in powers of two */
    size_t ends; /* (N, P) int64: where the list of a key window ends in the lists of its sample */
    size_t lists; /* (N, P, K) int32: of each key window the query windows that selected it, ascending */
    size_t scratch; /* of every thread */
    size_t bytes;
};

static struct layout layout_of(const struct attention_shape *shape, int threads)
{
    const size_t packed = (size_t)CPU_NAME(attention_packed_count)(shape) * sizeof(real);
    const size_t windows = (size_t)(shape->images * shape->image_windows);
    const size_t pixels = windows * (size_t)(shape->heads * shape->window_pixels) * sizeof(real);
    const size_t sizes[] = {packed,
                            packed,
                            pixels,
                            pixels,
                            windows * sizeof(int64_t),
                            windows * (size_t)shape->selected * sizeof(int32_t),
                            (size_t)(threads * attention_scratch_count(shape)) * sizeof(real)};
    struct layout l;
    size_t *const parts[] = {&l.a, &l.b, &l.lse, &l.delta, &l.ends, &l.lists, &l.scratch};
    l.bytes = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        *parts[i] = l.bytes;
        l.bytes += size_align(sizes[i], MEMORY_ALIGNMENT);
    }
    return l;
}

static struct attention_shape shape_of(const struct cpu_call *call)
{
    return CPU_NAME(attention_shape)(call->in[IN_Q], call->in[IN_INDICES], &call->params->attention);
}

static const char *supports(const struct cpu_call *call)
{
    struct attention_shape shape = shape_of(call);
    return CPU_NAME(attention_refusal)(&shape);
}

static size_t workspace(const struct cpu_call *call)
{
    struct attention_shape shape = shape_of(call);
    return layout_of(&shape, call->threads).bytes;
}

/* Counting sort of one sample's indices by key window. `windows` of the sample, V * P. */
static void invert(const int32_t *indices, int64_t windows, int64_t selected, int64_t *ends,
                   int32_t *lists)
{
    for (int64_t i = 0; i < windows; i++) ends[i] = 0;
    for (int64_t i = 0; i < windows * selected; i++) ends[indices[i]]++;
    int64_t sum = 0;
    for (int64_t i = 0; i < windows; i++) {
        int64_t count = ends[i];
        ends[i] = sum;
        sum += count;
    }
    /* Filling a list moves its begin to its end. */
    for (int64_t i = 0; i < windows * selected; i++)
        lists[ends[indices[i]]++] = (int32_t)(i / selected);
}

/* What the two passes share. */
struct pass {
    const struct cpu_call *call;
    const struct attention_shape *shape;
    real *a, *b, *lse, *delta;
    int64_t *ends;
    int32_t *lists;
    real factor;
};

static void query_piece(const struct pass *pass, const struct attention_scratch *scratch,
                        int64_t piece)
{
    const struct attention_shape *shape = pass->shape;
    const void *const *x = pass->call->x;
    const int64_t head = piece % shape->heads, window = piece / shape->heads;
    const int64_t sample_windows = shape->views * shape->image_windows;
    const struct window w = attention_window(shape, window % shape->image_windows);
    const struct attention_stream stream = {
        .shape = shape,
        .a = pass->a,
        .b = pass->b,
        .windows = (const int32_t *)x[IN_INDICES] + window * shape->selected,
        .window_count = shape->selected,
        .first_window = window / sample_windows * sample_windows,
        .head = head,
        .padded = true,
    };
    int64_t owners = w.height * w.width, count;
    for (int64_t first = 0; first < owners; first += count) {
        const int64_t lanes = attention_lanes(owners - first);
        count = owners - first < lanes ? owners - first : lanes;
        const struct attention_group group =
            attention_group_at(shape, window / shape->image_windows, &w, head, first, count);
        const int64_t at = piece * shape->window_pixels + first;
        ATTENTION_CALL(lanes, attention_grad_queries, &stream, &group, scratch, x[IN_Q],
                       pass->factor, x[IN_O], x[IN_DO], x[IN_LSE],
                       (real)pass->call->params->attention.scale, pass->call->y[OUT_DQ],
                       pass->lse + at, pass->delta + at);
    }
}

static void key_piece(const struct pass *pass, const struct attention_scratch *scratch,
                      int64_t piece)
{
    const struct attention_shape *shape = pass->shape;
    const void *const *x = pass->call->x;
    void *const *y = pass->call->y;
    const int64_t head = piece % shape->heads, window = piece / shape->heads;
    const int64_t sample_windows = shape->views * shape->image_windows,
                  sample = window / sample_windows;
    const struct window w = attention_window(shape, window % shape->image_windows);
    const int64_t begin = window % sample_windows == 0 ? 0 : pass->ends[window - 1];
    const struct attention_stream stream = {
        .shape = shape,
        .a = pass->a,
        .b = pass->b,
        .lse = pass->lse,
        .delta = pass->delta,
        .windows = pass->lists + sample * sample_windows * shape->selected + begin,
        .window_count = pass->ends[window] - begin,
        .first_window = sample * sample_windows,
        .head = head,
        .padded = false,
    };
    int64_t owners = w.height * w.width, count;
    for (int64_t first = 0; first < owners; first += count) {
        const int64_t lanes = attention_lanes(owners - first);
        count = owners - first < lanes ? owners - first : lanes;
        const struct attention_group group =
            attention_group_at(shape, window / shape->image_windows, &w, head, first, count);
        ATTENTION_CALL(lanes, attention_grad_keys, &stream, &group, scratch, x[IN_K], x[IN_V],
                       y[OUT_DK], y[OUT_DV]);
    }
}

/* Every piece (a head of a window) once. */
static void run_pass(const struct pass *pass, real *scratch_memory,
                     void (*run_piece)(const struct pass *, const struct attention_scratch *,
                                       int64_t))
{
    const struct attention_shape *shape = pass->shape;
    const int64_t pieces = shape->images * shape->image_windows * shape->heads;
#pragma omp parallel num_threads(pass->call->threads)
    {
        const struct attention_scratch scratch = attention_scratch_at(
            shape, scratch_memory + omp_get_thread_num() * attention_scratch_count(shape));
#pragma omp for schedule(dynamic)
        for (int64_t piece = 0; piece < pieces; piece++) run_piece(pass, &scratch, piece);
    }
}

static void run(const struct cpu_call *call)
{
    const struct attention_shape shape = shape_of(call);
    const struct layout l = layout_of(&shape, call->threads);
    char *memory = call->workspace;
    const struct pass pass = {
        .call = call,
        .shape = &shape,
        .a = (real *)(memory + l.a),
        .b = (real *)(memory + l.b),
        .lse = (real *)(memory + l.lse),
        .delta = (real *)(memory + l.delta),
        .ends = (int64_t *)(memory + l.ends),
        .lists = (int32_t *)(memory + l.lists),
        .factor = (real)(call->params->attention.scale * M_LOG2E),
    };
    real *scratch = (real *)(memory + l.scratch);

    CPU_NAME(attention_pack)(&shape, call->x[IN_K], 1, pass.a, call->threads);
    CPU_NAME(attention_pack)(&shape, call->x[IN_V], 1, pass.b, call->threads);
    run_pass(&pass, scratch, query_piece);
    if (!call->y[OUT_DK] && !call->y[OUT_DV]) return;

    const int64_t windows = shape.views * shape.image_windows, samples = shape.images / shape.views;
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t i = 0; i < samples; i++)
        invert((const int32_t *)call->x[IN_INDICES] + i * windows * shape.selected, windows,
               shape.selected, pass.ends + i * windows, pass.lists + i * windows * shape.selected);
    CPU_NAME(attention_pack)(&shape, call->x[IN_Q], pass.factor, pass.a, call->threads);
    CPU_NAME(attention_pack)(&shape, call->x[IN_DO], 1, pass.b, call->threads);
    run_pass(&pass, scratch, key_piece);
}

const struct cpu_op CPU_NAME(cpu_routed_attention_grad) = {supports, workspace, run};
