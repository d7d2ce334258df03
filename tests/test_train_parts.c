/* The parts of a training run: shuffles, schedule, loader, scale of the scores. */
#include <math.h>
#include <unistd.h>

#include "core/data/load.h"
#include "core/train/loader.h"
#include "core/train/schedule.h"
#include "core/train/score_scale.h"
#include "core/train/shuffle.h"
#include "train_case.h"

/* Each number comes to each place equally often: 5 standard deviations of 5000 draws. */
static void shuffles_are_uniform_permutations(void **state)
{
    (void)state;
    enum { COUNT = 5, DRAWS = 5000 };
    int hits[COUNT][COUNT] = {{0}};
    for (uint32_t epoch = 0; epoch < DRAWS; epoch++) {
        size_t order[COUNT];
        unsigned seen = 0;
        shuffle_order(3, epoch, order, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            assert_in_range(order[i], 0, COUNT - 1);
            seen |= 1u << order[i];
            hits[i][order[i]]++;
        }
        assert_int_equal(seen, (1u << COUNT) - 1);
    }
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++)
            assert_in_range(hits[i][j], DRAWS / COUNT - 141, DRAWS / COUNT + 141);
}

static void shuffles_follow_seed_and_epoch(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    size_t first[COUNT], again[COUNT], others[3][COUNT];
    shuffle_order(7, 2, first, COUNT);
    shuffle_order(7, 2, again, COUNT);
    shuffle_order(7, 3, others[0], COUNT);
    shuffle_order(8, 2, others[1], COUNT);
    shuffle_order(7 + (1ull << 32), 2, others[2], COUNT);
    assert_memory_equal(first, again, sizeof first);
    for (int i = 0; i < 3; i++) assert_memory_not_equal(first, others[i], sizeof first);
    shuffle_order(7, 2, first, 0);
    shuffle_order(7, 2, first, 1);
    assert_int_equal(first[0], 0);
}

static void schedule_decays_and_drops(void **state)
{
    (void)state;
    mvad_train_options options = mvad_train_options_default();
    struct schedule schedule;
    mvad_error error;
    assert_int_equal(schedule_make(&options, 23, 0.0125, &schedule, &error), MVAD_OK);
    assert_int_equal(schedule.steps_per_epoch, 2); /* 23 samples are two batches of 8 and a rest */
    assert_int_equal(schedule.steps, 200);
    assert_true(schedule_learning_rate(&schedule, 0) == 0.0125);
    assert_true(schedule_learning_rate(&schedule, 79) == 0.0125);
    assert_true(fabs(schedule_learning_rate(&schedule, 80) - 0.00125) < 1e-15);
    assert_true(fabs(schedule_learning_rate(&schedule, 99) - 0.00125) < 1e-15);
    options.decay_at = 0.07; /* times 100 is above 7 in binary */
    assert_int_equal(schedule_make(&options, 23, 1, &schedule, &error), MVAD_OK);
    assert_int_equal(schedule.decay_epoch, 7);
    options.decay_at = 1;
    assert_int_equal(schedule_make(&options, 23, 1, &schedule, &error), MVAD_OK);
    assert_true(schedule_learning_rate(&schedule, 99) == 1);

    assert_int_equal(schedule_make(&options, 7, 1, &schedule, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "7 training samples are less than one batch of 8"));
    options.decay_at = NAN;
    assert_int_equal(schedule_make(&options, 23, 1, &schedule, &error), MVAD_ERROR_INVALID_ARGUMENT);
    options = mvad_train_options_default();
    options.epochs = 0;
    assert_int_equal(schedule_make(&options, 23, 1, &schedule, &error), MVAD_ERROR_INVALID_ARGUMENT);
}

static struct loader_options loader_options_for(const struct training_set *set)
{
    return (struct loader_options){.set = set,
                                   .batch = BATCH,
                                   .image_size = SIZE,
                                   .seed = 5,
                                   .steps = STEPS,
                                   .steps_per_epoch = SAMPLES / BATCH};
}

