#include <stdio.h>
#include <stdlib.h>

#include "bench/step.h"
#include "cli/common/clock.h"

/* What is measured: a session or a trainer, and the images it gets. */
struct subject {
    mvad_session *session;
    mvad_trainer *trainer;
    float *images;
};

static mvad_status out_of_memory(mvad_error *error)
{
    snprintf(error->message, sizeof error->message, "out of memory for images and times");
    return error->status = MVAD_ERROR_OUT_OF_MEMORY;
}

/* Values as normalised photographs have them, roughly: evenly spread over -2 to 2. */
static float *random_images(size_t count)
{
    float *images = malloc(count * sizeof *images);
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; images && i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        images[i] = (float)(state >> 40) * (4.0f / 16777216.0f) - 2.0f;
    }
    return images;
}

static mvad_status create(const struct step_settings *settings, const mvad_model *model,
                          mvad_device *device, struct subject *subject, mvad_error *error)
{
    if (settings->train) {
        mvad_trainer_options options = mvad_trainer_options_default();
        options.samples = settings->batch;
        options.precision = settings->precision;
        options.recompute = settings->recompute;
        return mvad_trainer_create(model, device, &options, &subject->trainer, error);
    }
    mvad_session_options options = mvad_session_options_default();
    options.samples = settings->batch;
    options.precision = settings->precision;
    return mvad_session_create(model, device, &options, &subject->session, error);
}

/* One step, from images in host memory to results in host memory. */
static mvad_status run(const struct subject *subject, mvad_error *error)
{
    mvad_step_result result;
    if (subject->trainer)
        return mvad_trainer_step(subject->trainer, subject->images, &result, error);
    return mvad_session_run(subject->session, subject->images, error);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static mvad_status time_runs(const struct step_settings *settings, const struct subject *subject,
                             double *seconds, struct step_result *result, mvad_error *error)
{
    const int repeats = settings->repeats;
    for (int r = -settings->warmup; r < repeats; r++) {
        double start = clock_seconds();
        mvad_status status = run(subject, error);
        if (status) return status;
        if (r >= 0) seconds[r] = clock_seconds() - start;
    }
    qsort(seconds, (size_t)repeats, sizeof *seconds, ascending);
    result->median = (seconds[(repeats - 1) / 2] + seconds[repeats / 2]) / 2;
    result->least = seconds[0];
    result->most = seconds[repeats - 1];
    return MVAD_OK;
}

static void take_op(const mvad_op_time *row, void *user)
{
    struct step_result *result = user;
    if (result->op_count < STEP_MAX_OPS) result->ops[result->op_count++] = *row;
}

static mvad_status profile(const struct subject *subject, struct step_result *result,
                           mvad_error *error)
{
    if (subject->trainer)
        return mvad_trainer_profile(subject->trainer, subject->images, take_op, result, error);
    return mvad_session_profile(subject->session, subject->images, take_op, result, error);
}

/* Everything between the two measurements of the matrix product. */
static mvad_status measure_subject(const struct step_settings *settings, const mvad_model *model,
                                   mvad_device *device, struct subject *subject, double *seconds,
                                   struct step_result *result, mvad_error *error)
{
    const struct memory_mark mark = memory_mark_now();
    mvad_status status = create(settings, model, device, subject, error);
    if (!status) status = time_runs(settings, subject, seconds, result, error);
    result->measured_bytes = memory_peak_since(&mark);
    result->peak_reset = mark.peak_reset;
    if (!status)
        status = subject->trainer ? mvad_trainer_cost(subject->trainer, &result->cost, error)
                                  : mvad_session_cost(subject->session, &result->cost, error);
    if (!status && settings->ops) status = profile(subject, result, error);
    mvad_session_destroy(subject->session);
    mvad_trainer_destroy(subject->trainer);
    return status;
}

mvad_status step_measure(const struct step_settings *settings, mvad_device *device,
                         struct step_result *result, mvad_error *error)
{
    enum { GEMM_REPEATS = 5 };
    const mvad_config *config = &settings->config;
    const size_t size = (size_t)config->image_size;
    struct subject subject = {0};
    mvad_model *model = NULL;
    double *seconds = malloc((size_t)settings->repeats * sizeof *seconds);
    subject.images =
        random_images((size_t)settings->batch * (size_t)config->views * 3 * size * size);
    mvad_status status = seconds && subject.images
                             ? mvad_device_describe(device, &result->device, error)
                             : out_of_memory(error);
    if (!status) status = mvad_model_create(config, 1, &model, error);
    if (!status)
        status = mvad_device_gemm_rate(device, STEP_GEMM_SIZE, GEMM_REPEATS, &result->gemm_before,
                                       error);
    if (!status)
        status = measure_subject(settings, model, device, &subject, seconds, result, error);
    if (!status)
        status =
            mvad_device_gemm_rate(device, STEP_GEMM_SIZE, GEMM_REPEATS, &result->gemm_after, error);
    mvad_model_destroy(model);
    free(subject.images);
    free(seconds);
    return status;
}

double step_gemm_rate(const struct step_result *result)
{
    return (result->gemm_before + result->gemm_after) / 2;
}

uint64_t step_planned_bytes(const struct step_result *result)
{
    return result->cost.weights_bytes + result->cost.activations_bytes;
}
