#include "core/score/map_runner.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/memory.h"

static size_t map_pixels(const struct map_runner *runner)
{
    const size_t size = (size_t)mvad_model_config(runner->model).image_size;
    return size * size;
}

mvad_status map_runner_reserve(struct map_runner *runner, size_t max_views, mvad_error *error)
{
    size_t bytes = 0;
    const size_t views = max_views * map_pixels(runner) * sizeof *runner->maps;
    float *maps = NULL;
    if (size_multiply(views, (size_t)runner->options.samples, &bytes))
        maps = memory_allocate(bytes);
    if (!maps) return error_out_of_memory(error, "maps", bytes);
    free(runner->maps);
    runner->maps = maps;
    return MVAD_OK;
}

mvad_status map_runner_run(struct map_runner *runner, const float *images, size_t views,
                           mvad_error *error)
{
    mvad_session **session = &runner->sessions[views];
    mvad_status status = MVAD_OK;
    if (!*session) {
        mvad_session_options options = runner->options;
        options.views = (int32_t)views;
        status = mvad_session_create(runner->model, runner->device, &options, session, error);
    }
    if (!status) status = mvad_session_run(*session, images, error);
    if (status) return status;
    const size_t count = (size_t)runner->options.samples * views * map_pixels(runner);
    return mvad_session_read(*session, MVAD_OUTPUT_MAP, runner->maps, count, error);
}

void map_runner_free(struct map_runner *runner)
{
    for (int views = 0; views <= MVAD_MAX_VIEWS; views++)
        mvad_session_destroy(runner->sessions[views]);
    free(runner->maps);
    *runner = (struct map_runner){0};
}

float map_highest(const float *map, size_t pixels)
{
    float highest = map[0];
    for (size_t i = 0; i < pixels; i++) {
        if (!isfinite(map[i])) return NAN;
        if (map[i] > highest) highest = map[i];
    }
    return highest;
}
