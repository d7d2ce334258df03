/* A part: one sample of a family of parts, good or with one defect.
 *
 *     struct part part;
 *     part_create(&part, family_at(1), &draws);
 *     float d = part_distance(&part, p);
 *
 * makes a good one, with the small differences that every sample has. Points are in the part's own
 * frame: z is up, and the part stands on z = 0.
 */
#ifndef SYNTH_PART_H
#define SYNTH_PART_H

#include <stdbool.h>

#include "core/synth/defect.h"
#include "core/synth/noise.h"
#include "core/synth/vector.h"

#define PART_MAX_COMPONENTS 24

enum material {
    MATERIAL_FELT, /* what the part stands on */
    MATERIAL_TABLE,
    MATERIAL_MILLED, /* steel, with the marks of milling */
    MATERIAL_TURNED, /* steel, with circular marks about the z axis */
    MATERIAL_BRASS,
    MATERIAL_CAP_PLASTIC,
    MATERIAL_SOLDER_MASK,
    MATERIAL_BOARD_EDGE,
    MATERIAL_SILK_PRINT,
    MATERIAL_SOLDER,
    MATERIAL_CHIP_BLACK,
    MATERIAL_CERAMIC,
    MATERIAL_ALUMINIUM,
    MATERIAL_CONNECTOR,
    MATERIAL_PIT, /* the rest are defects */
    MATERIAL_SCRATCH,
    MATERIAL_STAIN,
    MATERIAL_FOREIGN
};

enum component_kind { COMPONENT_CHIP, COMPONENT_PACKAGE, COMPONENT_CAN, COMPONENT_HEADER };

/* Something mounted on a board. */
struct component {
    enum component_kind kind;
    float x, y, cosine, sine; /* place, and turn about z */
    float half_x, half_y, height;
};

struct family;

struct part {
    const struct family *family;
    struct vec3 tint;  /* multiplies the colour of painted or moulded surfaces; about 1 */
    struct vec3 grain; /* moves the textures, so that no two samples have the same grain */
    int missing;       /* the feature that is not there, or -1 */
    struct component components[PART_MAX_COMPONENTS]; /* of boards */
    int component_count;
    struct defect defect; /* DEFECT_NONE in a good part */
};

/* A kind of part: how its surface lies, without any defect but part->missing. */
struct family {
    const char *name;      /* the class, as files and folders spell it */
    struct vec3 low, high; /* the box that holds every sample */
    struct vec3 stain;     /* colour of a contamination that shows on it */
    struct vec3 scratch;   /* colour of what a scratch lays bare */
    int features;          /* that can be missing */
    /* The small differences between samples, beyond tint and grain; may be NULL. */
    void (*vary)(struct part *part, struct draws *draws);
    float (*distance)(const struct part *part, struct vec3 p);
    /* Of a point on the surface. */
    enum material (*material)(const struct part *part, struct vec3 p);
    /* A sphere outside of which the part is the same with and without the feature. */
    void (*feature)(const struct part *part, int index, struct vec3 *centre, float *radius);
};

#define FAMILY_COUNT 4
#define FAMILY_NAME_BYTES 32 /* enough for every name */

/* 0 to FAMILY_COUNT - 1 */
const struct family *family_at(int index);

extern const struct family family_plate, family_cap, family_wheel, family_board;

void part_create(struct part *part, const struct family *family, struct draws *draws);

/* Signed distance of the part with its defect. */
float part_distance(const struct part *part, struct vec3 p);

/* What the surface at p is made of, with the defect. */
enum material part_material(const struct part *part, struct vec3 p);

/* The unit normal of the surface at p: the gradient of the distance. */
struct vec3 part_normal(const struct part *part, struct vec3 p);

/* The interval of a ray inside the box around the part and anything a defect adds; false where it
 * misses. */
bool part_clip(const struct part *part, struct vec3 origin, struct vec3 direction, float *near,
               float *far);

/* Follows a ray of unit direction to the part's surface; false where it passes by. */
bool part_trace(const struct part *part, struct vec3 origin, struct vec3 direction, float *distance);

#endif
