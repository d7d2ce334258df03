#include "core/synth/defect.h"

#include "core/synth/part.h"
#include "core/synth/sdf.h"

#define BOUND_MARGIN 0.03f
#define NEARBY 0.4f
#define SURFACE 0.004f /* a surface point is found to be on a shape within this */

const char *defect_code(enum defect_kind kind)
{
    switch (kind) {
    case DEFECT_PIT: return "AK";
    case DEFECT_DEFORMATION: return "BX";
    case DEFECT_SCRATCH: return "HS";
    case DEFECT_MISSING: return "QS";
    case DEFECT_FOREIGN: return "YW";
    case DEFECT_STAIN: return "ZW";
    case DEFECT_NONE:
    case DEFECT_KINDS: break;
    }
    return "OK";
}

static float line_distance(const struct defect *defect, struct vec3 p)
{
    float d = 1e9f;
    for (int i = 0; i + 1 < DEFECT_POINTS; i++)
        d = min2(d, sdf_capsule(p, defect->points[i], defect->points[i + 1], defect->width));
    return d;
}

static struct vec3 to_axes(const struct defect *defect, struct vec3 p)
{
    struct vec3 q = vec_sub(p, defect->centre);
    return vec3(vec_dot(q, defect->axis[0]), vec_dot(q, defect->axis[1]),
                vec_dot(q, defect->axis[2]));
}

/* A lower bound of the distance to an ellipsoid, near its surface close to the distance. */
static float ellipsoid_distance(struct vec3 p, struct vec3 half)
{
    float smallest = min2(half.x, min2(half.y, half.z));
    return (vec_length(vec3(p.x / half.x, p.y / half.y, p.z / half.z)) - 1) * smallest;
}

static float pit_distance(const struct defect *defect, struct vec3 p)
{
    return ellipsoid_distance(to_axes(defect, p), defect->half);
}

static float foreign_distance(const struct defect *defect, struct vec3 p)
{
    if (defect->shape == 0) return line_distance(defect, p);
    struct vec3 q = to_axes(defect, p);
    if (defect->shape == 1) return sdf_box(q, defect->half, 0.006f);
    return vec_length(q) - defect->half.x;
}

float defect_distance(const struct defect *defect, struct vec3 p, float body)
{
    float outside;
    switch (defect->kind) {
    case DEFECT_PIT:
    case DEFECT_SCRATCH:
        if (sdf_sphere(p, defect->centre, defect->bound) > 0) return body;
        return sdf_subtract(body, defect->kind == DEFECT_PIT ? pit_distance(defect, p)
                                                             : line_distance(defect, p));
    case DEFECT_FOREIGN:
        /* From afar the distance to its sphere will do; nearby it would cast the sphere's
         * shadow. */
        outside = sdf_sphere(p, defect->centre, defect->bound);
        return min2(body, outside > NEARBY ? outside : foreign_distance(defect, p));
    default: return body;
    }
}

struct vec3 defect_origin(const struct defect *defect, struct vec3 p)
{
    if (defect->kind != DEFECT_DEFORMATION) return p;
    struct vec3 q = vec_sub(p, defect->centre);
    float square = vec_dot(q, q) / (defect->bound * defect->bound);
    if (square >= 1) return p;
    float weight = (1 - square) * (1 - square);
    return vec_along(p, defect->push, -weight);
}

bool defect_material(const struct defect *defect, struct vec3 p, int *material)
{
    switch (defect->kind) {
    case DEFECT_NONE:
    case DEFECT_KINDS:
    case DEFECT_DEFORMATION:
    case DEFECT_MISSING: return false;
    case DEFECT_PIT: *material = MATERIAL_PIT; return pit_distance(defect, p) < SURFACE;
    case DEFECT_SCRATCH: *material = MATERIAL_SCRATCH; return line_distance(defect, p) < SURFACE;
    case DEFECT_FOREIGN: *material = MATERIAL_FOREIGN; return foreign_distance(defect, p) < SURFACE;
    case DEFECT_STAIN: {
        float grain = defect->grain, r = vec_length(vec_sub(p, defect->centre));
        float edge = noise_smooth(vec3(p.x * 14 + grain, p.y * 14, p.z * 14));
        *material = MATERIAL_STAIN;
        return r < (defect->bound - BOUND_MARGIN) * (0.55f + 0.45f * edge);
    }
    }
    return false;
}

/* The surface point nearest to p, by steps along the gradient; good enough within about 0.1 of the
 * surface. */
static struct vec3 onto_surface(const struct part *part, struct vec3 p)
{
    for (int i = 0; i < 5; i++) p = vec_along(p, part_normal(part, p), -part_distance(part, p));
    return p;
}

/* A gently bent line on the surface through the middle, `lift` above it. */
static void place_line(struct part *part, float length, float width, float lift, float bend,
                       struct draws *draws)
{
    struct defect *defect = &part->defect;
    float curve = draw_between(draws, -bend, bend), wave = draw_between(draws, -bend, bend) / 2;
    const struct vec3 middle = defect->centre;
    defect->width = width;
    for (int i = 0; i < DEFECT_POINTS; i++) {
        float s = 2 * (float)i / (DEFECT_POINTS - 1) - 1;
        struct vec3 p = vec_along(middle, defect->axis[0], s * length / 2);
        p = vec_along(p, defect->axis[1], (curve * s * s + wave * s * s * s) * length / 2);
        p = onto_surface(part, p);
        defect->points[i] = vec_along(p, part_normal(part, p), lift);
    }
    defect->bound = 0;
    for (int i = 0; i < DEFECT_POINTS; i++)
        defect->bound =
            max2(defect->bound, vec_length(vec_sub(defect->points[i], middle)) + 2 * width);
    defect->bound += BOUND_MARGIN;
}

