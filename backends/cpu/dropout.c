/* Dropout and drop path from the counter-based random stream. */
#include "backends/cpu/ops.h"

#include <math.h>
#include <string.h>

#include "core/base/random.h"

enum { BATCH_BLOCKS = 64, BATCH_ELEMENTS = 4 * BATCH_BLOCKS };

/* Elements are dropped by comparing floats with this: u is a multiple of 2^-24, so u >= p
 * exactly when u is at least p rounded up to such a multiple, which a float holds. */
static float drop_threshold(double p)
{
    return (float)(ceil(p * 0x1p24) * 0x1p-24);
}

/* Uniform numbers of elements 4*first .. 4*first + BATCH_ELEMENTS - 1, one vector lane a block. */
static void uniform_batch(const struct random_state *state, uint32_t salt, uint64_t first,
                          float u[BATCH_ELEMENTS])
{
#pragma omp simd
    for (int block = 0; block < BATCH_BLOCKS; block++)
        random_block(state, salt, first + (uint64_t)block, u + 4 * block);
}

static void drop_elements(const struct cpu_call *call, const struct random_state *state)
{
    const struct dropout_params *params = &call->params->dropout;
    float threshold = drop_threshold(params->p);
    real scale = (real)(1 / (1 - params->p));
    struct pieces pieces = pieces_of_elements(value_elements(call->in[0]));
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t end = piece_begin(&pieces, piece) + piece_size(&pieces, piece);
        for (int64_t at = piece_begin(&pieces, piece); at < end; at += BATCH_ELEMENTS) {
            const real *x = (const real *)call->x[0] + at;
            real *y = (real *)call->y[0] + at;
            int64_t count = end - at < BATCH_ELEMENTS ? end - at : BATCH_ELEMENTS;
            float u[BATCH_ELEMENTS];
            uniform_batch(state, params->salt, (uint64_t)at / 4, u);
            /* two loops: compilers do not vectorise a product, which may trap, under a condition */
#pragma omp simd
            for (int64_t i = 0; i < count; i++) y[i] = x[i] * scale;
#pragma omp simd
            for (int64_t i = 0; i < count; i++) {
                real kept = y[i];
                y[i] = u[i] >= threshold ? kept : 0;
            }
        }
    }
}

static void drop_images(const struct cpu_call *call, const struct random_state *state)
{
    const struct dropout_params *params = &call->params->dropout;
    float threshold = drop_threshold(params->p);
    real scale = (real)(1 / (1 - params->p));
    int64_t images = call->in[0]->dim[0], image_elements = value_elements(call->in[0]) / images;
    struct pieces pieces = pieces_of_elements(image_elements);
#pragma omp parallel for num_threads(call->threads) if (images * pieces.count > 1)
    for (int64_t job = 0; job < images * pieces.count; job++) {
        int64_t image = job / pieces.count, piece = job % pieces.count;
        int64_t at = image * image_elements + piece_begin(&pieces, piece);
        int64_t size = piece_size(&pieces, piece);
        const real *x = (const real *)call->x[0] + at;
        real *y = (real *)call->y[0] + at;
        float u[4];
        random_block(state, params->salt, (uint64_t)image / 4, u);
        if (u[image % 4] >= threshold) {
#pragma omp simd
            for (int64_t i = 0; i < size; i++) y[i] = x[i] * scale;
        } else {
            memset(y, 0, (size_t)size * sizeof *y);
        }
    }
}

static void copy_elements(const struct cpu_call *call)
{
    if (call->x[0] == call->y[0]) return;
    struct pieces pieces = pieces_of_elements(value_elements(call->in[0]));
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t begin = piece_begin(&pieces, piece);
        memcpy((real *)call->y[0] + begin, (const real *)call->x[0] + begin,
               (size_t)piece_size(&pieces, piece) * sizeof(real));
    }
}

static const char *dropout_supports(const struct cpu_call *call)
{
    double p = call->params->dropout.p;
    return p >= 0 && p < 1 ? NULL : "needs a probability of at least 0 and less than 1";
}

static void dropout_run(const struct cpu_call *call)
{
    struct random_state state;
    memcpy(&state, call->x[1], sizeof state);
    if (call->params->dropout.p == 0)
        copy_elements(call);
    else if (call->params->dropout.per_image)
        drop_images(call, &state);
    else
        drop_elements(call, &state);
}

const struct cpu_op CPU_NAME(cpu_dropout) = {.supports = dropout_supports, .run = dropout_run};
