/* The project's own golden files: whole networks at small sizes, computed in PyTorch
 * (tests/golden/README.md). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/device.h"
#include "tests/golden_model.h"

#define FOLDER MVAD_TEST_DIR "/golden"
#define OK(call)                                 \
    do {                                         \
        if (call) fail_msg("%s", error.message); \
    } while (0)

/* What every test needs: the file, its model, a device and the input made by formula. */
struct fixture {
    mvad_tensors *golden;
    mvad_model *model;
    mvad_device *device;
    float *images;
    int32_t samples;
};

/* Compares with a digest [L2 norm, sum, up to 30 elements at equal steps], relative to the norm. */
static double digest_error(const double *digest, size_t digest_count, const double *values,
                           size_t count)
{
    double squares = 0, sum = 0, magnitude = 0, worst;
    for (size_t i = 0; i < count; i++) {
        squares += values[i] * values[i];
        sum += values[i];
        magnitude += fabs(values[i]);
    }
    worst = fmax(fabs(sqrt(squares) - digest[0]) / digest[0], fabs(sum - digest[1]) / magnitude);
    size_t step = count / 30 ? count / 30 : 1;
    double largest = digest[0] / sqrt((double)count); /* a typical element */
    for (size_t i = 0; i + 2 < digest_count; i++)
        worst = fmax(worst, fabs(values[i * step] - digest[2 + i]) / largest);
    return isnan(worst) ? INFINITY : worst;
}

static void check_digest(const mvad_tensors *golden, const char *name, const float *values,
                         size_t count, double tolerance)
{
    char digest_name[64];
    const double *digest;
    size_t digest_count;
    mvad_error error = {0};
    snprintf(digest_name, sizeof digest_name, "%s.digest", name);
    OK(tensors_find_double(golden, digest_name, &digest, &digest_count, &error));
    double *doubles = malloc(count * sizeof *doubles);
    assert_non_null(doubles);
    for (size_t i = 0; i < count; i++) doubles[i] = (double)values[i];
    double difference = digest_error(digest, digest_count, doubles, count);
    free(doubles);
    if (!(difference <= tolerance)) fail_msg("%s: %.2e, above %.0e", name, difference, tolerance);
}

static struct fixture open_fixture(const char *name)
{
    struct fixture f = {0};
    char path[128], input[32];
    f.device = test_device_open(2);
    if (!f.device) skip();
    snprintf(path, sizeof path, "%s.safetensors", name);
    f.golden = golden_open(FOLDER, path);
    assert_non_null(f.golden);
    f.model = golden_model(f.golden);
    f.samples = atoi(mvad_tensors_metadata(f.golden, "samples"));
    assert_int_equal(sscanf(mvad_tensors_metadata(f.golden, "input"), "%31s * 2", input), 1);
    size_t size = (size_t)f.model->config.image_size;
    size_t count = (size_t)(f.samples * f.model->config.views) * 3 * size * size;
    f.images = malloc(count * sizeof *f.images);
    assert_non_null(f.images);
    for (size_t i = 0; i < count; i++) f.images[i] = (float)(2 * golden_uniform(input, i));
    check_digest(f.golden, "input", f.images, count, 1e-7);
    return f;
}

static void close_fixture(struct fixture *f)
{
    mvad_device_close(f->device);
    mvad_model_destroy(f->model);
    mvad_tensors_destroy(f->golden);
    free(f->images);
}

static void forward_at(struct fixture *f, mvad_precision precision, double tolerance)
{
    static const char *const names[] = {"teacher.0", "teacher.1", "teacher.2",       "student.0",
                                        "student.1", "student.2", "anomaly_map_raw", "anomaly_map"};
    mvad_error error = {0};
    mvad_session *session = NULL;
    mvad_session_options options = mvad_session_options_default();
    options.samples = f->samples;
    options.precision = precision;
    if (test_device_lacks(mvad_session_create(f->model, f->device, &options, &session, &error))) {
        close_fixture(f);
        skip();
    }
    OK(error.status);
    OK(mvad_session_run(session, f->images, &error));
    for (int output = 0; output <= MVAD_OUTPUT_SAMPLE_SCORE; output++) {
        int64_t shape[4];
        size_t count = 1;
        for (int32_t i = mvad_session_shape(session, (mvad_output)output, shape); i-- > 0;)
            count *= (size_t)shape[i];
        float *values = malloc(count * sizeof *values);
        assert_non_null(values);
        OK(mvad_session_read(session, (mvad_output)output, values, count, &error));
        if (output <= MVAD_OUTPUT_MAP) {
            check_digest(f->golden, names[output], values, count, tolerance);
        } else {
            bool sample = output == MVAD_OUTPUT_SAMPLE_SCORE;
            const double *scores =
                golden_find_double(f->golden, sample ? "sample_score" : "image_score", count);
            for (size_t i = 0; i < count; i++)
                assert_true(fabs((double)values[i] / scores[i] - 1) <= tolerance);
        }
        free(values);
    }
    mvad_session_destroy(session);
}