static void place_pit(struct defect *defect, struct draws *draws)
{
    float size = draw_between(draws, 0.055f, 0.1f);
    defect->half = vec3(size, size * draw_between(draws, 0.7f, 1), size * 0.6f);
    defect->bound = size + BOUND_MARGIN;
}

static void place_foreign(struct part *part, struct draws *draws)
{
    static const struct vec3 colours[] = {
        {0.8f, 0.25f, 0.02f}, {0.55f, 0.05f, 0.04f}, {0.03f, 0.03f, 0.035f}, {0.6f, 0.42f, 0.05f}};
    struct defect *defect = &part->defect;
    defect->shape = draw_index(draws, 3);
    defect->colour = colours[draw_index(draws, 4)];
    if (defect->shape == 0) {
        float width = draw_between(draws, 0.012f, 0.018f);
        place_line(part, draw_between(draws, 0.35f, 0.55f), width, width, 0.5f, draws);
        return;
    }
    float size = draw_between(draws, 0.05f, 0.08f);
    defect->half = defect->shape == 1 ? vec3(size * 1.3f, size * 0.8f, 0.022f)
                                      : vec3(size * 0.8f, size * 0.8f, size * 0.8f);
    defect->centre = vec_along(defect->centre, defect->axis[2], defect->half.z * 0.8f);
    defect->bound = vec_length(defect->half) + BOUND_MARGIN;
}

static bool place_missing(struct part *part, struct draws *draws)
{
    const struct family *family = part->family;
    int feature = draw_index(draws, family->features);
    family->feature(part, feature, &part->defect.centre, &part->defect.bound);
    part->missing = feature;
    return true;
}

/* A ray from above the horizon to a point somewhere in the part's box: what it meets can be seen by
 * someone. More of them are level than not, since walls are what only some cameras see. */
static bool draw_place(const struct part *part, struct draws *draws, struct vec3 *place)
{
    struct vec3 low = part->family->low, high = part->family->high;
    float angle = draw_between(draws, 0, 6.2831853f);
    float rise = draw(draws) < 0.6f ? draw_between(draws, 0, 0.4f) : draw_between(draws, 0.4f, 1);
    float flat = sqrtf(1 - rise * rise), distance;
    struct vec3 from = vec3(flat * cosf(angle), flat * sinf(angle), rise);
    struct vec3 target =
        vec3(mix(low.x, high.x, draw_between(draws, 0.04f, 0.96f)),
             mix(low.y, high.y, draw_between(draws, 0.04f, 0.96f)), draw_between(draws, 0, high.z));
    struct vec3 origin = vec_along(target, from, 4);
    if (!part_trace(part, origin, vec_scale(from, -1), &distance)) return false;
    *place = vec_along(origin, from, -distance);
    return place->z > 0.03f;
}

bool defect_place(struct part *part, enum defect_kind kind, struct draws *draws)
{
    struct defect *defect = &part->defect;
    *defect = (struct defect){.kind = DEFECT_NONE};
    part->missing = -1;
    if (kind == DEFECT_MISSING) {
        if (!place_missing(part, draws)) return false;
        defect->kind = kind;
        return true;
    }
    if (!draw_place(part, draws, &defect->centre)) return false;

    struct vec3 normal = part_normal(part, defect->centre);
    struct vec3 side = fabsf(normal.z) < 0.8f ? vec3(0, 0, 1) : vec3(1, 0, 0);
    side = vec_normalize(vec_cross(normal, side));
    float angle = draw_between(draws, 0, 6.2831853f);
    struct vec3 other = vec_cross(normal, side);
    defect->axis[0] = vec_add(vec_scale(side, cosf(angle)), vec_scale(other, sinf(angle)));
    defect->axis[1] = vec_cross(normal, defect->axis[0]);
    defect->axis[2] = normal;

    switch (kind) {
    case DEFECT_PIT: place_pit(defect, draws); break;
    case DEFECT_SCRATCH:
        place_line(part, draw_between(draws, 0.3f, 0.6f), draw_between(draws, 0.009f, 0.014f), 0,
                   0.25f, draws);
        break;
    case DEFECT_FOREIGN: place_foreign(part, draws); break;
    case DEFECT_DEFORMATION: {
        float size = draw_between(draws, 0.07f, 0.11f) * (draw(draws) < 0.6f ? -1.0f : 1.0f);
        struct vec3 lean = vec_scale(defect->axis[0], draw_between(draws, -0.6f, 0.6f));
        defect->push = vec_scale(vec_normalize(vec_add(normal, lean)), size);
        defect->bound = draw_between(draws, 0.22f, 0.32f);
        break;
    }
    default:
        defect->bound = draw_between(draws, 0.14f, 0.24f);
        defect->grain = draw_between(draws, 0, 100);
        break;
    }
    defect->kind = kind;
    return true;
}
