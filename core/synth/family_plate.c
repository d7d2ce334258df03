/* A machined plate: milled body with a boss, bores, slots, blind holes and four brass bushings. */
#include "core/synth/part.h"
#include "core/synth/sdf.h"

#define TOP 0.34f      /* of the plate */
#define BOSS_TOP 0.58f /* of the round boss in the middle */
#define BUSHING_X 0.68f
#define BUSHING_Y 0.44f
#define BUSHING_RADIUS 0.15f
#define BUSHING_TOP 0.42f

static struct vec3 bushing_place(int index)
{
    return vec3(index % 2 ? BUSHING_X : -BUSHING_X, index / 2 ? BUSHING_Y : -BUSHING_Y, 0);
}

static float bushing_distance(struct vec3 p, int index)
{
    struct vec3 centre = bushing_place(index);
    float r = flat_length(p.x - centre.x, p.y - centre.y);
    float ring = sdf_subtract(r - BUSHING_RADIUS, r - 0.085f);
    return sdf_extrude(ring, p.z, 0.05f, BUSHING_TOP, 0.015f);
}

static int nearest_bushing(struct vec3 p)
{
    return (p.x > 0 ? 1 : 0) + (p.y > 0 ? 2 : 0);
}

static float plate_distance(const struct part *part, struct vec3 p)
{
    struct vec3 bushing = bushing_place(nearest_bushing(p));
    float outline = flat_box(p.x, p.y, 0.94f, 0.68f, 0.12f);
    float hole = flat_disc(p.x - bushing.x, p.y - bushing.y, BUSHING_RADIUS);
    float slot = flat_box(p.x, fabsf(p.y) - 0.5f, 0.26f, 0.055f, 0.055f);
    float body = sdf_subtract(sdf_subtract(outline, hole), slot);
    float d = sdf_extrude(body, p.z, 0, TOP, 0.02f);

    /* A milled step along the left side, and the flat pocket to the right of the boss. */
    float step = flat_box(p.x + 0.95f, p.y, 0.12f, 0.24f, 0.05f);
    d = sdf_subtract(d, sdf_extrude(step, p.z, 0.2f, 1, 0));
    float pocket = flat_box(p.x - 0.66f, p.y, 0.13f, 0.2f, 0.06f);
    d = sdf_subtract(d, sdf_extrude(pocket, p.z, 0.22f, 1, 0));

    /* Blind holes in the long walls. */
    float blind = flat_disc(fabsf(p.x) - 0.4f, p.z - 0.17f, 0.06f);
    d = sdf_subtract(d, max2(blind, 0.58f - fabsf(p.y)));

    float r = flat_length(p.x, p.y);
    d = min2(d, sdf_extrude(r - 0.34f, p.z, 0.05f, BOSS_TOP, 0.02f));
    d = sdf_subtract(d, r - 0.16f);
    d = sdf_subtract(d, sdf_extrude(r - 0.23f, p.z, BOSS_TOP - 0.07f, 1, 0));
    if (nearest_bushing(p) != part->missing) d = min2(d, bushing_distance(p, nearest_bushing(p)));
    return d;
}

static enum material plate_material(const struct part *part, struct vec3 p)
{
    int nearest = nearest_bushing(p);
    if (nearest != part->missing && bushing_distance(p, nearest) < 0.004f) return MATERIAL_BRASS;
    return flat_length(p.x, p.y) < 0.35f ? MATERIAL_TURNED : MATERIAL_MILLED;
}

static void plate_feature(const struct part *part, int index, struct vec3 *centre, float *radius)
{
    (void)part;
    *centre = bushing_place(index);
    centre->z = 0.23f;
    *radius = 0.32f;
}

const struct family family_plate = {
    .name = "machined_plate",
    .low = {-0.94f, -0.68f, 0},
    .high = {0.94f, 0.68f, BOSS_TOP},
    .stain = {0.05f, 0.03f, 0.015f},
    .scratch = {0.1f, 0.1f, 0.105f},
    .features = 4,
    .distance = plate_distance,
    .material = plate_material,
    .feature = plate_feature,
};
