#include "core/synth/part.h"

#include "core/synth/sdf.h"

#define HIT_DISTANCE 0.0006f /* less than a tenth of a pixel at 256 x 256 */
#define MAX_STEPS 200
#define BOX_MARGIN 0.14f /* how far a foreign object or a bulge may stand out */

const struct family *family_at(int index)
{
    static const struct family *const families[FAMILY_COUNT] = {&family_plate, &family_cap,
                                                                &family_wheel, &family_board};
    return families[index];
}

void part_create(struct part *part, const struct family *family, struct draws *draws)
{
    *part = (struct part){.family = family, .missing = -1};
    part->tint = vec3(draw_between(draws, 0.96f, 1.04f), draw_between(draws, 0.96f, 1.04f),
                      draw_between(draws, 0.96f, 1.04f));
    part->grain =
        vec3(draw_between(draws, 0, 100), draw_between(draws, 0, 100), draw_between(draws, 0, 100));
    if (family->vary) family->vary(part, draws);
}

float part_distance(const struct part *part, struct vec3 p)
{
    const struct defect *defect = &part->defect;
    if (defect->kind == DEFECT_NONE) return part->family->distance(part, p);
    return defect_distance(defect, p, part->family->distance(part, defect_origin(defect, p)));
}

enum material part_material(const struct part *part, struct vec3 p)
{
    int material;
    if (defect_material(&part->defect, p, &material)) return (enum material)material;
    return part->family->material(part, defect_origin(&part->defect, p));
}

struct vec3 part_normal(const struct part *part, struct vec3 p)
{
    /* Four corners of a tetrahedron: two evaluations fewer than differences along three axes. */
    const float h = 0.0015f;
    float a = part_distance(part, vec3(p.x + h, p.y - h, p.z - h)),
          b = part_distance(part, vec3(p.x - h, p.y - h, p.z + h)),
          c = part_distance(part, vec3(p.x - h, p.y + h, p.z - h)),
          d = part_distance(part, vec3(p.x + h, p.y + h, p.z + h));
    return vec_normalize(vec3(a - b - c + d, -a - b + c + d, -a + b - c + d));
}

static void clip_axis(float origin, float direction, float low, float high, float *near, float *far)
{
    float inverse = 1 / direction; /* infinite where parallel: the products then decide rightly */
    float a = (low - origin) * inverse, b = (high - origin) * inverse;
    *near = max2(*near, min2(a, b));
    *far = min2(*far, max2(a, b));
}

bool part_clip(const struct part *part, struct vec3 origin, struct vec3 direction, float *near,
               float *far)
{
    const struct vec3 low = part->family->low, high = part->family->high;
    *near = 0;
    *far = 1e9f;
    clip_axis(origin.x, direction.x, low.x - BOX_MARGIN, high.x + BOX_MARGIN, near, far);
    clip_axis(origin.y, direction.y, low.y - BOX_MARGIN, high.y + BOX_MARGIN, near, far);
    clip_axis(origin.z, direction.z, -0.01f, high.z + BOX_MARGIN, near, far);
    return *near < *far;
}

bool part_trace(const struct part *part, struct vec3 origin, struct vec3 direction, float *distance)
{
    float near, far;
    if (!part_clip(part, origin, direction, &near, &far)) return false;
    const struct defect *defect = &part->defect;
    bool stretched = defect->kind == DEFECT_DEFORMATION;
    float t = near;
    for (int step = 0; step < MAX_STEPS && t < far; step++) {
        struct vec3 p = vec_along(origin, direction, t);
        float d = part_distance(part, p);
        if (d < HIT_DISTANCE) {
            *distance = t;
            return true;
        }
        /* A deformed space is stretched: steps as long as its distances could pass through the
         * surface. Outside of it, rays step as they do past the good part, and end on the very same
         * points. */
        float outside = stretched ? sdf_sphere(p, defect->centre, defect->bound) : d;
        t += d <= outside ? d : max2(0.6f * d, outside);
    }
    return false;
}
