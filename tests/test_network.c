/* The whole network: its size against the paper's numbers, and that threads, recomputation and
 * repetition change no bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mvad.h"
#include "tests/golden_model.h"

#define OK(call)                                 \
    do {                                         \
        if (call) fail_msg("%s", error.message); \
    } while (0)

static mvad_config small_config(void)
{
    mvad_config config = mvad_config_default();
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.image_size = 64;
    config.views = 3;
    config.windows[0] = 5; /* does not divide 16: padded */
    config.windows[1] = 4;
    config.windows[2] = 2;
    for (int s = 0; s < MVAD_SCALES; s++) config.topk[s] = 3;
    return config;
}

static float *random_images(size_t count)
{
    float *images = malloc(count * sizeof *images);
    assert_non_null(images);
    for (size_t i = 0; i < count; i++) images[i] = (float)(2 * golden_uniform("images", i));
    return images;
}

/* Table VI of the paper, GMACs with projection none. */
static void macs_are_the_papers(void **state)
{
    (void)state;
    static const struct {
        int32_t windows[3], topk[3], route_projection;
        double gmacs;
    } rows[] = {
        {{16, 8, 4}, {256, 64, 16}, 0, 58.5}, {{16, 8, 4}, {256, 256, 64}, 0, 68.5},
        {{16, 8, 4}, {256, 64, 16}, 1, 59.1}, {{8, 4, 2}, {64, 16, 4}, 0, 58.4},
        {{8, 4, 2}, {64, 64, 16}, 0, 68.4},   {{8, 4, 2}, {64, 16, 4}, 1, 59.0},
        {{8, 8, 8}, {16, 32, 64}, 0, 49.1},   {{14, 9, 6}, {4, 4, 4}, 0, 45.0},
    };
    mvad_error error = {0};
    mvad_device *device = NULL;
    OK(mvad_device_open("cpu", 2, &device, &error));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mvad_config config = mvad_config_default();
        mvad_session_options options = mvad_session_options_default();
        mvad_cost cost;
        config.projection = MVAD_PROJECTION_NONE;
        config.route_projection = rows[i].route_projection;
        memcpy(config.windows, rows[i].windows, sizeof config.windows);
        memcpy(config.topk, rows[i].topk, sizeof config.topk);
        OK(mvad_cost_inference(&config, device, &options, &cost, &error));
        print_message("row %zu: %.2f GMACs, paper %.1f\n", i + 1, cost.macs / 1e9, rows[i].gmacs);
        assert_true(fabs(cost.macs / 1e9 / rows[i].gmacs - 1) < 0.002);
    }
    mvad_device_close(device);
}

static void sizes_are_the_papers(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_device *device = NULL;
    mvad_cost cost;
    OK(mvad_device_open("cpu", 2, &device, &error));
    for (int projection = 0; projection < MVAD_PROJECTION_COUNT; projection++) {
        mvad_config config = mvad_config_default();
        config.projection = (mvad_projection)projection;
        mvad_session_options options = mvad_session_options_default();
        OK(mvad_cost_inference(&config, device, &options, &cost, &error));
        double millions = (double)cost.parameters / 1e6;
        assert_true(fabs(millions - (projection ? 18.70 : 17.80)) < 0.005);
        assert_true(cost.activations_bytes < 200e6);
    }
    mvad_config config = mvad_config_default();
    mvad_trainer_options options = mvad_trainer_options_default();
    OK(mvad_cost_training(&config, device, &options, &cost, &error));
    assert_true((double)(cost.activations_bytes + cost.weights_bytes) < 3.6e9);
    options.recompute = 1;
    OK(mvad_cost_training(&config, device, &options, &cost, &error));
    assert_true((double)(cost.activations_bytes + cost.weights_bytes) < 2.4e9);
    mvad_device_close(device);
}

/* Groups of layers add up to the whole. */
static void add_layer(const mvad_layer_cost *layer, void *user)
{
    mvad_cost *sum = user;
    sum->macs += layer->macs;
    sum->parameters += layer->parameters;
}

