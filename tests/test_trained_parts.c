/* Parts that a model was trained on, known again by their photographs: the hashes, and what `mvad calibrate`
 * does with such parts. */
#include "core/data/part_hashes.h"
#include "predict_program.h"

#define TRAIN                                                                           \
    MVAD_PROGRAM                                                                        \
    " train --backbone resnet18 --size 32 --windows 2,2,1 --topk 2,2,1 --blocks 1,1,1 " \
    "--epochs 1 --batch 2 --data %s --out %s"
#define CALIBRATE \
    MVAD_PROGRAM " calibrate --model %s --good %s --reject-rate 0.5 --unsure-rate 0.7 "

/* Good training parts of two photographs each: NAME=IMAGE, with blanks between. A name that begins with ! has
 * its views the other way round. */
static char *write_parts(const char *file, const char *list)
{
    char text[4096] = "class,sample,view,split,label,image\n", words[512], *rest = NULL;
    snprintf(words, sizeof words, "%s", list);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *image = strchr(word, '=');
        const int turned = *word == '!';
        *image++ = 0;
        for (int v = 0; v < 2; v++)
            snprintf(text + strlen(text), sizeof text - strlen(text),
                     "a,%s,%s%d,train,ok,images/%s-%d.png\n", word + turned, turned ? "X" : "C",
                     v + 1, image, turned ? 1 - v : v);
    }
    tree_write_text(file, text);
    return tree_path(file);
}

static void overlaps_are_told_or_left_out(void **state)
{
    (void)state;
    char *trained = write_parts("t.csv", "p1=bolt-b0 p2=bolt-b1 p3=bolt-b7 p4=cap-c0");
    char *same = write_parts("same.csv", "q9=cap-c0 !q8=bolt-b7 q7=bolt-b1 q6=bolt-b0");
    char *some = write_parts("some.csv", "n1=cap-c1 !n2=bolt-b7 n3=cap-c2 p1=bolt-t0");
    char *new = write_parts("new.csv", "p1=cap-c1 p2=cap-c2 p3=bolt-t0");
    char *run = tree_path("run"), command[1024];
    struct output output = expect_run(0, TRAIN, trained, run);
    output_free(&output);
    /* The same photographs under other names, in another order. */
    snprintf(command, sizeof command, CALIBRATE, run, same);
    expect_error(3, command, "the model was trained on these parts");
    snprintf(command, sizeof command, CALIBRATE "--skip-trained", run, same);
    expect_error(3, command, "the model was trained on these parts");
    /* One of four; another has only the name of one trained on. */
    snprintf(command, sizeof command, CALIBRATE, run, some);
    expect_error(3, command,
                 "trained on 1 of these 4 parts, which score lower than new ones: class "
                 "a, part n2");
    output = expect_run(0, CALIBRATE "--skip-trained", run, some);
    assert_non_null(strstr(output.out, "\na\t3\t"));
    assert_non_null(strstr(output.err, "mvad: 1 part is left out: the model was trained on it\n"));
    output_free(&output);
    output = expect_run(0, CALIBRATE, run, new);
    assert_non_null(strstr(output.out, "\na\t3\t"));
    assert_null(strstr(output.err, "left out"));
    output_free(&output);
    free(trained);
    free(same);
    free(some);
    free(new);
    free(run);
}

struct stop {
    size_t calls, at, scored; /* `scored`: parts, at the last call */
};

static int32_t stop_at(size_t done, size_t total, void *user)
{
    struct stop *stop = user;
    assert_int_equal(total, 3);
    stop->scored = done;
    return ++stop->calls == stop->at;
}

