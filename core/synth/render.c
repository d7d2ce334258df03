/* From rays to pixels: four rays a pixel, the sensor's noise, and the mask of a defect. */
#include <string.h>

#include "core/synth/scene.h"
#include "core/synth/sdf.h"

#define MASK_DISTANCE \
    0.005f /* between two ends of a ray that count as different: half a pixel at 256 x 256 */
#define MASK_NORMAL 0.985f /* cosine of ten degrees */

#define VISIBLE 0.05f /* difference of a colour, of 1, that stands out from the noise */

enum { STREAM_SENSOR = 0x5E000000 };

/* Where in the pixel the rays go: a turned square, so that no two share a row or a column. */
static const float ray_x[SCENE_RAYS] = {0.375f, 0.875f, 0.125f, 0.625f};
static const float ray_y[SCENE_RAYS] = {0.125f, 0.375f, 0.625f, 0.875f};

struct vec3 scene_ray(const struct camera *camera, int x, int y, int ray, int size)
{
    return camera_ray(camera, ((float)x + ray_x[ray]) / (float)size,
                      ((float)y + ray_y[ray]) / (float)size);
}

/* Rays that end on one smooth piece of surface share its light, which is most of the work. */
static bool is_smooth(const struct hit *hits)
{
    for (int i = 1; i < SCENE_RAYS; i++)
        if (hits[i].material != hits[0].material ||
            vec_dot(hits[i].normal, hits[0].normal) < 0.995f ||
            fabsf(vec_dot(vec_sub(hits[i].point, hits[0].point), hits[0].normal)) > 0.01f)
            return false;
    return true;
}

static struct vec3 pixel_colour(const struct scene *scene, int view, int x, int y, int size)
{
    const struct camera *camera = &scene->cameras[view];
    struct hit hits[SCENE_RAYS];
    struct vec3 rays[SCENE_RAYS], sum = vec3(0, 0, 0);
    float lamp = 1, sky = 1;
    for (int i = 0; i < SCENE_RAYS; i++) {
        rays[i] = scene_ray(camera, x, y, i, size);
        scene_trace(&scene->part, camera->origin, rays[i], &hits[i]);
    }
    bool smooth = is_smooth(hits);
    for (int i = 0; i < SCENE_RAYS; i++) {
        if (i == 0 || !smooth) scene_light(scene, &hits[i], &lamp, &sky);
        struct vec3 colour = scene_colour(scene, &hits[i], rays[i], lamp, sky);
        sum = vec_add(sum, vec3(min2(colour.x, 2), min2(colour.y, 2), min2(colour.z, 2)));
    }
    return vec_scale(sum, scene->exposure[view] / SCENE_RAYS);
}

/* The display's curve with a soft shoulder instead of a hard end. */
static float tone(float linear)
{
    float lit = linear * 1.25f;
    lit = lit < 0.6f ? lit : 0.6f + 0.4f * (1 - expf(-(lit - 0.6f) / 0.4f));
    return powf(lit, 1 / 2.2f);
}

static uint8_t to_byte(float value)
{
    return (uint8_t)(clamp(value, 0, 1) * 255 + 0.5f);
}

/* About normal with variance 1: the sum of four bytes' worth of one random word. */
static float noise_value(uint32_t bits)
{
    uint32_t sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24);
    return ((float)sum - 510) / 147.8f;
}

void scene_render(const struct scene *scene, int view, int size, uint8_t *rgb)
{
    const uint32_t key[2] = {(uint32_t)scene->seed, (uint32_t)(scene->seed >> 32)};
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            struct vec3 colour = pixel_colour(scene, view, x, y, size);
            const uint32_t counter[4] = {(uint32_t)(y * size + x), (uint32_t)view, STREAM_SENSOR,
                                         scene->stream};
            uint32_t bits[4];
            philox4x32(counter, key, bits);
            const float linear[3] = {colour.x, colour.y, colour.z};
            for (int c = 0; c < 3; c++) {
                float value = tone(linear[c]);
                /* Part of the noise is the same everywhere, part grows with the light. */
                value += noise_value(bits[c]) * (0.005f + 0.006f * value);
                *rgb++ = to_byte(value);
            }
        }
}