static void layers_add_up(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_device *device = NULL;
    mvad_cost whole, sum = {0};
    mvad_config config = mvad_config_default();
    mvad_session_options options = mvad_session_options_default();
    OK(mvad_device_open("cpu", 2, &device, &error));
    OK(mvad_cost_inference(&config, device, &options, &whole, &error));
    OK(mvad_cost_layers(&config, &options, add_layer, &sum, &error));
    assert_int_equal(sum.parameters, whole.parameters);
    assert_true(fabs(sum.macs / whole.macs - 1) < 1e-12);
    mvad_device_close(device);
}

/* Anomaly maps of a small model; the caller frees them. */
static float *maps_of(int threads, int32_t samples, int32_t views, size_t *count)
{
    mvad_error error = {0};
    mvad_device *device = NULL;
    mvad_model *model = NULL;
    mvad_session *session = NULL;
    mvad_config config = small_config();
    mvad_session_options options = mvad_session_options_default();
    options.samples = samples;
    options.views = views;
    *count = (size_t)(samples * views) * 64 * 64;
    float *images = random_images(3 * *count), *maps = malloc(*count * sizeof *maps);
    OK(mvad_device_open("cpu", threads, &device, &error));
    OK(mvad_model_create(&config, 1, &model, &error));
    OK(mvad_session_create(model, device, &options, &session, &error));
    OK(mvad_session_run(session, images, &error));
    OK(mvad_session_read(session, MVAD_OUTPUT_MAP, maps, *count, &error));
    mvad_session_destroy(session);
    mvad_model_destroy(model);
    mvad_device_close(device);
    free(images);
    return maps;
}

static void threads_change_no_bit_of_inference(void **state)
{
    (void)state;
    size_t count;
    float *one = maps_of(1, 2, 3, &count), *two = maps_of(2, 2, 3, &count);
    float *five = maps_of(5, 2, 3, &count);
    assert_memory_equal(one, two, count * sizeof *one);
    assert_memory_equal(one, five, count * sizeof *one);
    assert_true(one[0] != one[count - 1]);
    free(one);
    free(two);
    free(five);
}

/* Samples do not see each other: the first of two equals it alone, to rounding (tiles are cut
 * differently). */
static void samples_are_independent(void **state)
{
    (void)state;
    size_t both_count, first_count;
    float *both = maps_of(2, 2, 3, &both_count), *first = maps_of(2, 1, 3, &first_count);
    assert_true(golden_error(both, first, first_count) < 1e-5);
    assert_true(golden_error(both + first_count, first, first_count) > 1e-2);
    free(both);
    free(first);
}

/* Fewer and more views than the model was made for. */
static void any_number_of_views_runs(void **state)
{
    (void)state;
    for (int32_t views = 1; views <= MVAD_MAX_VIEWS; views += 5) {
        size_t count;
        float *maps = maps_of(2, 1, views, &count);
        for (size_t i = 0; i < count; i++) assert_true(maps[i] >= 0 && maps[i] <= 2.001f);
        free(maps);
    }
}

struct run {
    double losses[4], norms[4];
    double *weights; /* of the last step, all parameters one after the other */
    size_t count;
};

static struct run train(int threads, int recompute, double dropout, uint64_t seed)
{
    struct run run = {0};
    mvad_error error = {0};
    mvad_device *device = NULL;
    mvad_model *model = NULL;
    mvad_trainer *trainer = NULL;
    mvad_config config = small_config();
    mvad_trainer_options options = mvad_trainer_options_default();
    options.samples = 2;
    options.recompute = recompute;
    options.dropout = options.drop_path = dropout;
    options.seed = seed;
    float *images = random_images(2 * 3 * 3 * 64 * 64);
    OK(mvad_device_open("cpu", threads, &device, &error));
    OK(mvad_model_create(&config, 1, &model, &error));
    OK(mvad_trainer_create(model, device, &options, &trainer, &error));
    for (int step = 0; step < 4; step++) {
        mvad_step_result result;
        OK(mvad_trainer_step(trainer, images, &result, &error));
        run.losses[step] = result.loss;
        run.norms[step] = result.gradient_norm;
    }
    for (size_t i = 0; i < mvad_model_parameter_count(model); i++) {
        mvad_parameter parameter;
        OK(mvad_model_parameter_at(model, i, &parameter, &error));
        if (parameter.kind == MVAD_PARAMETER_FROZEN) continue;
        run.weights = realloc(run.weights, (run.count + parameter.count) * sizeof *run.weights);
        assert_non_null(run.weights);
        OK(mvad_trainer_read(trainer, MVAD_TRAINER_PARAMETER, parameter.name,
                             run.weights + run.count, parameter.count, &error));
        run.count += parameter.count;
    }
    mvad_trainer_destroy(trainer);
    mvad_model_destroy(model);
    mvad_device_close(device);
    free(images);
    return run;
}

