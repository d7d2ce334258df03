/* `mvad calibrate` on parts of eval_data.h: thresholds against the scores that predict tells, verdicts by
 * them, parts held out of training, and what is refused. */
#include <cjson/cJSON.h>
#include <math.h>

#include "predict_program.h"

#define CALIBRATE MVAD_PROGRAM " calibrate --model @m.safetensors "
#define RATES "--reject-rate 0.5 --unsure-rate 0.7 --confidence 0.6 "

enum { A_PARTS = 5, B_PARTS = 3, PARTS = A_PARTS + B_PARTS };

/* Image names of the parts of classes a and b. */
static const char *const images[PARTS] = {"bolt-b0", "bolt-b1", "bolt-b7", "bolt-t0",
                                          "cap-c0",  "cap-c1",  "cap-c2",  "cap-t0"};

/* Writes a manifest of these parts, with this split and label, and rows more. Freed by the caller. */
static char *write_parts(const char *name, const char *split, const char *label, const char *more)
{
    char text[4096] = "class,sample,view,split,label,image\n";
    for (size_t p = 0; p < PARTS; p++)
        for (int v = 0; v < 2; v++)
            snprintf(text + strlen(text), sizeof text - strlen(text),
                     "%s,p%zu,C%d,%s,%s,images/%s-%d.png\n", p < A_PARTS ? "a" : "b", p, v + 1,
                     split, label, images[p], v);
    assert_true(strlen(text) + strlen(more) < sizeof text);
    strcat(text, more);
    tree_write_text(name, text);
    return tree_path(name);
}

