#include <stdio.h>
#include <stdlib.h>

#include "bench/images.h"
#include "bench/progress.h"
#include "bench/step.h"
#include "cli/common/clock.h"
#include "cli/common/interrupt.h"

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

static mvad_status time_runs(const struct step_settings *settings, const struct subject *subject,
                             double *seconds, struct step_result *result, mvad_error *error)
{
    const int repeats = settings->repeats, warmup = settings->warmup;
    for (int r = -warmup; r < repeats; r++) {
        if (interrupt_came()) break;
        if (settings->show) progress_show("steps", r + warmup, repeats + warmup);
        double start = clock_seconds();
        mvad_status status = run(subject, error);
        if (status) return status;
        if (r >= 0) seconds[r] = clock_seconds() - start;
    }
    if (settings->show) progress_clear();
    result->interrupted = interrupt_came();
    if (!result->interrupted) result->time = spread_of(seconds, (size_t)repeats);
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

/* A product that takes less than two milliseconds does not fill a large device: a larger one is measured then. *size: 0
 * before the first measurement. */
static mvad_status measure_gemm(mvad_device *device, mvad_precision precision, int *size,
                                double *rate, mvad_error *error)
{
    enum { SMALL = 2048, LARGE = 8192, REPEATS = 5 };
    const double least_seconds = 2e-3;
    const bool first = !*size;
    if (first) *size = SMALL;
    mvad_status status = mvad_device_gemm_rate(device, precision, *size, REPEATS, rate, error);
    if (status || !first || (double)SMALL * SMALL * SMALL >= least_seconds * *rate) return status;
    *size = LARGE;
    return mvad_device_gemm_rate(device, precision, *size, REPEATS, rate, error);
}

static mvad_status measure_rates(mvad_device *device, mvad_precision precision, int *size,
                                 double *gemm, double *copy, mvad_error *error)
{
    enum { COPY_REPEATS = 9 };
    mvad_status status = measure_gemm(device, precision, size, gemm, error);
    if (status) return status;
    status = mvad_device_copy_rate(device, STEP_COPY_BYTES, COPY_REPEATS, copy, error);
    return status == MVAD_ERROR_UNSUPPORTED ? MVAD_OK : status; /* it stays 0 then */
}

/* Everything between the two measurements of the device's rates. */
static mvad_status measure_subject(const struct step_settings *settings, const mvad_model *model,
                                   mvad_device *device, struct subject *subject, double *seconds,
                                   struct step_result *result, mvad_error *error)
{
    uint64_t before = 0, bytes;
    const struct memory_mark mark = memory_mark_now();
    mvad_status status = mvad_device_memory(device, &before, &bytes, error);
    if (!status) status = create(settings, model, device, subject, error);
    if (!status) status = time_runs(settings, subject, seconds, result, error);
    result->measured_bytes = memory_peak_since(&mark);
    result->peak_reset = mark.peak_reset;
    if (!status) status = mvad_device_memory(device, &bytes, &result->device_bytes, error);
    result->device_bytes -= status ? 0 : before;
    if (!status)
        status = subject->trainer ? mvad_trainer_cost(subject->trainer, &result->cost, error)
                                  : mvad_session_cost(subject->session, &result->cost, error);
    if (!status && settings->ops && !result->interrupted) status = profile(subject, result, error);
    mvad_session_destroy(subject->session);
    mvad_trainer_destroy(subject->trainer);
    return status;
}

mvad_status step_measure(const struct step_settings *settings, mvad_device *device,
                         struct step_result *result, mvad_error *error)
{
    const mvad_config *config = &settings->config;
    const size_t size = (size_t)config->image_size;
    struct subject subject = {0};
    mvad_model *model = NULL;
    double *seconds = malloc((size_t)settings->repeats * sizeof *seconds);
    subject.images =
        images_random((size_t)settings->batch * (size_t)config->views * 3 * size * size);
    mvad_status status = seconds && subject.images
                             ? mvad_device_describe(device, &result->device, error)
                             : out_of_memory(error);
    if (!status) status = mvad_model_create(config, 1, &model, error);
    if (!status)
        status = measure_rates(device, settings->precision, &result->gemm_size,
                               &result->gemm_before, &result->copy_before, error);
    if (!status)
        status = measure_subject(settings, model, device, &subject, seconds, result, error);
    if (!status && !result->interrupted)
        status = measure_rates(device, settings->precision, &result->gemm_size, &result->gemm_after,
                               &result->copy_after, error);
    mvad_model_destroy(model);
    free(subject.images);
    free(seconds);
    return status;
}

double step_gemm_rate(const struct step_result *result)
{
    return (result->gemm_before + result->gemm_after) / 2;
}

double step_copy_rate(const struct step_result *result)
{
    return (result->copy_before + result->copy_after) / 2;
}

uint64_t step_planned_bytes(const struct step_result *result)
{
    return result->cost.weights_bytes + result->cost.activations_bytes;
}
