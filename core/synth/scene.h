/* A sample: one part in its pose, the cameras around it and the light. Rays, light and hits are in
 * the part's frame; the ground is z = 0 in every frame. */
#ifndef SYNTH_SCENE_H
#define SYNTH_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/synth/part.h"

#define SCENE_VIEWS 5 /* one from above, four from the sides */

/* A pinhole camera in the part's frame. */
struct camera {
    struct vec3 origin, right, up, forward; /* the last three of length 1, at right angles */
    float extent;                           /* half the width of the image at distance 1 */
};

struct scene {
    struct part part;
    float cosine, sine; /* the part's turn on the turntable */
    struct vec3 shift;  /* its place; z is 0 */
    struct camera cameras[SCENE_VIEWS];
    struct vec3 light; /* towards the lamp */
    struct vec3 lamp;  /* its colour */
    float exposure[SCENE_VIEWS];
    uint64_t seed; /* of the sensors' noise, with `stream` */
    uint32_t stream;
};

/* Where a ray ends. */
struct hit {
    struct vec3 point, normal;
    enum material material;
};

/* Draws a good part of the family and its scene: everything follows from (seed, stream). */
void scene_create(struct scene *scene, const struct family *family, uint64_t seed, uint32_t stream);

/* The unit direction of the ray through a point of the image; x to the right and y down, 0 to 1. */
struct vec3 camera_ray(const struct camera *camera, float x, float y);

/* The rays of a pixel of a size x size image, 0 to SCENE_RAYS - 1. */
#define SCENE_RAYS 4
struct vec3 scene_ray(const struct camera *camera, int x, int y, int ray, int size);

/* Follows a camera's ray to the part or the ground. The camera looks down: there always is a
 * hit. */
void scene_trace(const struct part *part, struct vec3 origin, struct vec3 direction,
                 struct hit *hit);

/* Of light at a hit: the share of the lamp that arrives, and the share of the sky that is open. */
void scene_light(const struct scene *scene, const struct hit *hit, float *lamp, float *sky);

/* The colour of a hit under this light, linear, 1 being white. `direction`: of the ray. */
struct vec3 scene_colour(const struct scene *scene, const struct hit *hit, struct vec3 direction,
                         float lamp, float sky);

/* Renders a view: 8-bit RGB, size x size, row by row from the top. */
void scene_render(const struct scene *scene, int view, int size, uint8_t *rgb);

/* Marks the pixels of a view in which some ray ends elsewhere, or on something else, than it would
 * on the part without its defect: 255, and 0 elsewhere. Returns how many there are. Without noise,
 * light and shadows, so it is exact. */
int scene_mask(const struct scene *scene, int view, int size, uint8_t *mask);

/* How many of the pixels marked in such a mask look clearly different from the part without its
 * defect. */
int scene_visible(const struct scene *scene, int view, int size, const uint8_t *mask);

#endif