/* Three calls while the parts are compared with those trained on, and one for each that is scored. */
static void a_stopped_calibration_is_none(void **state)
{
    (void)state;
    char *trained = tree_path("t.csv"), *new = tree_path("new.csv");
    char *run = tree_path("fresh"), *file = tree_path("fresh/model.safetensors");
    struct output output = expect_run(0, TRAIN, trained, run);
    output_free(&output);
    mvad_model *model;
    mvad_device *device;
    mvad_dataset *dataset;
    mvad_dataset_options open = mvad_dataset_options_default();
    assert_int_equal(mvad_model_load(file, NULL, &model, NULL), MVAD_OK);
    assert_int_equal(mvad_device_open("cpu", 1, &device, NULL), MVAD_OK);
    open.image_size = mvad_model_config(model).image_size;
    assert_int_equal(mvad_dataset_open(new, &open, &dataset, NULL), MVAD_OK);
    for (size_t at = 1; at <= 7; at++) {
        struct stop stop = {.at = at};
        mvad_calibrate_options options = mvad_calibrate_options_default();
        int32_t finished = -1;
        options.progress = stop_at;
        options.user = &stop;
        assert_int_equal(mvad_calibrate(model, device, dataset, &options, &finished, NULL), MVAD_OK);
        assert_int_equal(stop.calls, at < 6 ? at : 6);
        assert_int_equal(stop.scored, at <= 3 ? 0 : at < 6 ? at - 3 : 3);
        assert_int_equal(finished, at == 7);
        assert_true((mvad_model_note(model, "mvad.calibration") != NULL) == (at == 7));
    }
    mvad_dataset_close(dataset);
    mvad_device_close(device);
    mvad_model_destroy(model);
    free(trained);
    free(new);
    free(run);
    free(file);
}

static void a_note_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "x",
                                      "1",
                                      "-1 ",
                                      "2 0123456789ab",
                                      "1 0123456789a",
                                      "1 0123456789aB",
                                      "2 0123456789ab0123456789aa",
                                      "0 0123456789ab",
                                      "1 0123456789ab ",
                                      "99999999999999999999999 "};
    struct part_hashes set;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(part_hashes_from_text(bad[i], &set));
        assert_null(set.hashes);
    }
    assert_true(part_hashes_from_text("2 0000000000010123456789ab", &set));
    assert_int_equal(set.count, 2);
    assert_true(part_hashes_have(&set, 1) && part_hashes_have(&set, 0x0123456789ab));
    assert_false(part_hashes_have(&set, 0) || part_hashes_have(&set, 2));
    part_hashes_free(&set);
    assert_true(part_hashes_from_text("0 ", &set));
    assert_false(part_hashes_have(&set, 1));
    part_hashes_free(&set);
}

/* Of more parts than a note has room for, those with the lowest hashes. */
static void notes_are_bounded(void **state)
{
    (void)state;
    enum { MANY = 3 * PART_HASHES_MAX };
    uint64_t *hashes = calloc(MANY + 2, sizeof *hashes);
    assert_non_null(hashes);
    for (uint64_t i = 0; i < MANY; i++) hashes[i] = 1 + i * 5 % MANY; /* 1 to MANY, mixed */
    char *text = part_hashes_to_text(hashes, MANY + 2);               /* two zeros: no hashes */
    struct part_hashes set;
    assert_non_null(text);
    assert_int_equal(strlen(text), 6 + 12 * PART_HASHES_MAX);
    assert_true(part_hashes_from_text(text, &set));
    assert_int_equal(set.parts, MANY);
    assert_int_equal(set.count, PART_HASHES_MAX);
    for (uint64_t i = 0; i <= MANY; i++)
        assert_true(part_hashes_have(&set, i) == (i >= 1 && i <= PART_HASHES_MAX));
    part_hashes_free(&set);
    free(text);
    free(hashes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlaps_are_told_or_left_out),
        cmocka_unit_test(a_stopped_calibration_is_none),
        cmocka_unit_test(a_note_that_is_none_is_refused),
        cmocka_unit_test(notes_are_bounded),
    };
    return cmocka_run_group_tests_name("trained parts", tests, program_make, program_remove);
}