/* Against load_sample and the shuffle, from the first step and from the middle of an epoch. */
static void loader_gives_the_shuffled_samples(void **state)
{
    (void)state;
    enum { FLOATS = VIEWS * 3 * SIZE * SIZE };
    mvad_dataset *dataset = train_open_data("data");
    struct training_set set;
    assert_int_equal(training_set_make(&dataset->index, VIEWS, &set, NULL), MVAD_OK);
    assert_int_equal(set.count, SAMPLES);
    struct loader_options options = loader_options_for(&set);
    float *wanted = malloc(FLOATS * sizeof *wanted);
    for (int64_t first = 0; first < 8; first += 7) {
        struct loader *loader;
        const float *images;
        options.first_step = first;
        assert_int_equal(loader_create(&options, &loader, NULL), MVAD_OK);
        for (int64_t step = first; step < STEPS; step++) {
            size_t order[SAMPLES];
            assert_int_equal(loader_next(loader, &images, NULL), MVAD_OK);
            shuffle_order(5, (uint32_t)(step / options.steps_per_epoch), order, SAMPLES);
            for (int64_t i = 0; i < BATCH; i++) {
                size_t sample = set.samples[order[step % options.steps_per_epoch * BATCH + i]];
                assert_int_equal(load_sample(&dataset->index, sample, SIZE, wanted, NULL, NULL),
                                 MVAD_OK);
                assert_memory_equal(images + i * FLOATS, wanted, FLOATS * sizeof *wanted);
            }
        }
        assert_int_equal(loader_next(loader, &images, NULL), MVAD_ERROR_INVALID_ARGUMENT);
        loader_destroy(loader);
    }
    /* Given up with batches waiting, and at once. */
    for (int taken = 0; taken < 2; taken++) {
        struct loader *loader;
        const float *images;
        assert_int_equal(loader_create(&options, &loader, NULL), MVAD_OK);
        if (taken) assert_int_equal(loader_next(loader, &images, NULL), MVAD_OK);
        loader_destroy(loader);
    }
    free(wanted);
    training_set_free(&set);
    mvad_dataset_close(dataset);
}

static void loader_names_a_file_it_cannot_read(void **state)
{
    (void)state;
    train_write_data("broken");
    tree_write_text("broken/nut/train/good/s2/C2.png", "no image");
    mvad_dataset *dataset = train_open_data("broken");
    struct training_set set;
    assert_int_equal(training_set_make(&dataset->index, VIEWS, &set, NULL), MVAD_OK);
    const struct loader_options options = loader_options_for(&set);
    struct loader *loader;
    const float *images;
    mvad_error error;
    mvad_status status = MVAD_OK;
    assert_int_equal(loader_create(&options, &loader, NULL), MVAD_OK);
    for (int step = 0; step < STEPS && !status; step++)
        status = loader_next(loader, &images, &error);
    assert_int_equal(status, MVAD_ERROR_FORMAT);
    assert_null(images);
    assert_non_null(strstr(error.message, "nut/train/good/s2/C2.png"));
    assert_int_equal(loader_next(loader, &images, &error), MVAD_ERROR_FORMAT);
    loader_destroy(loader);
    training_set_free(&set);
    mvad_dataset_close(dataset);
}

/* How many maps of good training views are not finite, one session run after the other. */
static size_t count_broken_maps(const mvad_model *model, mvad_device *device,
                                const struct training_set *set)
{
    static float images[VIEWS * 3 * SIZE * SIZE], maps[VIEWS * SIZE * SIZE];
    const mvad_session_options options = mvad_session_options_default();
    mvad_session *session;
    size_t broken = 0;
    assert_int_equal(mvad_session_create(model, device, &options, &session, NULL), MVAD_OK);
    for (size_t i = 0; i < set->count; i++) {
        const size_t sample = set->samples[i];
        assert_int_equal(load_sample(set->dataset, sample, SIZE, images, NULL, NULL), MVAD_OK);
        assert_int_equal(mvad_session_run(session, images, NULL), MVAD_OK);
        assert_int_equal(
            mvad_session_read(session, MVAD_OUTPUT_MAP, maps, VIEWS * SIZE * SIZE, NULL), MVAD_OK);
        for (size_t v = 0; v < VIEWS; v++) {
            const size_t view = set->dataset->samples[sample].first_view + v;
            float sum = 0;
            for (size_t p = 0; p < SIZE * SIZE; p++) sum += maps[v * SIZE * SIZE + p];
            broken += set->dataset->views[view].label == DATASET_NORMAL && !isfinite(sum);
        }
    }
    mvad_session_destroy(session);
    return broken;
}

static bool go_on(void *user)
{
    (void)user;
    return false;
}