static double number(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static const char *text_of(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

/* The lines of `predict --jsonl -`, in the order of the parts. */
static cJSON *judge(int code, const char *options, const char *data)
{
    struct output output = expect_run(
        code, MVAD_PROGRAM " predict %s --data %s --split train --jsonl -", options, data);
    cJSON *all = cJSON_CreateArray();
    char *lines = output.out, *line;
    while ((line = next_line(&lines))) cJSON_AddItemToArray(all, cJSON_Parse(line));
    assert_int_equal(cJSON_GetArraySize(all), PARTS);
    output_free(&output);
    return all;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The scores of parts first .. first + count - 1, or of their view, from low to high. */
static void sorted_scores(const cJSON *parts, int first, size_t count, int view, double *scores)
{
    for (size_t i = 0; i < count; i++) {
        const cJSON *item = cJSON_GetArrayItem(parts, first + (int)i);
        if (view >= 0)
            item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(item, "views"), view);
        scores[i] = number(item, "score");
    }
    qsort(scores, count, sizeof *scores, compare);
}

static mvad_model *load(const char *name)
{
    mvad_model *model;
    mvad_error error;
    char *path = scratch_path(name);
    if (mvad_model_load(path, NULL, &model, &error)) fail_msg("%s", error.message);
    free(path);
    return model;
}

static mvad_thresholds thresholds_of(const mvad_model *model, const char *class_name,
                                     const char *view)
{
    mvad_thresholds thresholds;
    mvad_error error;
    if (mvad_model_thresholds(model, class_name, view, &thresholds, &error))
        fail_msg("%s", error.message);
    return thresholds;
}

/* Bounds as golden/tolerance.csv has them: 1 of 5 and 0 of 3 above for a rate of 0.5, 2 of 5 and 1 of 3 for
 * 0.7, at a confidence of 0.6. */
static void check_row(const mvad_calibrated_class *row, void *user)
{
    int *rows = user;
    const bool is_a = !strcmp(row->name, "a");
    assert_int_equal(row->parts, is_a ? A_PARTS : B_PARTS);
    assert_true(fabs(row->reject_bound - (is_a ? 0.364985226405 : 0.263193700272)) < 1e-6);
    assert_true(fabs(row->accept_bound - (is_a ? 0.553745902514 : 0.567068922852)) < 1e-6);
    ++*rows;
}

static void thresholds_are_scores_of_the_parts(void **state)
{
    (void)state;
    char *data = write_parts("good.csv", "train", "ok", "");
    struct output output = expect_run(0, CALIBRATE RATES "--good %s --out @c.safetensors", data);
    assert_non_null(strstr(output.out, "\na\t5\t"));
    assert_null(strstr(output.err, "warning"));
    output_free(&output);
    cJSON *parts = judge(0, "--model @m.safetensors --threshold 9", data);
    mvad_model *model = load("c.safetensors");
    mvad_calibration facts;
    int rows = 0;
    assert_int_equal(mvad_model_calibration(model, &facts, check_row, &rows, NULL), MVAD_OK);
    assert_int_equal(rows, 2);
    assert_true(facts.confidence == 0.6 && facts.reject_rate == 0.5 && facts.unsure_rate == 0.7);
    static const struct {
        const char *class_name;
        int first;
        size_t count, above, unsure_above;
    } classes[] = {{"a", 0, A_PARTS, 1, 2}, {"b", A_PARTS, B_PARTS, 0, 1}};
    float highest = 0;
    for (size_t c = 0; c < 2; c++)
        for (int view = -1; view < 2; view++) {
            static const char *const names[] = {NULL, "C1", "C2"};
            double scores[PARTS];
            const size_t count = classes[c].count;
            sorted_scores(parts, classes[c].first, count, view, scores);
            const mvad_thresholds got =
                thresholds_of(model, classes[c].class_name, names[view + 1]);
            assert_true(got.reject == (float)scores[count - 1 - classes[c].above]);
            assert_true(got.accept == (float)scores[count - 1 - classes[c].unsure_above]);
            assert_true(got.pixel > 0 && (got.pixel <= got.reject || view >= 0));
            if (view < 0) highest = fmaxf(highest, got.reject);
        }
    assert_true(thresholds_of(model, NULL, NULL).reject == highest);
    assert_true(thresholds_of(model, "", NULL).reject == highest);
    assert_true(thresholds_of(model, "a", "C9").reject == thresholds_of(model, "a", NULL).reject);
    mvad_thresholds none;
    mvad_error error;
    assert_int_equal(mvad_model_thresholds(model, "c", NULL, &none, &error), MVAD_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "class c is not among the 2"));
    mvad_model_destroy(model);
    cJSON_Delete(parts);
    free(data);
}

static void verdicts_come_from_the_calibration(void **state)
{
    (void)state;
    static const char *const verdicts[] = {"OK", "UNSURE", "NG"};
    char *data = tree_path("good.csv");
    size_t counts[3] = {0};
    cJSON *parts = judge(11, "--model @c.safetensors --fail-on-defect", data), *part;
    mvad_model *model = load("c.safetensors");
    mvad_calibration facts;
    assert_int_equal(mvad_model_calibration(model, &facts, NULL, NULL, NULL), MVAD_OK);
    cJSON_ArrayForEach(part, parts)
    {
        const mvad_thresholds expected = thresholds_of(model, text_of(part, "class"), NULL);
        const float score = (float)number(part, "score");
        const int verdict = score > expected.reject ? 2 : score > expected.accept ? 1 : 0;
        counts[verdict]++;
        assert_string_equal(text_of(part, "verdict"), verdicts[verdict]);
        assert_true((float)number(part, "threshold") == expected.reject);
        assert_true((float)number(part, "accept_threshold") == expected.accept);
        assert_true(fabs(number(part, "relative") - score / expected.reject) < 1e-5);
        assert_string_equal(text_of(part, "model"), facts.model);
        assert_string_equal(text_of(part, "calibration"), facts.id);
        /* The responsible view exceeds its own threshold most. */
        const cJSON *views = cJSON_GetObjectItemCaseSensitive(part, "views"), *view;
        float most = 0;
        const char *responsible = "";
        cJSON_ArrayForEach(view, views)
        {
            const char *name = text_of(view, "view");
            const float relative = (float)number(view, "score") /
                                   thresholds_of(model, text_of(part, "class"), name).reject;
            assert_true(fabs(number(view, "relative") - (double)relative) < 1e-5);
            if (relative > most) responsible = name;
            most = fmaxf(most, relative);
        }
        assert_string_equal(text_of(part, "responsible_view"), responsible);
    }
    /* By rank: of a one is above reject and two above accept, of b none and one. */
    assert_int_equal(counts[2], 1);
    assert_int_equal(counts[1], 2);
    assert_int_equal(counts[0], 5);
    cJSON_Delete(parts);
    /* Photographs without a class get the highest thresholds, with one its own. */
    struct output own = expect_run(0,
                                   MVAD_PROGRAM " predict --model @c.safetensors --class b %s/%s "
                                                "%s/%s --jsonl -",
                                   program_images, "cap-c0-0.png", program_images, "cap-c0-1.png");
    cJSON *line = cJSON_Parse(own.out);
    assert_true((float)number(line, "threshold") == thresholds_of(model, "b", NULL).reject);
    cJSON_Delete(line);
    output_free(&own);
    char command[512];
    snprintf(command, sizeof command,
             MVAD_PROGRAM " predict --model @c.safetensors --class z %s/cap-c0-0.png",
             program_images);
    expect_error(2, command, "class z is not among the 2");
    /* Other parameters than those that were calibrated. */
    mvad_thresholds none;
    mvad_error error;
    float *values = calloc(64 * 3 * 7 * 7, sizeof *values);
    assert_non_null(values);
    assert_int_equal(
        mvad_model_write_parameter(model, "net_t.conv1.weight", values, 64 * 3 * 7 * 7, NULL),
        MVAD_OK);
    free(values);
    assert_int_equal(mvad_model_thresholds(model, "a", NULL, &none, &error), MVAD_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "calibrate it again"));
    mvad_model_destroy(model);
    free(data);
}

/* 1 - 0.05^(1/5) is 0.451: the highest of five scores bounds no less. */
static void too_few_parts_are_told(void **state)
{
    (void)state;
    char *data = tree_path("good.csv");
    struct output output =
        expect_run(0, CALIBRATE "--good %s --classes a --out @few.safetensors", data);
    assert_non_null(strstr(output.err,
                           "mvad: warning: a: 5 good parts bound the rate of false rejects "
                           "to 0.451, not to the 0.01 asked for (confidence 0.95), "
                           "which takes 299 parts\n"));
    output_free(&output);
    free(data);
}

