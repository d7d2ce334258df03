/* Addition, ReLU and its gradient, constants. */
#include <string.h>

#include "backends/cpu/ops.h"

/* ---- y = act(a + b) ---- */

static void add_piece(const real *a, const real *b, real *y, int64_t count, bool clamp)
{
    if (clamp) {
#pragma omp simd
        for (int64_t i = 0; i < count; i++) y[i] = relu(a[i] + b[i]);
    } else {
#pragma omp simd
        for (int64_t i = 0; i < count; i++) y[i] = a[i] + b[i];
    }
}

static void add_run(const struct cpu_call *call)
{
    const real *a = call->x[0], *b = call->x[1];
    real *y = call->y[0];
    int64_t elements = value_elements(call->in[0]), period = value_elements(call->in[1]);
    if (!period) return;
    int64_t repeats = elements / period; /* of b: 1, or the number of images */
    struct pieces pieces = pieces_of_elements(period);
    bool clamp = call->params->add.relu;
#pragma omp parallel for num_threads(call->threads) if (repeats * pieces.count > 1)
    for (int64_t piece = 0; piece < repeats * pieces.count; piece++) {
        int64_t begin = piece_begin(&pieces, piece % pieces.count);
        int64_t at = piece / pieces.count * period + begin;
        add_piece(a + at, b + begin, y + at, piece_size(&pieces, piece % pieces.count), clamp);
    }
}

const struct cpu_op CPU_NAME(cpu_add) = {.run = add_run};

/* ---- y = max(x, 0) ---- */

static void relu_run(const struct cpu_call *call)
{
    struct pieces pieces = pieces_of_elements(value_elements(call->in[0]));
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t begin = piece_begin(&pieces, piece), size = piece_size(&pieces, piece);
        const real *x = (const real *)call->x[0] + begin;
        real *y = (real *)call->y[0] + begin;
#pragma omp simd
        for (int64_t i = 0; i < size; i++) y[i] = relu(x[i]);
    }
}

const struct cpu_op CPU_NAME(cpu_relu) = {.run = relu_run};

/* ---- dx = y > 0 ? dy : 0 ---- */

static void relu_grad_run(const struct cpu_call *call)
{
    struct pieces pieces = pieces_of_elements(value_elements(call->in[0]));
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t begin = piece_begin(&pieces, piece), size = piece_size(&pieces, piece);
        const real *dy = (const real *)call->x[0] + begin, *y = (const real *)call->x[1] + begin;
        real *dx = (real *)call->y[0] + begin;
#pragma omp simd
        for (int64_t i = 0; i < size; i++) {
            real gradient = dy[i];
            dx[i] = y[i] > 0 ? gradient : 0;
        }
    }
}

const struct cpu_op CPU_NAME(cpu_relu_grad) = {.run = relu_grad_run};

/* ---- y = x: neither of the types this backend computes in is narrower than itself ---- */

static void narrow_run(const struct cpu_call *call)
{
    memcpy(call->y[0], call->x[0], value_bytes(call->in[0]));
}

const struct cpu_op CPU_NAME(cpu_narrow) = {.run = narrow_run};

/* ---- y = value ---- */

static void fill_run(const struct cpu_call *call)
{
    struct pieces pieces = pieces_of_elements(value_elements(call->out[0]));
    real fill = (real)call->params->fill.value;
#pragma omp parallel for num_threads(call->threads) if (pieces.count > 1)
    for (int64_t piece = 0; piece < pieces.count; piece++) {
        int64_t size = piece_size(&pieces, piece);
        real *y = (real *)call->y[0] + piece_begin(&pieces, piece);
        for (int64_t i = 0; i < size; i++) y[i] = fill;
    }
}

const struct cpu_op CPU_NAME(cpu_fill) = {.run = fill_run};
