#include <math.h>

#include "core/model/model.h"

/* The encoding of position p of n along one axis: `half` values. */
static void encode_axis(int64_t p, int64_t n, int64_t half, double *values)
{
    double angle = (double)(p + 1) / ((double)n + 1e-6) * 2 * M_PI;
    for (int64_t i = 0; i < half; i++) {
        double scaled = angle / pow(10000, (double)(2 * (i / 2)) / (double)half);
        values[i] = i % 2 ? cos(scaled) : sin(scaled);
    }
}

void position_encoding(int64_t height, int64_t width, int64_t channels, double *values)
{
    int64_t half = channels / 2;
    for (int64_t y = 0; y < height; y++) {
        for (int64_t x = 0; x < width; x++) {
            double *pixel = values + (y * width + x) * channels;
            encode_axis(y, height, half, pixel);
            encode_axis(x, width, half, pixel + half);
        }
    }
}
