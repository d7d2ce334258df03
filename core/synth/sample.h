/* A sample of the data set: a scene, with a defect that can be seen. */
#ifndef SYNTH_SAMPLE_H
#define SYNTH_SAMPLE_H

#include "core/synth/scene.h"

/* Draws the scene from (seed, stream), and places a defect of this kind where at least one view of
 * size x size pixels shows it well. `masks`: SCENE_VIEWS images of size x size, all 0 where the
 * kind is DEFECT_NONE. `masked`: the views with enough marked pixels to count as defective. False
 * where no place was found in hundreds of trials. */
bool sample_create(struct scene *scene, const struct family *family, enum defect_kind kind, int size,
                   uint64_t seed, uint32_t stream, uint8_t *masks, bool masked[SCENE_VIEWS]);

#endif
