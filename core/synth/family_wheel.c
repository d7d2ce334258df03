/* A toothed wheel: turned steel with a hub, a keyway, a thin web with six holes, and 26 teeth. */
#include "core/synth/part.h"
#include "core/synth/sdf.h"

#define PI 3.14159265f
#define TEETH 26
#define ROOT 0.8f
#define TIP 0.95f
#define RIM_TOP 0.36f
#define WEB_TOP 0.22f
#define HUB_TOP 0.58f
#define HOLES 6

/* Distance to the tooth that stands along +x: a wedge that narrows outwards. */
static float tooth(float x, float y)
{
    float flank = 0.97f * (fabsf(y) - 0.06f) + 0.24f * (x - 0.85f);
    return max2(flank, x - TIP);
}

static float wheel_distance(const struct part *part, struct vec3 p)
{
    float r = flat_length(p.x, p.y);
    float rim = r - ROOT;
    if (r > 0.6f) {
        float step = 2 * PI / TEETH, angle = atan2f(p.y, p.x);
        int index = (int)roundf(angle / step);
        /* Of a missing tooth's place, the nearest of its neighbours' is what is left. */
        int number = index < 0 ? index + TEETH : index;
        if (number % TEETH == part->missing) index += angle > step * (float)index ? 1 : -1;
        float turn = angle - step * (float)index;
        rim = min2(rim, tooth(r * cosf(turn), r * sinf(turn)));
    }
    float d = sdf_extrude(rim, p.z, 0, RIM_TOP, 0.018f);

    /* The web lies deeper than the rim, on a ring between hub and rim. */
    float ring = fabsf(r - 0.48f) - 0.2f;
    d = sdf_subtract(d, sdf_extrude(ring, p.z, WEB_TOP, 1, 0.02f));
    if (r > 0.34f && r < 0.62f) {
        float step = 2 * PI / HOLES, angle = atan2f(p.y, p.x) - step / 2;
        float turn = angle - step * roundf(angle / step);
        d = sdf_subtract(d, flat_disc(r * cosf(turn) - 0.48f, r * sinf(turn), 0.12f));
    }
    d = min2(d, sdf_extrude(r - 0.27f, p.z, 0, HUB_TOP, 0.025f));
    float key = flat_box(p.x - 0.14f, p.y, 0.07f, 0.045f, 0);
    float bore = min2(r - 0.14f, key);
    return sdf_subtract(d, bore);
}

static enum material wheel_material(const struct part *part, struct vec3 p)
{
    (void)part;
    (void)p;
    return MATERIAL_TURNED;
}

static void wheel_feature(const struct part *part, int index, struct vec3 *centre, float *radius)
{
    (void)part;
    float angle = 2 * PI * (float)index / TEETH;
    *centre = vec3(0.87f * cosf(angle), 0.87f * sinf(angle), RIM_TOP / 2);
    *radius = 0.27f;
}

const struct family family_wheel = {
    .name = "toothed_wheel",
    .low = {-TIP, -TIP, 0},
    .high = {TIP, TIP, HUB_TOP},
    .stain = {0.06f, 0.032f, 0.012f},
    .scratch = {0.1f, 0.095f, 0.09f},
    .features = TEETH,
    .distance = wheel_distance,
    .material = wheel_material,
    .feature = wheel_feature,
};
