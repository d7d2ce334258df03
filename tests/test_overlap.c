/* Images handed over while a run is under way: the same bits as one run after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/device.h"
#include "tests/golden_model.h"

#define OK(call)                                 \
    do {                                         \
        if (call) fail_msg("%s", error.message); \
    } while (0)

enum {
    ROUNDS = 4,
    VIEWS = 2,
    SIZE = 64,
    MAP = VIEWS * SIZE * SIZE,
    IMAGES = VIEWS * 3 * SIZE * SIZE,
};

struct fixture {
    mvad_device *device;
    mvad_model *model;
    float images[ROUNDS][IMAGES];
};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    mvad_config config = mvad_config_default();
    mvad_error error = {0};
    if (!f) return -1;
    *state = f;
    f->device = test_device_open(2);
    if (!f->device) return 0;
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.image_size = SIZE;
    config.views = VIEWS;
    for (int s = 0; s < MVAD_SCALES; s++) {
        config.windows[s] = 2;
        config.topk[s] = 3;
        config.blocks[s] = 1;
    }
    for (size_t i = 0; i < ROUNDS; i++)
        for (size_t j = 0; j < IMAGES; j++)
            f->images[i][j] = (float)(2 * golden_uniform("images", i * IMAGES + j));
    return mvad_model_create(&config, 1, &f->model, &error);
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    mvad_model_destroy(f->model);
    mvad_device_close(f->device);
    free(f);
    return 0;
}

static mvad_session *open_session(const struct fixture *f)
{
    mvad_error error = {0};
    mvad_session *session = NULL;
    mvad_session_options options = mvad_session_options_default();
    OK(mvad_session_create(f->model, f->device, &options, &session, &error));
    return session;
}

static void read_map(mvad_session *session, float *map)
{
    mvad_error error = {0};
    OK(mvad_session_read(session, MVAD_OUTPUT_MAP, map, MAP, &error));
}

/* The maps of each round's images, by runs that are waited for. */
static void run_in_turn(const struct fixture *f, float maps[ROUNDS][MAP])
{
    mvad_error error = {0};
    mvad_session *session = open_session(f);
    for (int i = 0; i < ROUNDS; i++) {
        OK(mvad_session_run(session, f->images[i], &error));
        read_map(session, maps[i]);
        for (int j = 0; j < i; j++) assert_memory_not_equal(maps[i], maps[j], sizeof maps[i]);
    }
    mvad_session_destroy(session);
}

static void runs_and_uploads_overlap(void **state)
{
    const struct fixture *f = *state;
    static float wanted[ROUNDS][MAP], map[MAP], copy[IMAGES];
    mvad_error error = {0};
    if (!f->device) skip();
    run_in_turn(f, wanted);
    mvad_session *session = open_session(f);
    assert_int_equal(mvad_session_start(session, &error), MVAD_ERROR_INVALID_ARGUMENT);
    OK(mvad_session_stage(session, f->images[0], &error));
    for (int i = 0; i < ROUNDS; i++) {
        OK(mvad_session_start(session, &error));
        if (i + 1 < ROUNDS) {
            memcpy(copy, f->images[i + 1], sizeof copy);
            OK(mvad_session_stage(session, copy, &error));
            memset(copy, 0, sizeof copy); /* the caller's again */
        }
        read_map(session, map);
        assert_memory_equal(map, wanted[i], sizeof map);
    }
    OK(mvad_session_start(session, &error)); /* the same images once more */
    read_map(session, map);
    assert_memory_equal(map, wanted[ROUNDS - 1], sizeof map);
    mvad_session_destroy(session);
}

static void the_later_images_count(void **state)
{
    const struct fixture *f = *state;
    static float wanted[ROUNDS][MAP], map[MAP];
    mvad_error error = {0};
    if (!f->device) skip();
    run_in_turn(f, wanted);
    mvad_session *session = open_session(f), *other = open_session(f);
    OK(mvad_session_run(session, f->images[0], &error));
    OK(mvad_session_start(session, &error));
    OK(mvad_session_stage(session, f->images[1], &error));
    OK(mvad_session_stage(session, f->images[2], &error));
    read_map(session, map);
    assert_memory_equal(map, wanted[0], sizeof map);
    OK(mvad_session_run(session, f->images[3], &error)); /* instead of what was staged */
    read_map(session, map);
    assert_memory_equal(map, wanted[3], sizeof map);

    /* What is staged for one session is not another's, and goes with it. */
    OK(mvad_session_start(session, &error));
    OK(mvad_session_stage(session, f->images[1], &error));
    OK(mvad_session_run(other, f->images[2], &error));
    read_map(other, map);
    assert_memory_equal(map, wanted[2], sizeof map);
    OK(mvad_session_start(session, &error));
    OK(mvad_session_stage(session, f->images[0], &error));
    read_map(session, map);
    assert_memory_equal(map, wanted[1], sizeof map);
    mvad_session_destroy(session);
    OK(mvad_session_run(other, f->images[1], &error));
    read_map(other, map);
    assert_memory_equal(map, wanted[1], sizeof map);
    mvad_session_destroy(other);
}

static mvad_trainer *open_trainer(const struct fixture *f)
{
    mvad_error error = {0};
    mvad_trainer *trainer = NULL;
    mvad_trainer_options options = mvad_trainer_options_default();
    options.samples = 1;
    OK(mvad_trainer_create(f->model, f->device, &options, &trainer, &error));
    return trainer;
}

static void steps_and_uploads_overlap(void **state)
{
    const struct fixture *f = *state;
    mvad_error error = {0};
    mvad_step_result wanted, result;
    if (!f->device) skip();
    mvad_trainer *in_turn = open_trainer(f), *overlapping = open_trainer(f);
    assert_int_equal(mvad_trainer_start(overlapping, &error), MVAD_ERROR_INVALID_ARGUMENT);
    OK(mvad_trainer_stage(overlapping, f->images[0], &error));
    assert_int_equal(mvad_trainer_finish(overlapping, &result, &error), MVAD_ERROR_INVALID_ARGUMENT);
    double last = 0;
    for (int i = 0; i < ROUNDS; i++) {
        OK(mvad_trainer_start(overlapping, &error));
        assert_int_equal(mvad_trainer_start(overlapping, &error), MVAD_ERROR_INVALID_ARGUMENT);
        if (i + 1 < ROUNDS) OK(mvad_trainer_stage(overlapping, f->images[i + 1], &error));
        OK(mvad_trainer_finish(overlapping, &result, &error));
        OK(mvad_trainer_step(in_turn, f->images[i], &wanted, &error));
        assert_memory_equal(&result.loss, &wanted.loss, sizeof wanted.loss);
        assert_memory_equal(&result.gradient_norm, &wanted.gradient_norm,
                            sizeof wanted.gradient_norm);
        assert_true(result.loss != last);
        last = result.loss;
    }
    mvad_trainer_destroy(in_turn);
    mvad_trainer_destroy(overlapping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_and_uploads_overlap),
        cmocka_unit_test(the_later_images_count),
        cmocka_unit_test(steps_and_uploads_overlap),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
