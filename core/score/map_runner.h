/* Anomaly maps of parts with any number of views: a session for each number, made when the first
 * part with so many comes.
 *
 *     struct map_runner runner = {.model = model, .device = device, .options = options->session};
 *     status = map_runner_reserve(&runner, 5, error);
 *     status = map_runner_run(&runner, images, 5, error);
 *     ... runner.maps ...
 *     map_runner_free(&runner);
 */
#ifndef SCORE_MAP_RUNNER_H
#define SCORE_MAP_RUNNER_H

#include <stddef.h>

#include "mvad.h"

struct map_runner {
    const mvad_model *model;
    mvad_device *device;
    mvad_session_options options;               /* samples of a run, 1 or more; views are ignored */
    mvad_session *sessions[MVAD_MAX_VIEWS + 1]; /* by number of views; NULL: not made yet */
    float *maps;                                /* of the last run: (samples * views, S, S) */
};

/* Makes room for the maps of so many views, MVAD_MAX_VIEWS at most, before a run: the
 * maps of the last one are lost. */
mvad_status map_runner_reserve(struct map_runner *runner, size_t max_views, mvad_error *error);

/* images: (samples * views, 3, S, S), normalised; views from 1 to what was reserved. Errors as those
 * of mvad_session_create and mvad_session_run. */
mvad_status map_runner_run(struct map_runner *runner, const float *images, size_t views,
                           mvad_error *error);

void map_runner_free(struct map_runner *runner);

/* The largest value of a map, or a NaN where not all are finite. */
float map_highest(const float *map, size_t pixels);

#endif
