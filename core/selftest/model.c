/* A small whole network on the device, against the same network in double on the CPU. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/selftest/selftest.h"

#define SAMPLES 2
#define VIEWS 2
#define SIZE 64

/* All kinds of layers; each scale selects half of the other view's windows. */
static mvad_config small_config(void)
{
    mvad_config config = mvad_config_default();
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.views = VIEWS;
    config.image_size = SIZE;
    for (int i = 0; i < MVAD_SCALES; i++) {
        config.windows[i] = i < 2 ? 4 : 2;
        config.topk[i] = i < 2 ? 8 : 2;
        config.blocks[i] = i < 2 ? 1 : 2;
    }
    return config;
}

static void random_images(float *images, size_t count)
{
    const struct random_state state = {.seed_low = 5};
    float lanes[4];
    for (size_t i = 0; i < count; i++) {
        if (i % 4 == 0) random_block(&state, 0, i / 4, lanes);
        images[i] = 4 * lanes[i % 4] - 2;
    }
}

/* Two sessions of one model, run on the same images. */
struct pair {
    mvad_device *host;
    mvad_model *model;
    mvad_session *tested, *exact;
};

static mvad_status pair_run(struct pair *pair, mvad_device *device, mvad_precision precision,
                            mvad_error *error)
{
    const mvad_config config = small_config();
    mvad_session_options options = mvad_session_options_default();
    const size_t count = (size_t)SAMPLES * VIEWS * 3 * SIZE * SIZE;
    float *images = memory_allocate(count * sizeof *images);
    if (!images) return error_out_of_memory(error, "selftest", count * sizeof *images);
    random_images(images, count);
    options.samples = SAMPLES;

    mvad_status status = mvad_device_open("cpu", 0, &pair->host, error);
    if (!status) status = mvad_model_create(&config, 1, &pair->model, error);
    options.precision = precision;
    if (!status) status = mvad_session_create(pair->model, device, &options, &pair->tested, error);
    options.precision = MVAD_PRECISION_F64;
    if (!status)
        status = mvad_session_create(pair->model, pair->host, &options, &pair->exact, error);
    if (!status) status = mvad_session_run(pair->tested, images, error);
    if (!status) status = mvad_session_run(pair->exact, images, error);
    free(images);
    return status;
}

static void pair_free(struct pair *pair)
{
    mvad_session_destroy(pair->tested);
    mvad_session_destroy(pair->exact);
    mvad_model_destroy(pair->model);
    mvad_device_close(pair->host);
}

/* Largest difference over largest reference value of one output; INFINITY where it is not all
 * finite. */
static mvad_status output_error(struct pair *pair, mvad_output output, double *result,
                                mvad_error *error)
{
    int64_t shape[4];
    int32_t rank = mvad_session_shape(pair->exact, output, shape);
    size_t count = 1;
    double difference = 0, scale = 0;
    for (int32_t i = 0; i < rank; i++) count *= (size_t)shape[i];
    float *got = memory_allocate(count * sizeof *got),
          *want = memory_allocate(count * sizeof *want);
    mvad_status status =
        got && want ? MVAD_OK : error_out_of_memory(error, "selftest", count * sizeof *got);
    if (!status) status = mvad_session_read(pair->tested, output, got, count, error);
    if (!status) status = mvad_session_read(pair->exact, output, want, count, error);
    for (size_t i = 0; !status && i < count; i++) {
        bool finite = isfinite(got[i]) && isfinite(want[i]);
        difference = fmax(difference, finite ? fabs((double)got[i] - (double)want[i]) : INFINITY);
        scale = fmax(scale, fabs((double)want[i]));
    }
    *result = rank && scale > 0 ? difference / scale : INFINITY;
    free(got);
    free(want);
    return status;
}

mvad_status selftest_model(mvad_device *device, mvad_precision precision,
                           void (*visit)(const mvad_selftest_row *row, void *user), void *user,
                           size_t *failed, mvad_error *error)
{
    static const char *const names[MVAD_OUTPUT_COUNT] = {
        "teacher 0", "teacher 1", "teacher 2", "student 0",   "student 1",
        "student 2", "raw map",   "map",       "image score", "sample score",
    };
    /* In float ten times what the CPU backend shows. Outputs are read as float, so double is held to
     * its step. Fewer digits are held to what a user is told to expect of them. */
    static const double tolerances[MVAD_PRECISION_COUNT] = {
        [MVAD_PRECISION_F32] = 1e-5,  [MVAD_PRECISION_F64] = 0x1p-23, [MVAD_PRECISION_F16] = 1e-2,
        [MVAD_PRECISION_BF16] = 8e-2, [MVAD_PRECISION_TF32] = 1e-2,
    };
    struct pair pair = {0};
    *failed = 0;
    mvad_status status = pair_run(&pair, device, precision, error);
    for (int i = 0; i < MVAD_OUTPUT_COUNT && !status; i++) {
        mvad_selftest_row row = {.tolerance = tolerances[precision]};
        char name[64];
        snprintf(name, sizeof name, "resnet18 %dx%d, %d views: %s", SIZE, SIZE, VIEWS, names[i]);
        row.name = name;
        status = output_error(&pair, (mvad_output)i, &row.error, error);
        if (status) break;
        row.passed = row.error <= row.tolerance;
        *failed += !row.passed;
        if (visit) visit(&row, user);
    }
    pair_free(&pair);
    return status;
}