static void assert_same_bits(const struct run *a, const struct run *b)
{
    assert_memory_equal(a->losses, b->losses, sizeof a->losses);
    assert_memory_equal(a->norms, b->norms, sizeof a->norms);
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->weights, b->weights, a->count * sizeof *a->weights);
}

static void threads_and_recomputation_change_no_bit_of_training(void **state)
{
    (void)state;
    struct run one = train(1, 0, 0.1, 9), two = train(2, 0, 0.1, 9),
               recomputed = train(2, 1, 0.1, 9);
    assert_same_bits(&one, &two);
    assert_same_bits(&one, &recomputed);
    assert_true(one.losses[3] < one.losses[0]);
    free(one.weights);
    free(two.weights);
    free(recomputed.weights);
}

static void dropout_follows_its_seed(void **state)
{
    (void)state;
    struct run none = train(2, 0, 0, 1), first = train(2, 0, 0.1, 1), second = train(2, 0, 0.1, 2);
    assert_true(none.losses[0] != first.losses[0]);
    assert_true(first.losses[0] != second.losses[0]);
    free(none.weights);
    free(first.weights);
    free(second.weights);
}

/* A parameter written by the trainer into a model reads back, rounded to float. */
static void export_reaches_the_model(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_device *device = NULL;
    mvad_model *model = NULL;
    mvad_trainer *trainer = NULL;
    mvad_config config = small_config();
    mvad_trainer_options options = mvad_trainer_options_default();
    mvad_step_result result;
    options.samples = 1;
    enum { COUNT = 64 * 128 * 4 };
    static const char name[] =
        "net_s.layer3.0.conv1.weight"; /* transposed: the layout is turned around */
    float *images = random_images(3 * 3 * 64 * 64), *before = malloc(COUNT * sizeof *before);
    float *after = malloc(COUNT * sizeof *after);
    double *trained = malloc(COUNT * sizeof *trained);
    OK(mvad_device_open("cpu", 2, &device, &error));
    OK(mvad_model_create(&config, 1, &model, &error));
    OK(mvad_model_read_parameter(model, name, before, COUNT, &error));
    OK(mvad_trainer_create(model, device, &options, &trainer, &error));
    OK(mvad_trainer_read(trainer, MVAD_TRAINER_PARAMETER, name, trained, COUNT, &error));
    for (int i = 0; i < COUNT; i++) assert_true((float)trained[i] == before[i]);
    OK(mvad_trainer_step(trainer, images, &result, &error));
    OK(mvad_trainer_read(trainer, MVAD_TRAINER_PARAMETER, name, trained, COUNT, &error));
    OK(mvad_trainer_export(trainer, model, &error));
    OK(mvad_model_read_parameter(model, name, after, COUNT, &error));
    int changed = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true((float)trained[i] == after[i]);
        changed += after[i] != before[i];
    }
    assert_true(changed > COUNT / 2);
    mvad_trainer_destroy(trainer);
    mvad_model_destroy(model);
    mvad_device_close(device);
    free(images);
    free(before);
    free(after);
    free(trained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(macs_are_the_papers),
        cmocka_unit_test(sizes_are_the_papers),
        cmocka_unit_test(layers_add_up),
        cmocka_unit_test(threads_change_no_bit_of_inference),
        cmocka_unit_test(samples_are_independent),
        cmocka_unit_test(any_number_of_views_runs),
        cmocka_unit_test(threads_and_recomputation_change_no_bit_of_training),
        cmocka_unit_test(dropout_follows_its_seed),
        cmocka_unit_test(export_reaches_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
