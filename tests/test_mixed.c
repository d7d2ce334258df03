/* Training with activations in 16 bits: the types, the loss scale, and steps against those in 32 bits on the same
 * device. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/half.h"
#include "core/train/checkpoint.h"
#include "core/train/trainer.h"
#include "tests/device.h"
#include "tests/golden_model.h"

#define OK(call)                                 \
    do {                                         \
        if (call) fail_msg("%s", error.message); \
    } while (0)

enum { STEPS = 24, SAMPLES = 2, VIEWS = 2, SIZE = 64, IMAGES = SAMPLES * VIEWS * 3 * SIZE * SIZE };
static const mvad_precision kinds[] = {MVAD_PRECISION_F16, MVAD_PRECISION_BF16};
static const char *const weight = "net_s.layer3.1.bn2.weight";

struct fixture {
    mvad_device *device; /* NULL: there is none, or it has no 16-bit values */
    mvad_model *model;
    float images[IMAGES];
    float *weights, *other; /* of `weight` */
    size_t count;
};

/* ---- the types ---- */

/* Of two neighbours the nearer one is taken, and of two equally near ones the even one. */
static void bfloat16_is_the_nearest(void **state)
{
    (void)state;
    for (uint32_t upper = 0; upper < 0x10000; upper++) {
        const float value = float_from_bfloat16((uint16_t)upper);
        if (isnan(value)) {
            assert_true(isnan(float_from_bfloat16(bfloat16_from_float(value))));
            continue;
        }
        assert_int_equal(bfloat16_from_float(value), upper);
        const float next = float_from_bfloat16((uint16_t)(upper + 1));
        if (!isfinite(value) || !isfinite(next) || upper == 0x7FFF) continue;
        const float middle = (float)(((double)value + (double)next) / 2);
        assert_int_equal(bfloat16_from_float(middle), upper + (upper & 1));
        assert_int_equal(bfloat16_from_float(nextafterf(middle, value)), upper);
        assert_int_equal(bfloat16_from_float(nextafterf(middle, next)), upper + 1);
    }
    assert_int_equal(bfloat16_from_float(3.4e38f), 0x7F80); /* beyond the largest: infinite */
}

static void loss_scale_follows_overflows(void **state)
{
    (void)state;
    struct loss_scale scale = {.factor = LOSS_SCALE_START};
    assert_true(loss_scale_update(&scale, false));
    assert_true(scale.factor == LOSS_SCALE_START / 2 && scale.skipped == 1);
    for (int i = 0; i < 1999; i++) assert_true(loss_scale_update(&scale, true));
    assert_true(scale.factor == LOSS_SCALE_START / 2);
    assert_true(loss_scale_update(&scale, true));
    assert_true(scale.factor == LOSS_SCALE_START);
    for (int i = 0; i < 16; i++) assert_true(loss_scale_update(&scale, false));
    assert_true(scale.factor == LOSS_SCALE_LEAST);
    assert_false(loss_scale_update(&scale, false));
    assert_true(scale.factor == LOSS_SCALE_LEAST && scale.skipped == 18);
}

/* ---- steps ---- */

static mvad_trainer *open_trainer(const struct fixture *f, mvad_precision precision,
                                  double loss_weight)
{
    mvad_error error = {0};
    mvad_trainer *trainer = NULL;
    mvad_trainer_options options = mvad_trainer_options_default();
    options.samples = SAMPLES;
    options.precision = precision;
    options.loss_weight = loss_weight;
    options.learning_rate = 1e-3;
    OK(mvad_trainer_create(f->model, f->device, &options, &trainer, &error));
    return trainer;
}

static void read_weight(const struct fixture *f, mvad_trainer *trainer, float *values)
{
    mvad_error error = {0};
    double *wide = malloc(f->count * sizeof *wide);
    assert_non_null(wide);
    OK(mvad_trainer_read(trainer, MVAD_TRAINER_PARAMETER, weight, wide, f->count, &error));
    for (size_t i = 0; i < f->count; i++) values[i] = (float)wide[i];
    free(wide);
}