static void forward(void **state)
{
    struct fixture f = open_fixture(*state);
    forward_at(&f, MVAD_PRECISION_F64, 2e-7); /* outputs are rounded to float */
    forward_at(&f, MVAD_PRECISION_F32, 1e-4);
    close_fixture(&f);
}

/* [L2 norm, first 7 elements] against a tensor, relative to the norm; gradients that are zero but
 * for rounding, to `scale`. */
static double head_error(mvad_trainer *trainer, mvad_trainer_value what,
                         const struct parameter *parameter, const double *digest, double scale)
{
    mvad_error error = {0};
    double *values = malloc(parameter->count * sizeof *values), squares = 0;
    assert_non_null(values);
    OK(mvad_trainer_read(trainer, what, parameter->name, values, parameter->count, &error));
    for (size_t i = 0; i < parameter->count; i++) squares += values[i] * values[i];
    double worst = fabs(sqrt(squares) - digest[0]);
    for (size_t i = 0; i < 7 && i < parameter->count; i++)
        worst = fmax(worst, fabs(values[i] - digest[1 + i]));
    free(values);
    return worst / (digest[0] > 1e-10 * scale ? digest[0] : scale);
}

/* All tensors of one prefix; returns the worst error. */
static double compare(const struct fixture *f, mvad_trainer *trainer, mvad_trainer_value what,
                      const char *prefix, double scale)
{
    double worst = 0;
    for (size_t i = 0; i < f->model->table.count; i++) {
        const struct parameter *parameter = &f->model->table.items[i];
        if (parameter->kind == MVAD_PARAMETER_FROZEN ||
            (parameter->kind == MVAD_PARAMETER_STATISTIC && what == MVAD_TRAINER_GRADIENT))
            continue;
        char name[160];
        snprintf(name, sizeof name, "%s.%s", prefix, parameter->name);
        double difference =
            head_error(trainer, what, parameter, golden_find_double(f->golden, name, 2), scale);
        if (!(difference <= worst)) worst = difference;
    }
    return worst;
}

/* Rounding grows about a thousandfold a step (tests/test_reference.c says why), so only the first
 * three are sharp. */
static void train(void **state)
{
    struct fixture f = open_fixture(*state);
    mvad_error error = {0};
    mvad_trainer *trainer = NULL;
    mvad_trainer_options options = mvad_trainer_options_default();
    int steps = atoi(mvad_tensors_metadata(f.golden, "steps"));
    options.samples = f.samples;
    options.precision = MVAD_PRECISION_F64;
    options.learning_rate = options.epsilon = 1e-3;
    options.dropout = options.drop_path = 0;
    const double *losses = golden_find_double(f.golden, "loss", (size_t)steps);
    const double *norms = golden_find_double(f.golden, "grad_norm", (size_t)steps);
    if (test_device_lacks(mvad_trainer_create(f.model, f.device, &options, &trainer, &error))) {
        close_fixture(&f);
        skip();
    }
    OK(error.status);
    for (int step = 0; step < steps; step++) {
        mvad_step_result result;
        OK(mvad_trainer_step(trainer, f.images, &result, &error));
        double loss = fabs(result.loss / losses[step] - 1);
        double norm = fabs(result.gradient_norm / norms[step] - 1);
        print_message("%s step %d: loss %.1e, gradient norm %.1e\n", (const char *)*state, step,
                      loss, norm);
        assert_true(loss <= (step < 3 ? 1e-9 : step < 5 ? 1e-4 : 2e-2));
        assert_true(norm <= (step < 1 ? 1e-10 : step < 3 ? 1e-6 : 0.5));
        if (step == 0) {
            double worst = compare(&f, trainer, MVAD_TRAINER_GRADIENT, "grad0", norms[0]);
            print_message("  first gradients: %.1e\n", worst);
            assert_true(worst <= 1e-8);
        }
        if (step == 2) {
            double worst = compare(&f, trainer, MVAD_TRAINER_PARAMETER, "after3", 1);
            print_message("  parameters after three steps: %.1e\n", worst);
            assert_true(worst <= 1e-8);
        }
    }
    mvad_trainer_destroy(trainer);
    close_fixture(&f);
}

#define CASE(test, file)             \
    {                                \
        file, test, NULL, NULL, file \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(forward, "forward_resnet18_views3"),
        CASE(forward, "forward_resnet34_views5"),
        CASE(forward, "forward_resnet50_qkv"),
        CASE(forward, "forward_wide_resnet50_2_none"),
        CASE(forward, "forward_resnet18_padded_route"),
        CASE(forward, "forward_resnet18_view1"),
        CASE(forward, "forward_resnet18_blocks213"),
        CASE(forward, "forward_resnet18_batch2"),
        CASE(train, "train_resnet18_qkv"),
        CASE(train, "train_resnet18_none"),
        CASE(train, "train_resnet50_qkv"),
    };
    /* Names with * and ?, for devices that take long. */
    const char *only = getenv("MVAD_TEST_FILTER");
    if (only && *only) cmocka_set_test_filter(only);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
