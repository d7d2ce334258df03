/* What a training run does besides its steps: evaluations on the way, the scale of scores at the end,
 * a run for each class. */
#include <math.h>
#include <string.h>

#include "run_program.h"
#include "core/data/load.h"
#include "train_case.h"

#define CONFIG "--size 32 --windows 2,2,2 --topk 2,2,2 --blocks 1,1,1 --threads 2 --batch 2"
#define TRAIN MVAD_PROGRAM " train --data %s --out %s " CONFIG " --epochs 2 --lr 0.001 %s"
#define SMALLEST "--backbone resnet18 "

/* The data of train_case.h with a test split that has everything in it. */
static int make(void **state)
{
    if (train_case_make(state)) return -1;
    for (int view = 1; view <= VIEWS; view++) {
        char name[64];
        snprintf(name, sizeof name, "data/nut/test/scratch/s8/C%d.png", view);
        tree_write_image(name, SIZE, SIZE, 9, (uint8_t)(200 * view), 40);
        snprintf(name, sizeof name, "data/nut/ground_truth/scratch/s8/C%d.png", view);
        tree_write_mask(name, SIZE, SIZE, 8, 5);
    }
    const mvad_train_options options = train_make_options();
    train_whole("plain", &options);
    return 0;
}

static mvad_model *load_model(const char *name)
{
    mvad_model *model;
    mvad_error error;
    char *path = tree_path(name);
    if (mvad_model_load(path, NULL, &model, &error)) fail_msg("%s", error.message);
    free(path);
    return model;
}

static void copy_row(const mvad_metrics_row *row, void *user)
{
    if (!strcmp(row->name, "mean")) *(mvad_metrics_row *)user = *row;
}

/* The lines of evaluation.jsonl. */
static cJSON *read_evaluations(const char *folder)
{
    size_t size;
    char *text = (char *)train_read_file(folder, "evaluation.jsonl", &size), *next = text;
    cJSON *lines = cJSON_CreateArray();
    while (next < text + size) {
        char *end = memchr(next, '\n', (size_t)(text + size - next));
        assert_non_null(end);
        cJSON *line = cJSON_ParseWithLength(next, (size_t)(end - next));
        assert_non_null(line);
        cJSON_AddItemToArray(lines, line);
        next = end + 1;
    }
    free(text);
    return lines;
}

static void assert_line(const cJSON *lines, int index, int step, int epoch, const char *name)
{
    const cJSON *line = cJSON_GetArrayItem(lines, index);
    assert_int_equal(cJSON_GetObjectItem(line, "step")->valueint, step);
    assert_int_equal(cJSON_GetObjectItem(line, "epoch")->valueint, epoch);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "class")), name);
}

/* After epochs 2 and 3, four steps each; the only class with test samples, and the mean. */
static void assert_evaluations(const char *folder)
{
    cJSON *lines = read_evaluations(folder);
    assert_int_equal(cJSON_GetArraySize(lines), 4);
    assert_line(lines, 0, 8, 2, "nut");
    assert_line(lines, 1, 8, 2, "mean");
    assert_line(lines, 2, 12, 3, "nut");
    assert_line(lines, 3, 12, 3, "mean");

    char model_name[64];
    snprintf(model_name, sizeof model_name, "%s/model.safetensors", folder);
    mvad_model *model = load_model(model_name);
    mvad_dataset *dataset = train_open_data("data");
    mvad_device *device;
    mvad_metrics_row mean = {0};
    const mvad_evaluate_options options = mvad_evaluate_options_default();
    assert_int_equal(mvad_device_open("cpu", 1, &device, NULL), MVAD_OK);
    assert_int_equal(mvad_evaluate(model, device, dataset, &options, copy_row, &mean, NULL),
                     MVAD_OK);
    for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
        const cJSON *value =
            cJSON_GetObjectItem(cJSON_GetArrayItem(lines, 3), mvad_metric_key((mvad_metric)m));
        assert_non_null(value);
        assert_true(cJSON_IsNull(value) ? isnan(mean.value[m])
                                        : fabs(value->valuedouble - mean.value[m]) < 1e-14);
    }
    assert_false(isnan(mean.value[MVAD_METRIC_PIXEL_AUPRO]));
    mvad_device_close(device);
    mvad_dataset_close(dataset);
    mvad_model_destroy(model);
    cJSON_Delete(lines);
}

