/* Vectors of three floats, in units of the part: a part is about 2 wide. */
#ifndef SYNTH_VECTOR_H
#define SYNTH_VECTOR_H

#include <math.h>

struct vec3 {
    float x, y, z;
};

/* fminf and fmaxf are calls wherever a NaN must be honoured; distances have none. */
static inline float min2(float a, float b)
{
    return a < b ? a : b;
}

static inline float max2(float a, float b)
{
    return a > b ? a : b;
}

static inline float clamp(float value, float low, float high)
{
    return min2(max2(value, low), high);
}

static inline float mix(float a, float b, float share)
{
    return a + (b - a) * share;
}

/* 0 below `low`, 1 above `high`, with a smooth step between. */
static inline float smooth_step(float low, float high, float value)
{
    float t = clamp((value - low) / (high - low), 0, 1);
    return t * t * (3 - 2 * t);
}

static inline struct vec3 vec3(float x, float y, float z)
{
    return (struct vec3){x, y, z};
}

static inline struct vec3 vec_add(struct vec3 a, struct vec3 b)
{
    return vec3(a.x + b.x, a.y + b.y, a.z + b.z);
}

static inline struct vec3 vec_sub(struct vec3 a, struct vec3 b)
{
    return vec3(a.x - b.x, a.y - b.y, a.z - b.z);
}

static inline struct vec3 vec_scale(struct vec3 a, float factor)
{
    return vec3(a.x * factor, a.y * factor, a.z * factor);
}

/* a + b * factor */
static inline struct vec3 vec_along(struct vec3 a, struct vec3 b, float factor)
{
    return vec3(a.x + b.x * factor, a.y + b.y * factor, a.z + b.z * factor);
}

static inline struct vec3 vec_multiply(struct vec3 a, struct vec3 b)
{
    return vec3(a.x * b.x, a.y * b.y, a.z * b.z);
}

static inline struct vec3 vec_mix(struct vec3 a, struct vec3 b, float share)
{
    return vec3(mix(a.x, b.x, share), mix(a.y, b.y, share), mix(a.z, b.z, share));
}

static inline float vec_dot(struct vec3 a, struct vec3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline struct vec3 vec_cross(struct vec3 a, struct vec3 b)
{
    return vec3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline float vec_length(struct vec3 a)
{
    return sqrtf(vec_dot(a, a));
}

static inline struct vec3 vec_normalize(struct vec3 a)
{
    float length = vec_length(a);
    return length > 0 ? vec_scale(a, 1 / length) : vec3(0, 0, 1);
}

/* Rotated about the z axis by the angle whose cosine and sine are given. */
static inline struct vec3 vec_turn(struct vec3 a, float cosine, float sine)
{
    return vec3(cosine * a.x - sine * a.y, sine * a.x + cosine * a.y, a.z);
}

#endif
