#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/options.h"
#include "core/model/cost.h"
#include "core/model/model.h"
#include "core/model/network.h"
#include "core/score/images.h"
#include "core/graph/profile.h"

struct mvad_session {
    struct executor *executor;
    struct parameter_table table;
    double paper_macs;
    int32_t samples, views;
    value_id images;
    value_id outputs[MVAD_OUTPUT_COUNT]; /* VALUE_NONE for the sample score, which the host computes */
    bool has_images, has_run;
};

static const struct options_shape options_shape = OPTIONS_SHAPE(mvad_session_options);

void mvad_session_options_init(mvad_session_options *options, size_t size)
{
    options_init(&options_shape, &(mvad_session_options){.samples = 1}, options, size, 0);
}

static mvad_status find_values(mvad_session *session, mvad_error *error)
{
    static const char *const names[MVAD_OUTPUT_COUNT] = {
        "teacher.0", "teacher.1",       "teacher.2",   "student.0",   "student.1",
        "student.2", "anomaly_map_raw", "anomaly_map", "image_score", "",
    };
    const struct graph *graph = executor_graph(session->executor);
    session->images = graph_find(graph, "images");
    for (int i = 0; i < MVAD_OUTPUT_COUNT; i++)
        session->outputs[i] =
            i == MVAD_OUTPUT_SAMPLE_SCORE ? VALUE_NONE : graph_find(graph, names[i]);
    void *staging; /* made now, so that no run fails for want of it */
    return executor_staging(session->executor, value_bytes(&graph->values[session->images]),
                            &staging, error);
}

mvad_status mvad_session_create(const mvad_model *model, mvad_device *device,
                                const mvad_session_options *options, mvad_session **session,
                                mvad_error *error)
{
    if (!session) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "session is NULL");
    *session = NULL;
    if (!model || !device)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "model or device is NULL");
    mvad_session_options own = mvad_session_options_default();
    mvad_status status = options_read(&options_shape, options, &own, error);
    if (status) return status;
    if ((unsigned)own.precision >= MVAD_PRECISION_COUNT)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "precision is out of range");
    mvad_session *s = calloc(1, sizeof *s);
    if (!s) return error_out_of_memory(error, "session", sizeof *s);
    struct built_graph built;
    status = network_build_inference(&model->config, own.samples, own.views, own.precision,
                                     &s->table, &built, error);
    if (!status) status = executor_create(device, &built.graph, &s->executor, error);
    if (!status) status = model_upload(model, s->executor, error);
    if (!status) status = find_values(s, error);
    if (status) {
        mvad_session_destroy(s);
        return status;
    }
    s->paper_macs = built.paper_macs;
    s->samples = own.samples;
    s->views = own.views ? own.views : model->config.views;
    *session = s;
    return error_clear(error);
}

static mvad_status wait_for(mvad_session *session, mvad_error *error)
{
    mvad_status status = executor_wait(session->executor, error);
    session->has_run = !status;
    return status;
}

mvad_status mvad_session_stage(mvad_session *session, const float *images, mvad_error *error)
{
    if (!session || !images)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "session or images are NULL");
    mvad_status status = images_stage(session->executor, session->images, images, error);
    session->has_images |= !status;
    return status;
}

mvad_status mvad_session_start(mvad_session *session, mvad_error *error)
{
    if (!session) return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "session is NULL");
    if (!session->has_images)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "the session has no images yet");
    mvad_status status = executor_start(session->executor, error);
    session->has_run = !status;
    return status;
}

mvad_status mvad_session_run(mvad_session *session, const float *images, mvad_error *error)
{
    mvad_status status = mvad_session_stage(session, images, error);
    if (!status) status = mvad_session_start(session, error);
    return status ? status : wait_for(session, error);
}

int32_t mvad_session_shape(const mvad_session *session, mvad_output output, int64_t shape[4])
{
    if (!session || (unsigned)output >= MVAD_OUTPUT_COUNT) return 0;
    if (output == MVAD_OUTPUT_SAMPLE_SCORE) {
        shape[0] = session->samples;
        return 1;
    }
    const int64_t *dim = executor_graph(session->executor)->values[session->outputs[output]].dim;
    shape[0] = dim[0];
    if (output == MVAD_OUTPUT_IMAGE_SCORE) return 1;
    bool map = output == MVAD_OUTPUT_MAP || output == MVAD_OUTPUT_MAP_RAW;
    if (!map) shape[1] = dim[3];
    shape[map ? 1 : 2] = dim[1];
    shape[map ? 2 : 3] = dim[2];
    return map ? 3 : 4;
}

/* Maximum over the views; a NaN wins, so that it never looks like a good part. */
static mvad_status read_sample_scores(mvad_session *session, float *values, mvad_error *error)
{
    size_t views = (size_t)session->views, samples = (size_t)session->samples;
    float *scores = memory_allocate(samples * views * sizeof *scores);
    if (!scores) return error_out_of_memory(error, "scores", samples * views * sizeof *scores);
    mvad_status status =
        images_read(session->executor, session->outputs[MVAD_OUTPUT_IMAGE_SCORE], scores, error);
    for (size_t s = 0; s < samples && !status; s++) {
        values[s] = scores[s * views];
        for (size_t v = 1; v < views; v++) {
            float score = scores[s * views + v];
            if (score > values[s] || isnan(score)) values[s] = score;
        }
    }
    free(scores);
    return status;
}

mvad_status mvad_session_read(mvad_session *session, mvad_output output, float *values,
                              size_t count, mvad_error *error)
{
    int64_t shape[4];
    int32_t rank = mvad_session_shape(session, output, shape);
    if (!rank || !values)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "no such output, or values are NULL");
    size_t expected = 1;
    for (int32_t i = 0; i < rank; i++) expected *= (size_t)shape[i];
    if (count != expected)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "output has %zu elements, not %zu",
                         expected, count);
    if (!session->has_run)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "the session has not run yet");
    mvad_status status = wait_for(session, error);
    if (status) return status;
    if (output == MVAD_OUTPUT_SAMPLE_SCORE) return read_sample_scores(session, values, error);
    return images_read(session->executor, session->outputs[output], values, error);
}

mvad_status mvad_session_cost(const mvad_session *session, mvad_cost *cost, mvad_error *error)
{
    if (!session || !cost)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "session or cost is NULL");
    *cost = (mvad_cost){.activations_bytes = executor_plan(session->executor)->arena_bytes};
    cost_from_graph(executor_graph(session->executor), session->paper_macs, cost);
    cost_from_parameters(&session->table, cost);
    return error_clear(error);
}

mvad_status mvad_session_profile(mvad_session *session, const float *images,
                                 void (*visit)(const mvad_op_time *row, void *user), void *user,
                                 mvad_error *error)
{
    if (!session || !images || !visit)
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT, "an argument is NULL");
    mvad_status status = images_stage(session->executor, session->images, images, error);
    return status ? status : profile_run(session->executor, visit, user, error);
}

void mvad_session_destroy(mvad_session *session)
{
    if (!session) return;
    executor_destroy(session->executor);
    parameter_table_free(&session->table);
    free(session);
}