static void count_rows(int32_t epoch, const mvad_metrics_row *row, void *user)
{
    (void)row;
    assert_true(epoch == 2 || epoch == 3);
    ++*(int *)user;
}

static void evaluations_change_nothing_but_their_log(void **state)
{
    (void)state;
    int rows = 0;
    mvad_train_options options = train_make_options();
    options.evaluate_every = 2;
    options.evaluated = count_rows;
    options.user = &rows;
    train_whole("evaluated", &options);
    assert_int_equal(rows, 4);
    assert_same_run("evaluated", "plain");
    assert_evaluations("evaluated");
}

/* The second call for a step comes from within its evaluation. */
static int32_t stop_in_evaluation(const mvad_train_progress *progress, void *user)
{
    int64_t *last = user;
    const bool again = progress->step == *last;
    *last = progress->step;
    return again;
}

static void an_evaluation_cut_short_is_made_up(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    mvad_error error;
    options.evaluate_every = 2;
    options.progress = stop_in_evaluation;
    for (int part = 0; part < 2; part++) {
        int64_t last = -1;
        int32_t finished = 1;
        options.user = &last;
        options.resume = part;
        if (train_run("cut", &options, 1, &finished, &error)) fail_msg("%s", error.message);
        assert_int_equal(finished, 0);
        assert_int_equal(last, 8);
    }
    options.progress = NULL;
    options.resume = 1;
    train_whole("cut", &options);
    assert_same_run("cut", "plain");
    assert_evaluations("cut");
}

static void evaluation_needs_a_test_split(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    options.evaluate_every = -1;
    train_fails("none", &options, MVAD_ERROR_INVALID_ARGUMENT, "evaluate_every");
    options.evaluate_every = 1;
    char *test = tree_path("data/nut/test"), *away = tree_path("away");
    assert_int_equal(rename(test, away), 0);
    train_fails("none", &options, MVAD_ERROR_INVALID_ARGUMENT, "test samples");
    assert_int_equal(rename(away, test), 0);
    free(test);
    free(away);
}

/* The highest image score of the good training samples, one session run after the other. */
static void scale_tells_good_parts(void **state)
{
    (void)state;
    mvad_model *model = load_model("plain/model.safetensors");
    mvad_dataset *dataset = train_open_data("data");
    const struct dataset *index = &dataset->index;
    mvad_device *device;
    mvad_session *session;
    mvad_score_scale scale;
    mvad_session_options options = mvad_session_options_default();
    float *images = malloc(VIEWS * 3 * SIZE * SIZE * sizeof *images), highest = 0;
    assert_int_equal(mvad_device_open("cpu", 1, &device, NULL), MVAD_OK);
    assert_int_equal(mvad_session_create(model, device, &options, &session, NULL), MVAD_OK);
    for (size_t i = 0; i < index->sample_count; i++) {
        float score;
        if (index->samples[i].split != DATASET_TRAIN || index->samples[i].label != DATASET_NORMAL)
            continue;
        assert_int_equal(load_sample(index, i, SIZE, images, NULL, NULL), MVAD_OK);
        assert_int_equal(mvad_session_run(session, images, NULL), MVAD_OK);
        assert_int_equal(mvad_session_read(session, MVAD_OUTPUT_SAMPLE_SCORE, &score, 1, NULL),
                         MVAD_OK);
        highest = fmaxf(highest, score);
    }
    assert_int_equal(mvad_model_scale(model, &scale, NULL), MVAD_OK);
    assert_true(scale.low > 0 && scale.low < highest);
    assert_true(fabsf(scale.threshold - (scale.low + 1.2f * (highest - scale.low))) < 1e-6f);
    assert_true(fabsf(scale.low + scale.high - 2 * scale.threshold) < 1e-6f);
    assert_string_equal(mvad_model_note(model, "mvad.classes"), "bolt,nut");
    free(images);
    mvad_session_destroy(session);
    mvad_device_close(device);
    mvad_dataset_close(dataset);
    mvad_model_destroy(model);
}

