/* How `mvad predict` ends: exit codes, thresholds, outputs that cannot be written, wrong usage. */
#include <cjson/cJSON.h>
#include <math.h>

#include "predict_program.h"

static void exit_codes_tell_the_verdict(void **state)
{
    (void)state;
    char text[1024];
    struct output output = run_predict(0, "--data %s --threshold 9 --fail-on-defect", program_data);
    assert_non_null(strstr(output.err, "12 OK, 0 NG, 0 ERROR"));
    output_free(&output);
    output = run_predict(10, "--data %s --threshold %.9g --fail-on-defect", program_data,
                         predict_case.middle);
    output_free(&output);
    output = run_predict(0, "--data %s --threshold %.9g", program_data, predict_case.middle);
    output_free(&output);

    /* Parts that cannot be judged: the others are all the same. */
    snprintf(text, sizeof text,
             "class,sample,view,label,image\n"
             "k,s1,1,ok,images/bolt-b0-0.png\nk,s2,1,ok,images/broken.png\n"
             "k,s3,1,ok,images/none.png\nk,s4,1,ok,images/bolt-b0-1.png\n");
    for (int v = 0; v < 17; v++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "k,s5,%d,,images/bolt-b0-0.png\n",
                 v);
    tree_write_text("faults.csv", text);
    char *faults = tree_path("faults.csv"), *line, *fields[6];
    static const struct {
        int code;
        const char *options;
    } cases[] = {{3, "--threshold 9"},
                 {11, "--threshold 9 --fail-on-defect"},
                 {11, "--threshold -1 --fail-on-defect"}};
    for (size_t i = 0; i < 3; i++) {
        output =
            run_predict(cases[i].code, "--data %s %s --jsonl @f.jsonl", faults, cases[i].options);
        char *lines = output.out;
        for (int part = 0; part < 5; part++) {
            line = next_line(&lines);
            assert_non_null(line);
            split(line, fields);
            const bool faulty = part == 1 || part == 2 || part == 4;
            assert_string_equal(fields[1], faulty ? "ERROR" : i == 2 ? "NG" : "OK");
            assert_int_equal(!strcmp(fields[2], "-"), faulty);
        }
        assert_int_equal(*lines, 0);
        assert_non_null(strstr(output.err, "mvad: k/s2: "));
        assert_non_null(strstr(output.err, "images/broken.png"));
        assert_non_null(strstr(output.err, "images/none.png"));
        assert_non_null(strstr(output.err, "17 views"));
        assert_non_null(strstr(output.err, "3 ERROR; threshold"));
        assert_int_equal(count_lines(output.err), 4);
        output_free(&output);

        size_t size;
        char *path = scratch_path("f.jsonl"), *jsonl = (char *)read_bytes(path, &size);
        jsonl[size] = 0;
        lines = jsonl;
        for (int part = 0; part < 5; part++) {
            cJSON *json = cJSON_Parse(next_line(&lines));
            assert_non_null(json);
            const bool faulty = part == 1 || part == 2 || part == 4;
            assert_int_equal(cJSON_HasObjectItem(json, "error"), faulty);
            assert_int_equal(cJSON_HasObjectItem(json, "score"), !faulty);
            cJSON_Delete(json);
        }
        assert_int_equal(*lines, 0);
        free(jsonl);
        free(path);
    }
    output = run_predict(11, "%s/none.png --threshold 9 --fail-on-defect", program_images);
    output_free(&output);
    output = run_predict(3, "%s/none.png --threshold 9", program_images);
    output_free(&output);
    free(faults);
}

/* The heat map of part b0's first view that a run of `mvad predict` with these options draws. */
static uint8_t *draw_heatmap(const char *model, const char *options, size_t *size)
{
    char *folder = tree_path("colours"), *path = tree_path("colours/bolt_b0_0.png");
    struct output output =
        expect_run(0, MVAD_PROGRAM " predict --model @%s --data %s --name b0 --heatmaps %s %s",
                   model, program_data, folder, options);
    uint8_t *bytes = read_bytes(path, size);
    output_free(&output);
    free(folder);
    free(path);
    return bytes;
}

