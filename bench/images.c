#include "bench/images.h"

#include <stdint.h>
#include <stdlib.h>

float *images_random(size_t count)
{
    float *images = malloc(count * sizeof *images);
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; images && i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        images[i] = (float)(state >> 40) * (4.0f / 16777216.0f) - 2.0f;
    }
    return images;
}