/* Most rays pass by the sphere around a defect, and end where they would without it. */
static bool meets_sphere(struct vec3 origin, struct vec3 direction, struct vec3 centre, float radius)
{
    struct vec3 to = vec_sub(centre, origin);
    float along = vec_dot(to, direction);
    return vec_dot(to, to) - along * along < radius * radius;
}

/* The part is the same outside of the sphere, so where both ends lie outside, what they differ by
 * is rounding. */
static bool differs(const struct hit *a, const struct hit *b, const struct defect *defect)
{
    if (sdf_sphere(a->point, defect->centre, defect->bound) > 0 &&
        sdf_sphere(b->point, defect->centre, defect->bound) > 0)
        return false;
    return a->material != b->material || vec_length(vec_sub(a->point, b->point)) > MASK_DISTANCE ||
           vec_dot(a->normal, b->normal) < MASK_NORMAL;
}

/* The pixels that the sphere around a defect may cover, and a few more. */
struct window {
    int left, right, top, bottom; /* right and bottom are outside */
};

static int to_pixel(float image, int size)
{
    return (int)clamp(image * (float)size, 0, (float)size);
}

static struct window sphere_window(const struct camera *camera, struct vec3 centre, float radius,
                                   int size)
{
    struct vec3 to = vec_sub(centre, camera->origin);
    float depth = vec_dot(to, camera->forward), scale = 0.5f / camera->extent;
    float x = 0.5f + scale * vec_dot(to, camera->right) / depth;
    float y = 0.5f - scale * vec_dot(to, camera->up) / depth;
    /* A sphere off the axis looks a little larger than one on it: less than a tenth in a lens this
     * long. */
    float half = 1.1f * scale * radius / (depth - radius) + 1 / (float)size;
    return (struct window){to_pixel(x - half, size), to_pixel(x + half + 1 / (float)size, size),
                           to_pixel(y - half, size), to_pixel(y + half + 1 / (float)size, size)};
}

int scene_mask(const struct scene *scene, int view, int size, uint8_t *mask)
{
    const struct camera *camera = &scene->cameras[view];
    const struct defect *defect = &scene->part.defect;
    int count = 0;
    memset(mask, 0, (size_t)size * (size_t)size);
    if (defect->kind == DEFECT_NONE) return 0;
    struct part good = scene->part;
    good.defect.kind = DEFECT_NONE;
    good.missing = -1;
    struct window window = sphere_window(camera, defect->centre, defect->bound, size);
    for (int y = window.top; y < window.bottom; y++)
        for (int x = window.left; x < window.right; x++)
            for (int i = 0; i < SCENE_RAYS; i++) {
                struct vec3 ray = scene_ray(camera, x, y, i, size);
                struct hit with, without;
                if (!meets_sphere(camera->origin, ray, defect->centre, defect->bound)) continue;
                scene_trace(&scene->part, camera->origin, ray, &with);
                scene_trace(&good, camera->origin, ray, &without);
                if (!differs(&with, &without, defect)) continue;
                mask[y * size + x] = 255;
                count++;
                break;
            }
    return count;
}

int scene_visible(const struct scene *scene, int view, int size, const uint8_t *mask)
{
    struct scene good = *scene;
    int count = 0;
    good.part.defect.kind = DEFECT_NONE;
    good.part.missing = -1;
    for (int i = 0; i < size * size; i++) {
        if (!mask[i]) continue;
        struct vec3 with = pixel_colour(scene, view, i % size, i / size, size);
        struct vec3 without = pixel_colour(&good, view, i % size, i / size, size);
        float difference = max2(
            fabsf(tone(with.x) - tone(without.x)),
            max2(fabsf(tone(with.y) - tone(without.y)), fabsf(tone(with.z) - tone(without.z))));
        count += difference > VISIBLE;
    }
    return count;
}
