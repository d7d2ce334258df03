#include "core/synth/scene.h"

#include "core/synth/sdf.h"

#define TURNTABLE_RADIUS 1.85f
#define CAMERA_DISTANCE 5.2f
#define DEGREE 0.0174532925f

enum { STREAM_POSE = 1 };

/* A camera that looks at the middle of the turntable, in the part's frame. */
static struct camera place_camera(const struct scene *scene, float azimuth, float elevation)
{
    struct vec3 target = vec3(0, 0, 0.2f);
    float flat = cosf(elevation);
    struct vec3 back = vec3(flat * cosf(azimuth), flat * sinf(azimuth), sinf(elevation));
    struct camera camera = {.extent = tanf(12.6f * DEGREE)};
    struct vec3 origin = vec_along(target, back, CAMERA_DISTANCE);
    /* From above, the side that the first side camera sees is at the bottom of the image. */
    struct vec3 right = vec3(-sinf(azimuth), cosf(azimuth), 0);
    camera.origin = vec_turn(vec_sub(origin, scene->shift), scene->cosine, -scene->sine);
    camera.forward = vec_turn(vec_scale(back, -1), scene->cosine, -scene->sine);
    camera.right = vec_turn(right, scene->cosine, -scene->sine);
    camera.up = vec_cross(camera.right, camera.forward);
    return camera;
}

void scene_create(struct scene *scene, const struct family *family, uint64_t seed, uint32_t stream)
{
    struct draws draws = draws_start(seed, stream, STREAM_POSE);
    *scene = (struct scene){.seed = seed, .stream = stream};
    part_create(&scene->part, family, &draws);

    float turn = draw_between(&draws, -4, 4) * DEGREE;
    scene->cosine = cosf(turn);
    scene->sine = sinf(turn);
    scene->shift =
        vec3(draw_between(&draws, -0.03f, 0.03f), draw_between(&draws, -0.03f, 0.03f), 0);
    for (int view = 0; view < SCENE_VIEWS; view++) {
        /* The rig is fixed: cameras differ from sample to sample by what mounts give way. */
        float azimuth = (-90 + 90 * (float)(view - 1)) * DEGREE, elevation = 31 * DEGREE;
        if (view == 0) {
            azimuth = -90 * DEGREE;
            elevation = 90 * DEGREE;
        }
        azimuth += draw_between(&draws, -0.3f, 0.3f) * DEGREE;
        elevation -= draw_between(&draws, 0, 0.4f) * DEGREE;
        scene->cameras[view] = place_camera(scene, azimuth, elevation);
        scene->exposure[view] = draw_between(&draws, 0.95f, 1.05f);
    }
    float azimuth = draw_between(&draws, 128, 136) * DEGREE;
    float elevation = draw_between(&draws, 52, 57) * DEGREE;
    struct vec3 light =
        vec3(cosf(elevation) * cosf(azimuth), cosf(elevation) * sinf(azimuth), sinf(elevation));
    scene->light = vec_turn(light, scene->cosine, -scene->sine);
    float level = draw_between(&draws, 0.94f, 1.06f), warmth = draw_between(&draws, -0.02f, 0.02f);
    scene->lamp = vec_scale(vec3(1 + warmth, 0.98f, 0.95f - warmth), level);
}

struct vec3 camera_ray(const struct camera *camera, float x, float y)
{
    struct vec3 ray = vec_along(camera->forward, camera->right, (2 * x - 1) * camera->extent);
    return vec_normalize(vec_along(ray, camera->up, (1 - 2 * y) * camera->extent));
}

void scene_trace(const struct part *part, struct vec3 origin, struct vec3 direction, struct hit *hit)
{
    float distance, ground = -origin.z / direction.z;
    if (part_trace(part, origin, direction, &distance) && distance < ground) {
        hit->point = vec_along(origin, direction, distance);
        hit->normal = part_normal(part, hit->point);
        hit->material = part_material(part, hit->point);
        return;
    }
    hit->point = vec_along(origin, direction, ground);
    hit->normal = vec3(0, 0, 1);
    float r = flat_length(hit->point.x, hit->point.y);
    hit->material = r < TURNTABLE_RADIUS ? MATERIAL_FELT : MATERIAL_TABLE;
}

/* How much of the lamp is seen: rays that pass close by the part are partly shaded, as by a lamp of
 * some width. */
static float lamp_share(const struct scene *scene, struct vec3 point)
{
    const float sharpness = 14;
    float near, far, share = 1;
    if (!part_clip(&scene->part, point, scene->light, &near, &far)) return 1;
    float t = max2(near, 0.015f);
    for (int step = 0; step < 28 && t < far; step++) {
        float d = part_distance(&scene->part, vec_along(point, scene->light, t));
        share = min2(share, sharpness * d / t);
        if (share < 0.005f) return 0;
        t += clamp(d, 0.012f, 0.2f);
    }
    return share * share * (3 - 2 * share);
}

/* How open the hemisphere is, from how much nearer things are along the normal than they would be
 * on a plain. */
static float sky_share(const struct scene *scene, const struct hit *hit)
{
    float near, far, closed = 0, weight = 1;
    if (hit->material <= MATERIAL_TABLE &&
        !part_clip(&scene->part, hit->point, hit->normal, &near, &far)) {
        /* Beside the box: its foot still darkens the ground a little. */
        struct vec3 high = scene->part.family->high;
        float away = flat_length(max2(fabsf(hit->point.x) - high.x, 0),
                                 max2(fabsf(hit->point.y) - high.y, 0));
        if (away > 0.4f) return 1;
    }
    for (int i = 0; i < 4; i++) {
        float reach = 0.02f + 0.07f * (float)(i * (i + 1)) / 2;
        struct vec3 p = vec_along(hit->point, hit->normal, reach);
        float d = min2(part_distance(&scene->part, p), p.z + 0.001f);
        closed += weight * max2(reach - d, 0) / reach;
        weight *= 0.7f;
    }
    return clamp(1 - 0.42f * closed, 0.12f, 1);
}

void scene_light(const struct scene *scene, const struct hit *hit, float *lamp, float *sky)
{
    bool away = vec_dot(hit->normal, scene->light) <= 0;
    *lamp = away ? 0 : lamp_share(scene, vec_along(hit->point, hit->normal, 0.003f));
    *sky = sky_share(scene, hit);
}
