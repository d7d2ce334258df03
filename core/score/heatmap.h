/* The colours of an anomaly map over its photograph. */
#ifndef SCORE_HEATMAP_H
#define SCORE_HEATMAP_H

#include "core/data/image.h"

#define HEATMAP_OPACITY 0.85f /* of the highest scores */

/* The colour of t, 0 to 1, as red, green, blue from 0 to 255: a sequence that goes from violet over
 * red to pale yellow, ever lighter, as matplotlib's "inferno" does, so that it reads in grey too. */
void heatmap_colour(float t, float rgb[3]);

/* Blends the colours of the view's map into `picture`, RGB of any size that shows the whole
 * photograph: t = (score - low) / (high - low), cut to 0..1, gives the colour and an opacity of t *
 * HEATMAP_OPACITY. */
void heatmap_blend(const struct image *picture, const mvad_view_result *view,
                   const mvad_score_scale *scale);

/* Draws the contours of the view's regions into it: white, with dark sides to be seen on white. */
void heatmap_outline(const struct image *picture, const mvad_view_result *view);

#endif
