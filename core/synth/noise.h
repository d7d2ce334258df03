/* Random draws of a sample, and noise in space for textures. */
#ifndef SYNTH_NOISE_H
#define SYNTH_NOISE_H

#include <stdint.h>

#include "core/base/random.h"
#include "core/synth/vector.h"

/* A sequence of uniform numbers that depends on the seed and on (stream, index) alone. */
struct draws {
    struct random_state state;
    uint32_t stream;
    uint64_t next;
    float block[4];
};

static inline struct draws draws_start(uint64_t seed, uint32_t stream, uint32_t index)
{
    return (struct draws){.state = {(uint32_t)seed, (uint32_t)(seed >> 32), index, 0},
                          .stream = stream};
}

/* Uniform in [0, 1). */
static inline float draw(struct draws *draws)
{
    if (draws->next % 4 == 0)
        random_block(&draws->state, draws->stream, draws->next / 4, draws->block);
    return draws->block[draws->next++ % 4];
}

static inline float draw_between(struct draws *draws, float low, float high)
{
    return mix(low, high, draw(draws));
}

/* 0 to count - 1 */
static inline int draw_index(struct draws *draws, int count)
{
    int index = (int)(draw(draws) * (float)count);
    return index < count ? index : count - 1;
}

static inline int floor_int(float value)
{
    int whole = (int)value;
    return whole - (value < (float)whole);
}

/* In [0, 1), of a point of the integer grid. */
static inline float noise_grid(int x, int y, int z)
{
    uint32_t h = (uint32_t)x * 0x8DA6B343u ^ (uint32_t)y * 0xD8163841u ^ (uint32_t)z * 0xCB1AB31Fu;
    h = (h ^ h >> 15) * 0x2C1B3C6Du;
    h = (h ^ h >> 12) * 0x297A2D39u;
    return (float)((h ^ h >> 15) >> 8) * 0x1p-24f;
}

/* Smooth noise in [0, 1] with features about 1 wide. */
static inline float noise_smooth(struct vec3 p)
{
    int x = floor_int(p.x), y = floor_int(p.y), z = floor_int(p.z);
    float fx = p.x - (float)x, fy = p.y - (float)y, fz = p.z - (float)z;
    fx = fx * fx * (3 - 2 * fx);
    fy = fy * fy * (3 - 2 * fy);
    fz = fz * fz * (3 - 2 * fz);
    float level[2];
    for (int k = 0; k < 2; k++)
        level[k] = mix(mix(noise_grid(x, y, z + k), noise_grid(x + 1, y, z + k), fx),
                       mix(noise_grid(x, y + 1, z + k), noise_grid(x + 1, y + 1, z + k), fx), fy);
    return mix(level[0], level[1], fz);
}

#endif
