/* A bottle cap: moulded plastic, ribbed, with a raised emblem on top and a tamper band below. */
#include "core/synth/part.h"
#include "core/synth/sdf.h"

#define PI 3.14159265f
#define RADIUS 0.74f
#define TOP 0.72f
#define BAND_TOP 0.15f
#define RIBS 56
#define SEGMENTS 8 /* of the tamper band, between its bridges */

static float segment_angle(int index)
{
    return 2 * PI * ((float)index + 0.5f) / SEGMENTS;
}

/* The emblem: a ring, and in it an arrow towards +y. */
static float emblem(float x, float y, float r)
{
    float ring = fabsf(r - 0.5f) - 0.025f;
    float shaft = flat_box(x, y + 0.08f, 0.05f, 0.22f, 0.02f);
    /* The head is the half-plane pair of a triangle, cut off below. */
    float head = max2(0.8f * fabsf(x) + 0.6f * (y - 0.34f), 0.1f - y);
    return min2(ring, min2(shaft, head));
}

static float cap_distance(const struct part *part, struct vec3 p)
{
    float r = flat_length(p.x, p.y);
    float angle = r > 0.5f ? atan2f(p.y, p.x) : 0;
    float ribs = r > 0.5f ? 0.014f * cosf(RIBS * angle) : 0;

    /* The ribs fade out towards the rounded shoulder; the factor keeps steps safe on their
     * flanks. */
    float fade = 1 - smooth_step(0.56f, 0.66f, p.z);
    float d = sdf_extrude(r - RADIUS - ribs * fade, p.z, BAND_TOP + 0.03f, TOP, 0.07f);
    d = min2(d, sdf_extrude(r - RADIUS + 0.05f, p.z, 0.02f, TOP - 0.1f, 0.02f));

    float band = fabsf(r - RADIUS + 0.03f) - 0.045f;
    band = sdf_extrude(band, p.z, 0, BAND_TOP, 0.02f);
    if (part->missing >= 0 && r > 0.5f) {
        float turn = fabsf(remainderf(angle - segment_angle(part->missing), 2 * PI));
        band = max2(band, (PI / SEGMENTS - 0.05f - turn) * r);
    }
    d = min2(d, band);
    /* Bridges that tie the band to the skirt. */
    if (r > 0.5f) {
        float step = 2 * PI / SEGMENTS;
        float side = (angle - step * roundf(angle / step)) * r;
        d = min2(d, sdf_box(vec3(r - RADIUS + 0.02f, side, p.z - 0.15f), vec3(0.035f, 0.03f, 0.06f),
                            0.01f));
    }
    float mark = sdf_extrude(emblem(p.x, p.y, r), p.z, TOP - 0.05f, TOP + 0.028f, 0.012f);
    return 0.86f * min2(d, mark);
}

static enum material cap_material(const struct part *part, struct vec3 p)
{
    (void)part;
    (void)p;
    return MATERIAL_CAP_PLASTIC;
}

static void cap_feature(const struct part *part, int index, struct vec3 *centre, float *radius)
{
    (void)part;
    float angle = segment_angle(index);
    *centre = vec3(0.71f * cosf(angle), 0.71f * sinf(angle), 0.08f);
    *radius = 0.34f;
}

const struct family family_cap = {
    .name = "bottle_cap",
    .low = {-0.76f, -0.76f, 0},
    .high = {0.76f, 0.76f, 0.75f},
    .stain = {0.035f, 0.03f, 0.022f},
    .scratch = {0.6f, 0.64f, 0.7f},
    .features = SEGMENTS,
    .distance = cap_distance,
    .material = cap_material,
    .feature = cap_feature,
};