static void make_steps(const struct fixture *f, mvad_trainer *trainer, int count, double *losses)
{
    mvad_error error = {0};
    for (int i = 0; i < count; i++) {
        mvad_step_result result;
        OK(mvad_trainer_step(trainer, f->images, &result, &error));
        losses[i] = result.loss;
    }
}

/* Losses of STEPS steps on one batch stay within 3 % of those in 32 bits while they fall by half. */
static void losses_follow_those_of_floats(void **state)
{
    const struct fixture *f = *state;
    double exact[STEPS], losses[STEPS];
    if (!f->device) skip();
    mvad_trainer *trainer = open_trainer(f, MVAD_PRECISION_F32, 5);
    make_steps(f, trainer, STEPS, exact);
    mvad_trainer_destroy(trainer);
    assert_true(exact[STEPS - 1] < exact[0] / 2);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        trainer = open_trainer(f, kinds[k], 5);
        make_steps(f, trainer, STEPS, losses);
        mvad_trainer_destroy(trainer);
        for (int i = 0; i < STEPS; i++)
            if (fabs(losses[i] / exact[i] - 1) > 0.03)
                fail_msg("precision %d, step %d: loss %g, in floats %g", kinds[k], i, losses[i],
                         exact[i]);
    }
}

/* The gradient that is read is that of the loss, whatever it was scaled by on the device. It is compared close to the
 * loss: below, a share of the ReLUs as large as the rounding is on the other side of zero, and gradients differ by the
 * root of that in every layer. */
static void gradients_are_those_of_floats(void **state)
{
    const struct fixture *f = *state;
    mvad_error error = {0};
    mvad_step_result exact, result;
    static const double allowed[] = {0.02, 0.08}; /* measured: 0.005 and 0.022 */
    if (!f->device) skip();
    double *wanted = malloc(f->count * sizeof *wanted), *got = malloc(f->count * sizeof *got);
    assert_non_null(wanted);
    assert_non_null(got);
    mvad_trainer *trainer = open_trainer(f, MVAD_PRECISION_F32, 5);
    OK(mvad_trainer_step(trainer, f->images, &exact, &error));
    OK(mvad_trainer_read(trainer, MVAD_TRAINER_GRADIENT, weight, wanted, f->count, &error));
    mvad_trainer_destroy(trainer);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        double difference = 0, square = 0;
        trainer = open_trainer(f, kinds[k], 5);
        OK(mvad_trainer_step(trainer, f->images, &result, &error));
        assert_int_equal(result.skipped, 0);
        OK(mvad_trainer_read(trainer, MVAD_TRAINER_GRADIENT, weight, got, f->count, &error));
        mvad_trainer_destroy(trainer);
        for (size_t i = 0; i < f->count; i++) {
            difference += (got[i] - wanted[i]) * (got[i] - wanted[i]);
            square += wanted[i] * wanted[i];
        }
        if (sqrt(difference / square) > allowed[k])
            fail_msg("precision %d: a gradient is off by %g of it", kinds[k],
                     sqrt(difference / square));
        if (fabs(result.gradient_norm / exact.gradient_norm - 1) > 0.1)
            fail_msg("precision %d: norm %g, in floats %g", kinds[k], result.gradient_norm,
                     exact.gradient_norm);
    }
    free(wanted);
    free(got);
}

/* A loss so large that 16-bit gradients overflow at first: such steps change nothing, and the first one
 * that does not overflow changes the weights. */
static void overflowing_steps_are_skipped(void **state)
{
    const struct fixture *f = *state;
    mvad_error error = {0};
    mvad_step_result result;
    int skipped = 0;
    if (!f->device) skip();
    mvad_trainer *trainer = open_trainer(f, MVAD_PRECISION_F16, 1e3);
    read_weight(f, trainer, f->weights);
    for (;; skipped++) {
        OK(mvad_trainer_step(trainer, f->images, &result, &error));
        read_weight(f, trainer, f->other);
        if (!result.skipped) break;
        assert_true(isinf(result.gradient_norm));
        assert_memory_equal(f->weights, f->other, f->count * sizeof *f->weights);
    }
    assert_in_range(skipped, 1, 16);
    assert_true(isfinite(result.gradient_norm));
    assert_memory_not_equal(f->weights, f->other, f->count * sizeof *f->weights);
    assert_int_equal(trainer_loss_scale(trainer)->skipped, skipped);
    mvad_trainer_destroy(trainer);
}

