/* A printed board on spacers, with packages, cans, small chips and a pin header soldered to it. */
#include "core/synth/part.h"
#include "core/synth/sdf.h"

#define HALF_X 0.96f
#define HALF_Y 0.7f
#define BOTTOM 0.12f
#define TOP 0.19f
#define HOLE_X 0.84f
#define HOLE_Y 0.58f
#define PIN_STEP 0.1f

struct seat {
    enum component_kind kind;
    float x, y, half_x, half_y, height;
};

static const struct seat seats[] = {
    {COMPONENT_PACKAGE, -0.12f, 0.08f, 0.27f, 0.2f, 0.11f},
    {COMPONENT_PACKAGE, 0.34f, -0.4f, 0.2f, 0.1f, 0.09f},
    {COMPONENT_CAN, 0.6f, 0.32f, 0.15f, 0.15f, 0.4f},
    {COMPONENT_CAN, -0.64f, -0.24f, 0.12f, 0.12f, 0.34f},
    {COMPONENT_HEADER, -0.26f, 0.56f, 0.38f, 0.07f, 0.13f},
    {COMPONENT_CHIP, -0.62f, 0.3f, 0.08f, 0.045f, 0.06f},
    {COMPONENT_CHIP, -0.62f, 0.14f, 0.08f, 0.045f, 0.06f},
    {COMPONENT_CHIP, -0.62f, 0.02f, 0.08f, 0.045f, 0.06f},
    {COMPONENT_CHIP, -0.36f, -0.42f, 0.08f, 0.045f, 0.06f},
    {COMPONENT_CHIP, -0.12f, -0.42f, 0.08f, 0.045f, 0.06f},
    {COMPONENT_CHIP, 0.68f, -0.06f, 0.08f, 0.045f, 0.06f},
    {COMPONENT_CHIP, 0.68f, -0.2f, 0.08f, 0.045f, 0.06f},
    {COMPONENT_CHIP, 0.28f, 0.5f, 0.08f, 0.045f, 0.06f},
};

enum { SEATS = sizeof seats / sizeof *seats };

static void board_vary(struct part *part, struct draws *draws)
{
    part->component_count = SEATS;
    for (int i = 0; i < SEATS; i++) {
        const struct seat *seat = &seats[i];
        float turn = draw_between(draws, -0.02f, 0.02f);
        part->components[i] = (struct component){seat->kind,
                                                 seat->x + draw_between(draws, -0.006f, 0.006f),
                                                 seat->y + draw_between(draws, -0.006f, 0.006f),
                                                 cosf(turn),
                                                 sinf(turn),
                                                 seat->half_x,
                                                 seat->half_y,
                                                 seat->height};
    }
}

static struct vec3 to_component(const struct component *c, struct vec3 p)
{
    return vec_turn(vec3(p.x - c->x, p.y - c->y, p.z - TOP), c->cosine, -c->sine);
}

/* A row of little posts along x, `count` on either side of the middle one. */
static float posts(struct vec3 p, float count, struct vec3 half, float edge)
{
    p.x -= PIN_STEP * clamp(roundf(p.x / PIN_STEP), -count, count);
    return sdf_box(p, half, edge);
}

static float component_body(const struct component *c, struct vec3 q)
{
    float half = c->height / 2;
    struct vec3 up = vec3(q.x, q.y, q.z - half);
    switch (c->kind) {
    case COMPONENT_CHIP: return sdf_box(up, vec3(c->half_x, c->half_y, half), 0.012f);
    case COMPONENT_PACKAGE:
        up.z -= 0.01f;
        return sdf_box(up, vec3(c->half_x, c->half_y, half - 0.01f), 0.015f);
    case COMPONENT_CAN:
        return sdf_extrude(flat_length(q.x, q.y) - c->half_x, q.z, 0, c->height, 0.025f);
    case COMPONENT_HEADER: return sdf_box(up, vec3(c->half_x, c->half_y, half), 0.01f);
    }
    return 1;
}

/* Legs of a package, pins of a header. */
static float component_metal(const struct component *c, struct vec3 q)
{
    float count = floorf((c->half_x - 0.03f) / PIN_STEP);
    if (c->kind == COMPONENT_PACKAGE)
        return posts(vec3(q.x, fabsf(q.y) - c->half_y - 0.02f, q.z - 0.025f), count,
                     vec3(0.024f, 0.04f, 0.025f), 0.008f);
    if (c->kind == COMPONENT_HEADER)
        return posts(vec3(q.x, q.y, q.z - 0.16f), count, vec3(0.018f, 0.018f, 0.16f), 0.004f);
    return 1;
}

/* No more than the true distance, by the upright box around it. */
static float component_far(const struct component *c, struct vec3 p)
{
    float rise = c->kind == COMPONENT_HEADER ? 0.32f : c->height;
    float reach = c->kind == COMPONENT_PACKAGE ? 0.08f : 0.02f;
    float beside = max2(fabsf(p.x - c->x) - c->half_x, fabsf(p.y - c->y) - c->half_y) - reach;
    return max2(beside, p.z - TOP - rise);
}