/* A teacher whose features overflow, for bright photographs sooner than for dark ones. */
static void a_scale_needs_finite_maps(void **state)
{
    (void)state;
    enum { WEIGHTS = 64 * 3 * 7 * 7, GOOD_VIEWS = 8 * VIEWS };
    static float weights[WEIGHTS];
    mvad_dataset *dataset = train_open_data("data");
    mvad_device *device;
    mvad_error error;
    mvad_score_scale scale;
    struct training_set set;
    bool stopped = true, met[3] = {false, false, false}; /* no map broken, some, all */
    assert_int_equal(mvad_device_open("cpu", 2, &device, NULL), MVAD_OK);
    assert_int_equal(training_set_make(&dataset->index, VIEWS, &set, NULL), MVAD_OK);
    for (double exponent = 19; exponent < 20.5; exponent += 0.6) {
        mvad_model *model = train_make_model(1);
        mvad_model_read_parameter(model, "net_t.conv1.weight", weights, WEIGHTS, NULL);
        for (size_t i = 0; i < WEIGHTS; i++) weights[i] *= (float)pow(10, exponent);
        mvad_model_write_parameter(model, "net_t.conv1.weight", weights, WEIGHTS, NULL);
        const size_t broken = count_broken_maps(model, device, &set);
        const mvad_status status =
            score_scale_measure(model, device, &set, go_on, NULL, &stopped, &error);
        assert_int_equal(status, broken ? MVAD_ERROR_NUMERIC : MVAD_OK);
        assert_int_equal(mvad_model_scale(model, &scale, NULL),
                         broken ? MVAD_ERROR_FORMAT : MVAD_OK);
        assert_false(stopped);
        if (broken) assert_non_null(strstr(error.message, ".png: "));
        met[broken == GOOD_VIEWS ? 2 : broken > 0] = true;
        mvad_model_destroy(model);
    }
    assert_true(met[0] && met[1] && met[2]);
    training_set_free(&set);
    mvad_device_close(device);
    mvad_dataset_close(dataset);
}

/* The fourth call for the last step comes from the third sample that the scale is measured on. */
static int32_t stop_in_measuring(const mvad_train_progress *progress, void *user)
{
    int *calls = user;
    if (progress->step == progress->steps) ++*calls;
    return *calls == 4;
}

static void a_measurement_cut_short_is_made_up(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    mvad_score_scale scale;
    mvad_error error;
    int calls = 0;
    int32_t finished = 1;
    options.progress = stop_in_measuring;
    options.user = &calls;
    if (train_run("unscaled", &options, 1, &finished, &error)) fail_msg("%s", error.message);
    assert_int_equal(finished, 0);
    assert_int_equal(calls, 4);
    char *path = tree_path("unscaled/model.safetensors");
    mvad_model *model;
    assert_int_equal(mvad_model_load(path, NULL, &model, NULL), MVAD_OK);
    assert_int_equal(mvad_model_scale(model, &scale, NULL), MVAD_ERROR_FORMAT);
    mvad_model_destroy(model);
    free(path);
    options.progress = NULL;
    options.resume = 1;
    train_whole("unscaled", &options);
    options.resume = 0;
    train_whole("plain", &options);
    assert_same_run("unscaled", "plain");
}

struct reading {
    size_t calls, stop_at;
};

static int32_t take_reading(size_t done, size_t total, void *user)
{
    struct reading *reading = user;
    assert_int_equal(done, ++reading->calls);
    assert_int_equal(total, SAMPLES);
    return done == reading->stop_at;
}

static void stopped_in_reading_there_is_no_run(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    struct reading reading = {.stop_at = 4};
    mvad_error error;
    int32_t finished = 1;
    options.reading = take_reading;
    options.user = &reading;
    if (train_run("unread", &options, 1, &finished, &error)) fail_msg("%s", error.message);
    assert_int_equal(finished, 0);
    assert_int_equal(reading.calls, 4);
    char *folder = tree_path("unread");
    assert_int_equal(access(folder, F_OK), -1);
    free(folder);
    reading = (struct reading){0};
    train_whole("unread", &options);
    assert_int_equal(reading.calls, SAMPLES);
    assert_same_run("unread", "plain");
}

/* A model that has the note is not asked again what it is on. */
static void a_resumed_run_reads_nothing(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    struct reading reading = {0};
    char *folder = tree_path("plain"), *file = tree_path("plain/model.safetensors");
    mvad_model *model;
    mvad_device *device;
    mvad_dataset *dataset = train_open_data("data");
    int32_t finished = 0;
    assert_int_equal(mvad_device_open("cpu", 1, &device, NULL), MVAD_OK);
    assert_int_equal(mvad_model_load(file, NULL, &model, NULL), MVAD_OK);
    options.folder = folder;
    options.resume = 1;
    options.reading = take_reading;
    options.user = &reading;
    assert_int_equal(mvad_train(model, device, dataset, &options, &finished, NULL), MVAD_OK);
    assert_int_equal(finished, 1);
    assert_int_equal(reading.calls, 0);
    mvad_model_destroy(model);
    mvad_device_close(device);
    mvad_dataset_close(dataset);
    free(file);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shuffles_are_uniform_permutations),
        cmocka_unit_test(shuffles_follow_seed_and_epoch),
        cmocka_unit_test(schedule_decays_and_drops),
        cmocka_unit_test(loader_gives_the_shuffled_samples),
        cmocka_unit_test(loader_names_a_file_it_cannot_read),
        cmocka_unit_test(a_scale_needs_finite_maps),
        cmocka_unit_test(a_measurement_cut_short_is_made_up),
        cmocka_unit_test(stopped_in_reading_there_is_no_run),
        cmocka_unit_test(a_resumed_run_reads_nothing),
    };
    return cmocka_run_group_tests(tests, train_case_make, train_case_remove);
}
