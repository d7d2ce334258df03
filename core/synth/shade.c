/* What surfaces look like: colour, grain and gloss of each material, and the light they return. */
#include "core/synth/scene.h"
#include "core/synth/sdf.h"

struct look {
    struct vec3 colour; /* of diffuse light; of reflections, for metals */
    float metal;        /* share of light that is reflected rather than scattered */
    float gloss;        /* exponent of the highlight */
    float shine;        /* strength of the highlight of what is not metal */
    struct vec3 normal; /* with the grain's small slopes */
};

static struct vec3 scaled(struct vec3 p, float x, float y, float z)
{
    return vec3(p.x * x, p.y * y, p.z * z);
}

/* Lines along x on faces that look up, along the ground on walls. */
static float milled_grain(struct vec3 p)
{
    return 0.6f * noise_smooth(scaled(p, 3, 130, 130)) + 0.4f * noise_smooth(scaled(p, 9, 61, 61));
}

/* Rings about the z axis. */
static float turned_grain(struct vec3 p, struct vec3 grain)
{
    float r = flat_length(p.x, p.y);
    return 0.6f * noise_smooth(vec3(r * 140 + grain.x, p.z * 120, grain.y)) +
           0.4f * noise_smooth(vec3(r * 55, p.z * 50 + grain.z, grain.x));
}

/* Copper tracks under the solder mask show as lighter, slightly raised lines: a fixed drawing. */
static float tracks(struct vec3 p)
{
    float lane = p.y * 18, run = p.x * 3.1f + 0.37f * floorf(lane);
    bool across = noise_grid(floor_int(lane), floor_int(run), 7) < 0.42f;
    float line = fabsf(lane - floorf(lane) - 0.5f);
    float column = p.x * 14, rise = p.y * 2.3f + 0.61f * floorf(column);
    bool down = noise_grid(floor_int(column), floor_int(rise), 13) < 0.25f;
    float other = fabsf(column - floorf(column) - 0.5f);
    return (across && line < 0.17f) || (down && other < 0.14f) ? 1.0f : 0.0f;
}

static void metal_look(struct look *look, struct vec3 colour, float grain, float gloss)
{
    look->colour = vec_scale(colour, 0.86f + 0.28f * grain);
    look->metal = 0.75f;
    look->gloss = gloss;
}

static void tilt(struct look *look, float grain, struct vec3 along, float strength)
{
    look->normal = vec_normalize(vec_along(look->normal, along, (grain - 0.5f) * strength));
}

static struct look felt_look(const struct scene *scene, const struct hit *hit)
{
    /* The felt is the turntable's: it keeps its place under the part. */
    struct vec3 p = vec_add(vec_turn(hit->point, scene->cosine, scene->sine), scene->shift);
    float fibre =
        0.5f * noise_smooth(scaled(p, 70, 70, 0)) + 0.5f * noise_smooth(scaled(p, 24, 31, 0));
    float level = 0.8f + 0.4f * fibre;
    struct look look = {.normal = hit->normal, .gloss = 1};
    if (hit->material == MATERIAL_FELT)
        look.colour = vec_scale(vec3(0.052f, 0.058f, 0.066f), level);
    else
        look.colour = vec3(0.16f, 0.16f, 0.16f);
    return look;
}