static float board_distance(const struct part *part, struct vec3 p)
{
    float outline = flat_box(p.x, p.y, HALF_X, HALF_Y, 0.06f);
    float corner = flat_length(fabsf(p.x) - HOLE_X, fabsf(p.y) - HOLE_Y);
    float d = sdf_extrude(sdf_subtract(outline, corner - 0.06f), p.z, BOTTOM, TOP, 0.008f);
    d = min2(d, sdf_extrude(fabsf(corner - 0.08f) - 0.02f, p.z, 0, BOTTOM, 0));
    for (int i = 0; i < part->component_count; i++) {
        const struct component *c = &part->components[i];
        if (i == part->missing || component_far(c, p) >= d) continue;
        struct vec3 q = to_component(c, p);
        d = min2(d, min2(component_body(c, q), component_metal(c, q)));
    }
    return d;
}

static enum material body_material(const struct component *c, struct vec3 q)
{
    switch (c->kind) {
    case COMPONENT_CHIP: return fabsf(q.x) > 0.6f * c->half_x ? MATERIAL_SOLDER : MATERIAL_CERAMIC;
    case COMPONENT_PACKAGE:
        /* The mark of pin 1, printed into the corner. */
        if (flat_disc(q.x + c->half_x - 0.06f, q.y + c->half_y - 0.06f, 0.022f) < 0)
            return MATERIAL_SILK_PRINT;
        return MATERIAL_CHIP_BLACK;
    case COMPONENT_CAN:
        if (q.z > c->height - 0.012f && q.y > 0.45f * c->half_x) return MATERIAL_CHIP_BLACK;
        return MATERIAL_ALUMINIUM;
    case COMPONENT_HEADER: return MATERIAL_CONNECTOR;
    }
    return MATERIAL_CERAMIC;
}

/* What is printed and plated around a component's seat. The seat does not move with the component,
 * and stays where the component is missing. */
static enum material seat_material(const struct seat *seat, struct vec3 p)
{
    float x = fabsf(p.x - seat->x), y = fabsf(p.y - seat->y);
    float margin = seat->kind == COMPONENT_PACKAGE ? 0.085f : 0.045f;
    if (seat->kind == COMPONENT_CAN) {
        if (flat_length(x - 0.06f, y) < 0.035f) return MATERIAL_SOLDER;
        if (fabsf(flat_length(x, y) - seat->half_x - 0.035f) < 0.009f) return MATERIAL_SILK_PRINT;
        return MATERIAL_SOLDER_MASK;
    }
    if (seat->kind == COMPONENT_CHIP && x < seat->half_x + 0.03f && x > 0.4f * seat->half_x &&
        y < seat->half_y + 0.01f)
        return MATERIAL_SOLDER;
    if (seat->kind == COMPONENT_PACKAGE && fabsf(y - seat->half_y - 0.02f) < 0.05f &&
        fabsf(x - PIN_STEP * roundf(x / PIN_STEP)) < 0.034f && x < seat->half_x)
        return MATERIAL_SOLDER;
    if (fabsf(flat_box(x, y, seat->half_x + margin, seat->half_y + margin, 0.01f)) < 0.008f)
        return MATERIAL_SILK_PRINT;
    return MATERIAL_SOLDER_MASK;
}

static enum material board_material(const struct part *part, struct vec3 p)
{
    for (int i = 0; i < part->component_count; i++) {
        const struct component *c = &part->components[i];
        if (i == part->missing || component_far(c, p) > 0.003f) continue;
        struct vec3 q = to_component(c, p);
        if (component_metal(c, q) < 0.003f)
            return c->kind == COMPONENT_HEADER ? MATERIAL_BRASS : MATERIAL_SOLDER;
        if (component_body(c, q) < 0.003f) return body_material(c, q);
    }
    float corner = flat_length(fabsf(p.x) - HOLE_X, fabsf(p.y) - HOLE_Y);
    if (corner < 0.062f || p.z < BOTTOM - 0.004f) return MATERIAL_BRASS;
    if (p.z < TOP - 0.004f) return MATERIAL_BOARD_EDGE;
    if (corner < 0.105f) return MATERIAL_SOLDER;
    for (int i = 0; i < SEATS; i++) {
        enum material material = seat_material(&seats[i], p);
        if (material != MATERIAL_SOLDER_MASK) return material;
    }
    return MATERIAL_SOLDER_MASK;
}

static void board_feature(const struct part *part, int index, struct vec3 *centre, float *radius)
{
    const struct component *c = &part->components[index];
    *centre = vec3(c->x, c->y, TOP + c->height / 2);
    *radius = vec_length(vec3(c->half_x + 0.08f, c->half_y + 0.08f, c->height / 2)) + 0.06f;
    if (c->kind == COMPONENT_HEADER) *radius += 0.15f;
}

const struct family family_board = {
    .name = "printed_board",
    .low = {-HALF_X, -HALF_Y, 0},
    .high = {HALF_X, HALF_Y, 0.6f},
    .stain = {0.62f, 0.57f, 0.42f},
    .scratch = {0.8f, 0.5f, 0.3f},
    .features = SEATS,
    .vary = board_vary,
    .distance = board_distance,
    .material = board_material,
    .feature = board_feature,
};