/* A trainer that goes on from a checkpoint, its loss scale included, has the bits of one that was never
 * interrupted. */
static void checkpoints_hold_the_loss_scale(void **state)
{
    const struct fixture *f = *state;
    mvad_error error = {0};
    double losses[STEPS];
    char path[] = "/tmp/mvad-mixed-XXXXXX";
    if (!f->device) skip();
    const mvad_config config = mvad_model_config(f->model);
    const struct checkpoint checkpoint = {.config = &config};
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    mvad_trainer *first = open_trainer(f, MVAD_PRECISION_F16, 1e3);
    mvad_trainer *second = open_trainer(f, MVAD_PRECISION_F16, 1e3);
    make_steps(f, first, STEPS / 2, losses);
    OK(checkpoint_save(&checkpoint, first, 1000, path, &error));
    OK(checkpoint_load(&checkpoint, second, path, &error));
    unlink(path);
    assert_true(trainer_loss_scale(second)->skipped > 0);
    assert_memory_equal(trainer_loss_scale(second), trainer_loss_scale(first),
                        sizeof(struct loss_scale));
    make_steps(f, first, 3, losses);
    make_steps(f, second, 3, losses + 3);
    assert_memory_equal(losses, losses + 3, 3 * sizeof *losses);
    read_weight(f, first, f->weights);
    read_weight(f, second, f->other);
    assert_memory_equal(f->weights, f->other, f->count * sizeof *f->weights);
    mvad_trainer_destroy(first);
    mvad_trainer_destroy(second);
}

/* ---- */

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    mvad_config config = mvad_config_default();
    mvad_error error = {0};
    mvad_trainer *trainer = NULL;
    mvad_trainer_options options = mvad_trainer_options_default();
    if (!f) return -1;
    *state = f;
    f->device = test_device_open(2);
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.image_size = SIZE;
    config.views = VIEWS;
    for (int s = 0; s < MVAD_SCALES; s++) {
        config.windows[s] = 2;
        config.topk[s] = 3;
        config.blocks[s] = 1;
    }
    for (size_t i = 0; i < IMAGES; i++) f->images[i] = (float)(2 * golden_uniform("images", i));
    if (mvad_model_create(&config, 1, &f->model, &error)) return -1;
    for (size_t i = 0; i < mvad_model_parameter_count(f->model); i++) {
        mvad_parameter parameter;
        if (mvad_model_parameter_at(f->model, i, &parameter, &error)) return -1;
        if (!strcmp(parameter.name, weight)) f->count = parameter.count;
    }
    f->weights = calloc(f->count, sizeof *f->weights);
    f->other = calloc(f->count, sizeof *f->other);
    if (!f->count || !f->weights || !f->other) return -1;
    options.samples = 1;
    options.precision = MVAD_PRECISION_BF16;
    if (f->device && mvad_trainer_create(f->model, f->device, &options, &trainer, &error)) {
        print_message("%s\n", error.message);
        mvad_device_close(f->device);
        f->device = NULL;
    }
    mvad_trainer_destroy(trainer);
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    mvad_model_destroy(f->model);
    mvad_device_close(f->device);
    free(f->weights);
    free(f->other);
    free(f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bfloat16_is_the_nearest),
        cmocka_unit_test(loss_scale_follows_overflows),
        cmocka_unit_test(losses_follow_those_of_floats),
        cmocka_unit_test(gradients_are_those_of_floats),
        cmocka_unit_test(overflowing_steps_are_skipped),
        cmocka_unit_test(checkpoints_hold_the_loss_scale),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