/* With the same ends of the scale the pictures are the same, with others they are not. */
static void colours_come_from_the_model(void **state)
{
    (void)state;
    mvad_model *model;
    char *from = scratch_path("m.safetensors"), *to = scratch_path("coloured.safetensors"),
         options[64];
    const float middle = predict_case.middle;
    const mvad_score_scale scale = {0.25f * middle, middle, 1.75f * middle};
    uint8_t *pictures[3];
    size_t sizes[3];
    assert_int_equal(mvad_model_load(from, NULL, &model, NULL), MVAD_OK);
    assert_int_equal(mvad_model_set_scale(model, &scale, NULL), MVAD_OK);
    assert_int_equal(mvad_model_save(model, to, NULL), MVAD_OK);
    mvad_model_destroy(model);
    snprintf(options, sizeof options, "--threshold %.9g", middle);
    pictures[0] = draw_heatmap("coloured.safetensors", "", &sizes[0]);
    pictures[1] = draw_heatmap("coloured.safetensors", options, &sizes[1]);
    pictures[2] = draw_heatmap("m.safetensors", options, &sizes[2]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(pictures[0], pictures[1], sizes[0]);
    assert_true(sizes[0] != sizes[2] || memcmp(pictures[0], pictures[2], sizes[0]));
    for (int i = 0; i < 3; i++) free(pictures[i]);
    free(from);
    free(to);
}

/* Models with a scale, with a note that is none. */
static void thresholds_come_from_the_model(void **state)
{
    (void)state;
    mvad_model *model;
    char *from = scratch_path("m.safetensors"), *to = scratch_path("scaled.safetensors"),
         *broken = scratch_path("unscaled.safetensors"), command[512];
    const mvad_score_scale scale = {predict_case.middle / 2, predict_case.middle,
                                    2 * predict_case.middle};
    assert_int_equal(mvad_model_load(from, NULL, &model, NULL), MVAD_OK);
    assert_int_equal(mvad_model_set_scale(model, &scale, NULL), MVAD_OK);
    assert_int_equal(mvad_model_save(model, to, NULL), MVAD_OK);
    assert_int_equal(mvad_model_set_note(model, "mvad.scale", "3 2 1", NULL), MVAD_OK);
    assert_int_equal(mvad_model_save(model, broken, NULL), MVAD_OK);
    mvad_model_destroy(model);
    struct output own =
        expect_run(0, MVAD_PROGRAM " predict --model @scaled.safetensors --data %s", program_data);
    struct output given =
        run_predict(0, "--data %s --threshold %.9g", program_data, predict_case.middle);
    assert_string_equal(own.out, given.out);
    output_free(&own);
    output_free(&given);
    expect_predict_error(2, "m.safetensors: the model has no threshold", "--data %s", program_data);
    snprintf(command, sizeof command,
             MVAD_PROGRAM " predict --model @unscaled.safetensors --data %s", program_data);
    expect_error(3, command, "unscaled.safetensors: metadata mvad.scale");
    free(from);
    free(to);
    free(broken);
}

static void outputs_that_cannot_be_written(void **state)
{
    (void)state;
    char *heat = tree_path("locked");
    expect_predict_error(1, "/nonexistent/r.jsonl: cannot write",
                         "--data %s --threshold 9 --jsonl /nonexistent/r.jsonl", program_data);
    expect_predict_error(1, "/nonexistent/heat: cannot make",
                         "--data %s --threshold 9 --heatmaps /nonexistent/heat", program_data);
    expect_predict_error(1, "parts.csv: is not a folder", "--data %s --threshold 9 --heatmaps %s",
                         program_data, program_data);
    struct output output =
        run_predict(1, "--data %s --threshold 9 --jsonl /dev/full", program_data);
    assert_one_line(&output, "mvad: /dev/full: cannot write", "No space");
    assert_int_equal(count_lines(output.out), 1); /* it ended there */
    output_free(&output);
    expect_predict_error(1, "standard output", "--data %s --threshold 9 >/dev/full", program_data);
    /* A heat map whose place is taken by a folder. */
    tree_write_text("locked/bolt_b0_0.png/x", "");
    output = run_predict(1, "--data %s --threshold 9 --heatmaps %s", program_data, heat);
    assert_one_line(&output, "mvad: ", "locked/bolt_b0_0.png");
    output_free(&output);
    free(heat);
}

static void a_line_that_does_not_fit_leaves_nothing(void **state)
{
    (void)state;
    struct output output =
        expect_run(1,
                   "ulimit -f 4; " MVAD_PROGRAM
                   " predict --model @m.safetensors --data %s --threshold 9 --jsonl @cut.jsonl",
                   program_data);
    assert_one_line(&output, "mvad: ", "cut.jsonl: cannot write: File too large");
    size_t size;
    char *path = scratch_path("cut.jsonl"), *lines = (char *)read_bytes(path, &size);
    assert_in_range(size, 1, 4096);
    assert_int_equal(lines[size - 1], '\n');
    free(lines);
    free(path);
    output_free(&output);
}

static void wrong_usage(void **state)
{
    (void)state;
    expect_error(2, MVAD_PROGRAM " predict --data x", "--model is missing");
    expect_predict_error(2, "none of --data, --watch and --tensor", "--threshold 1");
    expect_predict_error(2, "one of them only", "--threshold 1 --data x y.png");
    expect_predict_error(2, "--tensor", "--tensor x y.png");
    expect_predict_error(2, "--jsonl", "--tensor x --jsonl y");
    expect_predict_error(2, "--threshold", "--tensor x --threshold 1");
    expect_predict_error(2, "--fail-on-defect", "--tensor x --fail-on-defect");
    expect_predict_error(2, "--dump", "--data x --dump y");
    expect_predict_error(2, "--batch", "--data x --batch 2");
    expect_predict_error(2, "--split 'half'", "--data x --split half");
    expect_predict_error(2, "--data", "x.png --split all");
    expect_predict_error(2, "--threshold: 'high'", "x.png --threshold high");
    expect_predict_error(2, "--threshold: 'nan'", "x.png --threshold nan");
    expect_predict_error(2, "--threshold: '1x'", "x.png --threshold 1x");
    expect_predict_error(2, "--heatmap-size", "x.png --heatmap-size -1");
    expect_predict_error(2, "17 photographs", "a b c d e f g h i j k l m n o p q --threshold 1");
    expect_predict_error(3, "/nonexistent", "--data /nonexistent --threshold 1");
    expect_predict_error(2, "has no class ''", "--data %s --classes '' --threshold 1", program_data);
    expect_predict_error(3, "no part", "--data %s --classes idle --threshold 1", program_data);
    expect_error(2, MVAD_PROGRAM " eval --model m --data d x", "unexpected argument 'x'");
    struct output output = run_predict(0, "--help");
    assert_non_null(strstr(output.out, "mvad predict [OPTION...] [IMAGE...]\n"));
    assert_non_null(strstr(output.out, "--fail-on-defect"));
    output_free(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_tell_the_verdict),
        cmocka_unit_test(thresholds_come_from_the_model),
        cmocka_unit_test(colours_come_from_the_model),
        cmocka_unit_test(outputs_that_cannot_be_written),
        cmocka_unit_test(a_line_that_does_not_fit_leaves_nothing),
        cmocka_unit_test(wrong_usage),
    };
    return cmocka_run_group_tests(tests, program_make, program_remove);
}
