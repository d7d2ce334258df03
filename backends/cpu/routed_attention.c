/* Routed attention, forward: online softmax over the selected windows (Milakov and Gimelshein,
 * 2018; Dao et al., "FlashAttention", 2022), reading each window where it is packed. */
#include <omp.h>

#include "backends/cpu/attention_tile.h"
#include "core/base/memory.h"

enum { IN_Q, IN_K, IN_V, IN_INDICES };
enum { OUT_O, OUT_LSE };

static const char *supports(const struct cpu_call *call)
{
    struct attention_shape shape =
        CPU_NAME(attention_shape)(call->in[IN_Q], call->in[IN_INDICES], &call->params->attention);
    return CPU_NAME(attention_refusal)(&shape);
}

/* Elements, each part a multiple of a cache line: packed keys, packed values, scratch of every
 * thread. */
static int64_t packed_elements(const struct attention_shape *shape)
{
    return (int64_t)size_align((size_t)CPU_NAME(attention_packed_count)(shape), MEMORY_ALIGNMENT);
}

static size_t workspace(const struct cpu_call *call)
{
    struct attention_shape shape =
        CPU_NAME(attention_shape)(call->in[IN_Q], call->in[IN_INDICES], &call->params->attention);
    return (size_t)(2 * packed_elements(&shape) + call->threads * attention_scratch_count(&shape)) *
           sizeof(real);
}

static void run(const struct cpu_call *call)
{
    const struct attention_shape shape =
        CPU_NAME(attention_shape)(call->in[IN_Q], call->in[IN_INDICES], &call->params->attention);
    const real *q = call->x[IN_Q];
    const int32_t *indices = call->x[IN_INDICES];
    real *o = call->y[OUT_O], *lse = call->y[OUT_LSE];
    const real factor = (real)(call->params->attention.scale * M_LOG2E);
    real *keys = call->workspace, *values = keys + packed_elements(&shape),
         *scratch_memory = values + packed_elements(&shape);
    const int64_t sample_windows = shape.views * shape.image_windows;
    const int64_t pieces = shape.images * shape.image_windows * shape.heads;

    CPU_NAME(attention_pack)(&shape, call->x[IN_K], 1, keys, call->threads);
    CPU_NAME(attention_pack)(&shape, call->x[IN_V], 1, values, call->threads);
#pragma omp parallel num_threads(call->threads)
    {
        const struct attention_scratch scratch = attention_scratch_at(
            &shape, scratch_memory + omp_get_thread_num() * attention_scratch_count(&shape));
        /* A piece is a head of a query window. */
#pragma omp for schedule(dynamic)
        for (int64_t piece = 0; piece < pieces; piece++) {
            const int64_t head = piece % shape.heads, window = piece / shape.heads;
            const struct window w = attention_window(&shape, window % shape.image_windows);
            const struct attention_stream stream = {
                .shape = &shape,
                .a = keys,
                .b = values,
                .windows = indices + window * shape.selected,
                .window_count = shape.selected,
                .first_window = window / sample_windows * sample_windows,
                .head = head,
                .padded = true,
            };
            int64_t owners = w.height * w.width, lanes, count;
            for (int64_t first = 0; first < owners; first += count) {
                lanes = attention_lanes(owners - first);
                count = owners - first < lanes ? owners - first : lanes;
                struct attention_group group = attention_group_at(
                    &shape, window / shape.image_windows, &w, head, first, count);
                ATTENTION_CALL(lanes, attention_forward, &stream, &group, &scratch, q, factor, o,
                               lse);
            }
        }
    }
}

const struct cpu_op CPU_NAME(cpu_routed_attention) = {supports, workspace, run};
