/* Signed distances: negative inside, and never more than the true distance outside, so that a ray
 * may step by them without passing through a surface. Profiles (flat_*) are distances in the plane;
 * sdf_extrude makes solids of them. */
#ifndef SYNTH_SDF_H
#define SYNTH_SDF_H

#include "core/synth/vector.h"

static inline float flat_length(float x, float y)
{
    return sqrtf(x * x + y * y);
}

static inline float flat_disc(float x, float y, float radius)
{
    return flat_length(x, y) - radius;
}

/* A rectangle of these half sides, its corners rounded with `corner`. */
static inline float flat_box(float x, float y, float half_x, float half_y, float corner)
{
    float dx = fabsf(x) - half_x + corner, dy = fabsf(y) - half_y + corner;
    float outside = flat_length(max2(dx, 0), max2(dy, 0));
    return min2(max2(dx, dy), 0) + outside - corner;
}

static inline float sdf_subtract(float body, float tool)
{
    return max2(body, -tool);
}

/* A profile between z = low and z = high, the edges rounded with `edge`. */
static inline float sdf_extrude(float profile, float z, float low, float high, float edge)
{
    float half = (high - low) / 2;
    float across = profile + edge, along = fabsf(z - (low + high) / 2) - half + edge;
    return min2(max2(across, along), 0) + flat_length(max2(across, 0), max2(along, 0)) - edge;
}

static inline float sdf_sphere(struct vec3 p, struct vec3 centre, float radius)
{
    return vec_length(vec_sub(p, centre)) - radius;
}

static inline float sdf_box(struct vec3 p, struct vec3 half, float edge)
{
    float dx = fabsf(p.x) - half.x + edge, dy = fabsf(p.y) - half.y + edge,
          dz = fabsf(p.z) - half.z + edge;
    float outside = vec_length(vec3(max2(dx, 0), max2(dy, 0), max2(dz, 0)));
    return min2(max2(dx, max2(dy, dz)), 0) + outside - edge;
}

/* All points within `radius` of the line from a to b. */
static inline float sdf_capsule(struct vec3 p, struct vec3 a, struct vec3 b, float radius)
{
    struct vec3 line = vec_sub(b, a), to = vec_sub(p, a);
    float square = vec_dot(line, line);
    float share = square > 0 ? clamp(vec_dot(to, line) / square, 0, 1) : 0;
    return vec_length(vec_along(to, line, -share)) - radius;
}

#endif
