#include "backends/cpu/attention_pack.h"

/* Channels summed at a time; sums are double. */
#define CHANNELS_AT_ONCE 64

static void run(const struct cpu_call *call)
{
    const int64_t images = call->in[0]->dim[0], height = call->in[0]->dim[1],
                  width = call->in[0]->dim[2];
    const int64_t channels = call->in[0]->dim[3], side = call->params->window.windows,
                  windows = side * side;
    const int64_t pixels =
        ((height + side - 1) / side) * ((width + side - 1) / side); /* padded ones too */
    const real *x = call->x[0];
    real *y = call->y[0];
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t i = 0; i < images * windows; i++) {
        const struct window w = window_at(height, width, side, i % windows);
        const real *corner = x + ((i / windows * height + w.top) * width + w.left) * channels;
        for (int64_t first = 0; first < channels; first += CHANNELS_AT_ONCE) {
            const int64_t count =
                channels - first < CHANNELS_AT_ONCE ? channels - first : CHANNELS_AT_ONCE;
            double sums[CHANNELS_AT_ONCE] = {0};
            for (int64_t r = 0; r < w.height; r++)
                for (int64_t s = 0; s < w.width; s++) {
                    const real *from = corner + (r * width + s) * channels + first;
                    for (int64_t c = 0; c < count; c++) sums[c] += from[c];
                }
            for (int64_t c = 0; c < count; c++)
                y[i * channels + first + c] = (real)(sums[c] / (double)pixels);
        }
    }
}

const struct cpu_op CPU_NAME(cpu_window_mean) = {NULL, NULL, run};