static struct look surface_look(const struct scene *scene, const struct hit *hit)
{
    const struct part *part = &scene->part;
    const struct vec3 p = hit->point, g = vec_add(p, part->grain);
    struct look look = {.normal = hit->normal, .gloss = 30};
    float grain;
    switch (hit->material) {
    case MATERIAL_FELT:
    case MATERIAL_TABLE: return felt_look(scene, hit);
    case MATERIAL_MILLED:
        grain = milled_grain(g);
        metal_look(&look, vec3(0.5f, 0.51f, 0.53f), grain, 36);
        tilt(&look, grain, vec3(0, 1, 0), 0.14f);
        break;
    case MATERIAL_TURNED:
        grain = turned_grain(p, part->grain);
        metal_look(&look, vec3(0.5f, 0.495f, 0.49f), grain, 40);
        tilt(&look, grain, vec_normalize(vec3(p.x, p.y, 0.001f)), 0.16f);
        break;
    case MATERIAL_BRASS:
        metal_look(&look, vec3(0.72f, 0.5f, 0.2f), noise_smooth(scaled(g, 40, 40, 90)), 50);
        break;
    case MATERIAL_CAP_PLASTIC:
        grain =
            0.5f * noise_smooth(scaled(g, 60, 60, 60)) + 0.5f * noise_smooth(scaled(g, 11, 11, 11));
        look.colour =
            vec_scale(vec_multiply(vec3(0.03f, 0.13f, 0.42f), part->tint), 0.94f + 0.12f * grain);
        look.shine = 0.35f;
        look.gloss = 26;
        break;
    case MATERIAL_SOLDER_MASK:
        grain = tracks(p);
        look.colour = vec_multiply(
            vec_mix(vec3(0.012f, 0.11f, 0.04f), vec3(0.03f, 0.2f, 0.07f), grain), part->tint);
        look.shine = 0.22f;
        look.gloss = 60;
        break;
    case MATERIAL_BOARD_EDGE:
        look.colour = vec_scale(vec3(0.34f, 0.3f, 0.16f),
                                0.85f + 0.3f * noise_smooth(scaled(g, 30, 30, 120)));
        break;
    case MATERIAL_SILK_PRINT: look.colour = vec3(0.68f, 0.68f, 0.66f); break;
    case MATERIAL_SOLDER:
        metal_look(&look, vec3(0.68f, 0.68f, 0.67f), noise_smooth(scaled(g, 35, 35, 35)), 40);
        break;
    case MATERIAL_CHIP_BLACK:
        look.colour = vec_scale(vec3(0.028f, 0.028f, 0.03f),
                                0.8f + 0.4f * noise_smooth(scaled(g, 90, 90, 90)));
        look.shine = 0.1f;
        break;
    case MATERIAL_CERAMIC:
        look.colour = vec3(0.1f, 0.062f, 0.04f);
        look.shine = 0.12f;
        break;
    case MATERIAL_ALUMINIUM:
        metal_look(&look, vec3(0.74f, 0.75f, 0.77f), noise_smooth(scaled(g, 12, 12, 160)), 32);
        break;
    case MATERIAL_CONNECTOR:
        look.colour = vec3(0.36f, 0.34f, 0.29f);
        look.shine = 0.15f;
        break;
    case MATERIAL_PIT:
        look.colour =
            vec_scale(vec3(0.12f, 0.1f, 0.085f), 0.5f + noise_smooth(scaled(g, 45, 45, 45)));
        look.gloss = 8;
        break;
    case MATERIAL_SCRATCH:
        look.colour = part->family->scratch;
        look.shine = 0.25f;
        break;
    case MATERIAL_STAIN:
        look.colour =
            vec_scale(part->family->stain, 0.8f + 0.4f * noise_smooth(scaled(g, 16, 16, 16)));
        look.shine = 0.18f;
        look.gloss = 45;
        break;
    case MATERIAL_FOREIGN:
        look.colour = part->defect.colour;
        look.shine = 0.2f;
        break;
    }
    return look;
}

/* What a reflection sees: a bright soft box above, a grey room, the dark felt. */
static float room(struct vec3 direction, struct vec3 light)
{
    float sky = smooth_step(-0.15f, 0.9f, direction.z);
    float box = smooth_step(0.62f, 0.97f, vec_dot(direction, light));
    float window = smooth_step(0.35f, 0.8f, direction.z) * smooth_step(0.3f, 0.75f, -direction.y);
    return 0.09f + 0.62f * sky + 0.75f * box + 0.22f * window;
}

struct vec3 scene_colour(const struct scene *scene, const struct hit *hit, struct vec3 direction,
                         float lamp, float sky)
{
    struct look look = surface_look(scene, hit);
    const struct vec3 n = look.normal;
    float facing = max2(vec_dot(n, scene->light), 0) * lamp;
    float ambient = (0.34f + 0.22f * n.z) * sky;
    struct vec3 white = vec3(1, 1, 1);
    struct vec3 diffuse =
        vec_add(vec_scale(scene->lamp, 0.95f * facing), vec_scale(white, ambient));

    struct vec3 mirrored = vec_along(direction, n, -2 * vec_dot(direction, n));
    float highlight = powf(max2(vec_dot(mirrored, scene->light), 0), look.gloss) * lamp;
    float grazing = 1 - max2(-vec_dot(direction, n), 0);
    grazing *= grazing * grazing;

    struct vec3 scattered = vec_multiply(look.colour, diffuse);
    float around = room(mirrored, scene->light) * mix(sky, 1, 0.15f) * mix(0.55f, 1, lamp);
    struct vec3 reflected = vec_scale(look.colour, around);
    reflected = vec_along(reflected, scene->lamp, 0.5f * highlight);
    struct vec3 colour = vec_mix(scattered, reflected, look.metal);
    float coat = look.shine * (highlight + 0.12f * around * (0.25f + 2 * grazing));
    return vec_along(colour, scene->lamp, coat * (1 - look.metal));
}
