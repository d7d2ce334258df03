/* Maximum over 3x3 pixels, stride 2, padding 1. */
#include "backends/cpu/ops.h"

/* A row of the output from three rows of the input. Columns outside are replaced by the nearest
 * one inside, which the window covers as well, so they never win. */
static void pool_row(const real *top, const real *middle, const real *bottom, real *y,
                     int64_t width, int64_t channels)
{
    for (int64_t j = 0; 2 * j < width; j++) {
        int64_t left = (j ? 2 * j - 1 : 0) * channels, centre = 2 * j * channels;
        int64_t right = (2 * j + 1 < width ? 2 * j + 1 : 2 * j) * channels;
        real *out = y + j * channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
            real best = larger(larger(top[left + c], top[centre + c]), top[right + c]);
            best = larger(larger(best, middle[left + c]), middle[centre + c]);
            best = larger(larger(best, middle[right + c]), bottom[left + c]);
            out[c] = larger(larger(best, bottom[centre + c]), bottom[right + c]);
        }
    }
}

static void max_pool_run(const struct cpu_call *call)
{
    int64_t images = call->in[0]->dim[0], height = call->in[0]->dim[1], width = call->in[0]->dim[2];
    int64_t channels = call->in[0]->dim[3], out_height = call->out[0]->dim[1];
    int64_t stride = width * channels, out_stride = call->out[0]->dim[2] * channels;
#pragma omp parallel for num_threads(call->threads)
    for (int64_t job = 0; job < images * out_height; job++) {
        int64_t i = job % out_height;
        const real *image = (const real *)call->x[0] + job / out_height * height * stride;
        /* rows outside: as columns in pool_row */
        const real *top = image + (i ? 2 * i - 1 : 0) * stride, *middle = image + 2 * i * stride;
        const real *bottom = image + (2 * i + 1 < height ? 2 * i + 1 : 2 * i) * stride;
        pool_row(top, middle, bottom, (real *)call->y[0] + job * out_stride, width, channels);
    }
}

const struct cpu_op CPU_NAME(cpu_max_pool) = {.run = max_pool_run};