static struct output train_verb(int code, const char *out, const char *more)
{
    char *paths[2] = {tree_path("data"), tree_path(out)};
    struct output output = expect_run(code, TRAIN, paths[0], paths[1], more);
    free(paths[0]);
    free(paths[1]);
    return output;
}

static void expect_said(struct output output, const char *what)
{
    if (!strstr(output.err, what)) fail_msg("wanted '%s', got '%s'", what, output.err);
    output_free(&output);
}

static void a_model_a_class_in_one_command(void **state)
{
    (void)state;
    struct output output = train_verb(0, "single", SMALLEST "--setting single");
    assert_non_null(strstr(output.out, "single/bolt/model.safetensors: 4 steps"));
    assert_non_null(strstr(output.out, "single/nut/model.safetensors: 4 steps"));
    output_free(&output);
    output = train_verb(0, "alone", SMALLEST "--classes nut");
    output_free(&output);
    assert_same_run("single/nut", "alone");

    /* Where one of them is missing, resuming makes it and leaves the others alone. */
    char *gone = tree_path("single/nut"), *aside = tree_path("aside");
    assert_int_equal(rename(gone, aside), 0);
    output = train_verb(0, "single", SMALLEST "--setting single --resume");
    assert_non_null(strstr(output.out, "single/bolt/model.safetensors: was finished"));
    assert_non_null(strstr(output.out, "single/nut/model.safetensors: 4 steps"));
    output_free(&output);
    assert_same_run("single/nut", "aside");
    expect_said(train_verb(2, "single", SMALLEST "--setting single"), "--resume goes on");

    /* Evaluated together, each class by its own model. */
    char *data = tree_path("data"), *run = tree_path("single"), *alone = tree_path("alone");
    output = expect_run(0, MVAD_PROGRAM " eval --data %s --model %s --csv @single.csv", data, run);
    output_free(&output);
    output = expect_run(0, MVAD_PROGRAM " eval --data %s --model %s --classes nut --csv @alone.csv",
                        data, alone);
    output_free(&output);
    size_t sizes[2];
    char *names[2] = {scratch_path("single.csv"), scratch_path("alone.csv")};
    uint8_t *tables[2] = {read_bytes(names[0], &sizes[0]), read_bytes(names[1], &sizes[1])};
    assert_int_equal(sizes[0], sizes[1]); /* the only class with test samples */
    assert_memory_equal(tables[0], tables[1], sizes[0]);
    assert_int_equal(rename(gone, aside), -1); /* not empty */
    free(aside);
    aside = tree_path("elsewhere");
    assert_int_equal(rename(gone, aside), 0);
    output = expect_run(3, MVAD_PROGRAM " eval --data %s --model %s", data, run);
    expect_said(output, "single/nut/model.safetensors");
    output = expect_run(3, MVAD_PROGRAM " info --model %s", run);
    expect_said(output, "name a class's folder");
    output = expect_run(0, MVAD_PROGRAM " info --model %s", alone);
    output_free(&output);
    for (int i = 0; i < 2; i++) {
        free(names[i]);
        free(tables[i]);
    }
    free(data);
    free(run);
    free(alone);
    free(gone);
    free(aside);
}

static void a_cache_changes_nothing(void **state)
{
    (void)state;
    char *cache = tree_path("cache"), *data = tree_path("data"), *model = tree_path("uncached");
    char more[512];
    size_t sizes[2];
    snprintf(more, sizeof more, SMALLEST "--cache %s", cache);
    struct output output = train_verb(0, "uncached", SMALLEST);
    output_free(&output);
    for (int run = 0; run < 2; run++) { /* made, then used */
        char out[16];
        snprintf(out, sizeof out, "cached%d", run);
        output = train_verb(0, out, more);
        output_free(&output);
        assert_same_run(out, "uncached");
    }
    output = expect_run(0, MVAD_PROGRAM " eval --data %s --model %s --csv @plain.csv", data, model);
    output_free(&output);
    output = expect_run(0, MVAD_PROGRAM " eval --data %s --model %s --cache %s --csv @cached.csv",
                        data, model, cache);
    output_free(&output);
    char *names[2] = {scratch_path("plain.csv"), scratch_path("cached.csv")};
    uint8_t *tables[2] = {read_bytes(names[0], &sizes[0]), read_bytes(names[1], &sizes[1])};
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(tables[0], tables[1], sizes[0]);
    snprintf(more, sizeof more, SMALLEST "--cache /proc/none");
    expect_said(train_verb(1, "uncacheable", more), "/proc/none");
    for (int i = 0; i < 2; i++) {
        free(names[i]);
        free(tables[i]);
    }
    free(cache);
    free(data);
    free(model);
}