static void refused(int code, const char *what, const char *options, const char *path)
{
    char command[1024];
    snprintf(command, sizeof command, CALIBRATE "%s %s", options, path);
    expect_error(code, command, what);
}

static void only_good_parts_are_taken(void **state)
{
    (void)state;
    size_t before_size, after_size;
    char *model = scratch_path("m.safetensors");
    uint8_t *before = read_bytes(model, &before_size);
    char *good = tree_path("good.csv"),
         *defect =
             write_parts("defect.csv", "train", "ok", "b,p9,C1,train,dent,images/bolt-b2-1.png\n"),
         *unknown =
             write_parts("unknown.csv", "train", "ok", "b,p9,C1,train,,images/bolt-b2-0.png\n"),
         *test = write_parts("test.csv", "test", "ok", ""),
         *broken = write_parts("broken.csv", "train", "ok", "b,p9,C1,train,ok,images/broken.png\n");
    refused(3, "class b, part p9: has a defect", "--good", defect);
    refused(3, "class b, part p9: is not known to be good", "--good", unknown);
    refused(3, "thresholds never come from test parts", "--good", test);
    refused(3, "images/broken.png", "--good", broken);
    refused(3, "none was held out", "--data", good);
    refused(2, "one of them only", "--data x --good", good);
    refused(2, "give --data", "", "");
    refused(2, "--reject-rate: 'x'", "--reject-rate x --good", good);
    refused(2, "unsure_rate must not be below", "--reject-rate 0.2 --unsure-rate 0.1 --good", good);
    refused(1, "cannot", "--out /nonexistent/m.safetensors --good", good);
    uint8_t *after = read_bytes(model, &after_size);
    assert_int_equal(after_size, before_size);
    assert_memory_equal(after, before, before_size);
    free(before);
    free(after);
    free(model);
    free(good);
    free(defect);
    free(unknown);
    free(test);
    free(broken);
}

#define TRAIN                                                                           \
    MVAD_PROGRAM                                                                        \
    " train --backbone resnet18 --size 32 --windows 2,2,1 --topk 2,2,1 --blocks 1,1,1 " \
    "--epochs 1 --batch 2 --data %s --out %s"

/* Of five and of three parts two and one are held out: 0.3 of them, rounded. */
static void parts_are_held_out_of_training(void **state)
{
    (void)state;
    char *data = tree_path("good.csv"), *run = tree_path("run"), *all = tree_path("all"),
         command[1024];
    struct output output = expect_run(0, TRAIN " --holdout 0.3 --seed 4", data, run);
    assert_non_null(strstr(output.err, "3 good parts are held out"));
    output_free(&output);
    output = expect_run(0, MVAD_PROGRAM " calibrate --model %s --data %s", run, data);
    assert_non_null(strstr(output.out, "\na\t2\t"));
    assert_non_null(strstr(output.out, "\nb\t1\t"));
    assert_non_null(strstr(output.err, "warning: b: 1 good part bounds"));
    output_free(&output);
    output = expect_run(0, MVAD_PROGRAM " predict --model %s --data %s --split train", run, data);
    assert_non_null(strstr(output.err, "calibration "));
    output_free(&output);
    /* The data are others now. */
    char *other = tree_path("other.csv");
    output = expect_run(0, "sed s/,p/,q/ %s > %s", data, other);
    output_free(&output);
    snprintf(command, sizeof command, MVAD_PROGRAM " calibrate --model %s --data %s", run, other);
    expect_error(3, command, "its data have changed");
    /* What it was trained on is no set of its own. */
    output = expect_run(0, TRAIN, data, all);
    output_free(&output);
    snprintf(command, sizeof command, MVAD_PROGRAM " calibrate --model %s --good %s", all, data);
    expect_error(3, command, "the model was trained on these parts");
    snprintf(command, sizeof command, TRAIN " --holdout 1", data, all);
    expect_error(2, command, "--holdout is 1");
    /* Without a calibration each class has its own threshold, and all together the highest. */
    char *path = tree_path("all/model.safetensors");
    mvad_model *model;
    mvad_score_scale scale;
    assert_int_equal(mvad_model_load(path, NULL, &model, NULL), MVAD_OK);
    assert_int_equal(mvad_model_scale(model, &scale, NULL), MVAD_OK);
    const float a = thresholds_of(model, "a", NULL).reject,
                b = thresholds_of(model, "b", NULL).reject;
    assert_true(a != b && fmaxf(a, b) == scale.threshold);
    assert_true(thresholds_of(model, "", NULL).reject == scale.threshold);
    assert_true(thresholds_of(model, "new", NULL).reject == scale.threshold);
    mvad_model_destroy(model);
    free(path);
    free(other);
    free(data);
    free(run);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds_are_scores_of_the_parts),
        cmocka_unit_test(verdicts_come_from_the_calibration),
        cmocka_unit_test(too_few_parts_are_told),
        cmocka_unit_test(only_good_parts_are_taken),
        cmocka_unit_test(parts_are_held_out_of_training),
    };
    return cmocka_run_group_tests(tests, program_make, program_remove);
}
