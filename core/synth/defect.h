/* Defects in three dimensions, placed on the surface of a part. */
#ifndef SYNTH_DEFECT_H
#define SYNTH_DEFECT_H

#include <stdbool.h>

#include "core/synth/noise.h"
#include "core/synth/vector.h"

enum defect_kind {
    DEFECT_NONE,
    DEFECT_PIT,
    DEFECT_DEFORMATION,
    DEFECT_SCRATCH,
    DEFECT_MISSING,
    DEFECT_FOREIGN,
    DEFECT_STAIN,
    DEFECT_KINDS
};

#define DEFECT_POINTS 7

struct defect {
    enum defect_kind kind;
    int shape; /* foreign objects: 0 a fibre, 1 a chip, 2 a bead */
    /* The part is the same outside of this sphere. */
    struct vec3 centre;
    float bound;
    struct vec3 axis[3]; /* of the pit or chip: along the surface, along the surface, outwards */
    struct vec3 half;    /* half sizes along them */
    struct vec3 points[DEFECT_POINTS]; /* of a scratch or fibre: a line of segments */
    float width;                       /* its radius */
    struct vec3 push;                  /* deformation: how far its middle moves */
    struct vec3 colour;                /* of a foreign object */
    float grain;                       /* moves the outline of a stain */
};

struct part;

/* The Real-IAD code of a kind: "AK", "BX", "HS", "QS", "YW" or "ZW". */
const char *defect_code(enum defect_kind kind);

/* Puts a defect of this kind somewhere on the good part. False where the place drawn was off the
 * part: draw again. */
bool defect_place(struct part *part, enum defect_kind kind, struct draws *draws);

/* The defect's shape joined to, or cut from, the part's distance at p. */
float defect_distance(const struct defect *defect, struct vec3 p, float body);

/* The point of the good part that a deformation has moved to p; p where there is none. */
struct vec3 defect_origin(const struct defect *defect, struct vec3 p);

/* Whether the surface point p belongs to the defect, and then its material (an enum material). */
bool defect_material(const struct defect *defect, struct vec3 p, int *material);

#endif