/* The name of one is in Latin-1. */
static void classes_are_called_anything(void **state)
{
    (void)state;
    char *data = tree_path("named"), *run = tree_path("named_run");
    train_write_data("named");
    char *old = tree_path("named/bolt"), *new = tree_path("named/caf\xe9");
    assert_int_equal(rename(old, new), 0);
    struct output output = expect_run(0, TRAIN, data, run, SMALLEST "--eval-every 1");
    output_free(&output);
    output = expect_run(0, TRAIN, data, run, SMALLEST "--eval-every 1 --resume");
    assert_non_null(strstr(output.out, "was finished"));
    output_free(&output);
    mvad_model *model = load_model("named_run/model.safetensors");
    assert_string_equal(mvad_model_note(model, "mvad.classes"), "caf?,nut");
    mvad_model_destroy(model);
    free(data);
    free(run);
    free(old);
    free(new);
}

static void the_teacher_is_chosen(void **state)
{
    (void)state;
    expect_said(train_verb(2, "t", "--setting both"), "--setting");
    expect_said(train_verb(2, "t", "--teacher-norm no"), "--teacher-norm");
    expect_said(train_verb(2, "t", "--backbone resnet34"), "resnet34.bt_in1k");
    struct output output = train_verb(0, "norms", SMALLEST "--teacher-norm data");
    output_free(&output);
    mvad_model *model = load_model("norms/model.safetensors");
    assert_string_equal(mvad_model_note(model, "mvad.teacher"), "formula-resnet18");
    assert_string_equal(mvad_model_note(model, "mvad.teacher_norm"), "data");
    mvad_model_destroy(model);
    output = train_verb(0, "norms", SMALLEST "--resume");
    assert_non_null(strstr(output.out, "was finished"));
    output_free(&output);
    output = train_verb(0, "norms", SMALLEST "--teacher-norm data --resume");
    output_free(&output);
    expect_said(train_verb(2, "norms", SMALLEST "--teacher-norm file --resume"), "--teacher-norm");
}

static void a_resumed_run_keeps_its_teacher(void **state)
{
    (void)state;
    struct output output = train_verb(0, "builtin", SMALLEST);
    output_free(&output);
    output = train_verb(0, "builtin", SMALLEST "--teacher builtin --resume");
    output_free(&output);
    expect_said(train_verb(2, "builtin", SMALLEST "--teacher random --resume"), "--teacher");
    output = train_verb(0, "random", SMALLEST "--teacher random");
    output_free(&output);
    output = train_verb(0, "random", SMALLEST "--teacher random --resume");
    output_free(&output);
    expect_said(train_verb(2, "random", SMALLEST "--teacher builtin --resume"),
                "made with teacher");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluations_change_nothing_but_their_log),
        cmocka_unit_test(an_evaluation_cut_short_is_made_up),
        cmocka_unit_test(evaluation_needs_a_test_split),
        cmocka_unit_test(scale_tells_good_parts),
        cmocka_unit_test(a_model_a_class_in_one_command),
        cmocka_unit_test(a_cache_changes_nothing),
        cmocka_unit_test(classes_are_called_anything),
        cmocka_unit_test(the_teacher_is_chosen),
        cmocka_unit_test(a_resumed_run_keeps_its_teacher),
    };
    return cmocka_run_group_tests_name("train settings", tests, make, train_case_remove);
}
