/* Between the caller's NCHW float images and features and a graph's NHWC values. */
#ifndef SCORE_IMAGES_H
#define SCORE_IMAGES_H

#include "core/graph/executor.h"

/* Gives the next run `images` (N,C,H,W) for the value `id` (N,H,W,C), as executor_stage does, also while a run is under
 * way. */
mvad_status images_stage(struct executor *executor, value_id id, const float *images,
                         mvad_error *error);

/* Reads the value `id` (N,H,W,C) as float (N,C,H,W). */
mvad_status images_read(struct executor *executor, value_id id, float *values, mvad_error *error);

#endif
