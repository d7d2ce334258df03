/* What is written to files does not depend on the locale of the program that uses the library. */
#include <float.h>
#include <locale.h>

#include "core/base/number.h"
#include "train_case.h"

/* In this locale the decimal sign is a comma. A system has only the locales it was given, so it is
 * made from the sources that come with the C library's tools; without those all tests are skipped. */
static void make_locale(void)
{
    char command[1024];
    tree_write_text("locale/localedef.txt", "");
    char *folder = tree_path("locale");
    snprintf(command, sizeof command,
             "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' > '%s/localedef.txt' 2>&1", folder,
             folder);
    if (system(command) == 0) setenv("LOCPATH", folder, 1);
    free(folder);
}

static void use_comma(void)
{
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) skip();
    assert_string_equal(localeconv()->decimal_point, ",");
}

static int use_point(void **state)
{
    (void)state;
    return setlocale(LC_ALL, "C") ? 0 : -1;
}

static int make(void **state)
{
    if (train_case_make(state)) return -1;
    make_locale();
    return 0;
}

static void numbers_have_a_point(void **state)
{
    (void)state;
    char text[NUMBER_TEXT];
    const char *end, *const number = "-1.25e-3 left", *const comma = "0,5", *const none = "x";
    use_comma();
    number_to_text(-0.1, 17, text);
    assert_string_equal(text, "-0.10000000000000001");
    number_to_text(-DBL_MAX, 17, text);
    assert_string_equal(text, "-1.7976931348623157e+308");
    assert_true(number_from_text(number, &end) == -0.00125);
    assert_string_equal(end, " left");
    assert_true(number_from_text(comma, &end) == 0);
    assert_string_equal(end, ",5");
    number_from_text(none, &end);
    assert_ptr_equal(end, none);
    /* And the program's own numbers are as they were. */
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5");
}

static void scales_are_the_same(void **state)
{
    (void)state;
    const mvad_score_scale given = {0.25f, 0.5f, 0.75f};
    mvad_score_scale scale;
    use_comma();
    mvad_model *model = train_make_model(1);
    assert_int_equal(mvad_model_set_scale(model, &given, NULL), MVAD_OK);
    assert_string_equal(mvad_model_note(model, "mvad.scale"), "0.25 0.5 0.75");
    assert_int_equal(mvad_model_scale(model, &scale, NULL), MVAD_OK);
    assert_memory_equal(&scale, &given, sizeof scale);
    mvad_thresholds thresholds;
    assert_int_equal(mvad_model_set_note(model, "mvad.class_thresholds", "{\"a\":0.25}", NULL),
                     MVAD_OK);
    assert_int_equal(mvad_model_thresholds(model, "a", NULL, &thresholds, NULL), MVAD_OK);
    assert_true(thresholds.reject == 0.25f);
    mvad_model_destroy(model);
}

static int32_t stop_in_the_middle(const mvad_train_progress *progress, void *user)
{
    (void)user;
    return progress->step == STEPS / 2;
}

/* One half of the run in each. */
static void runs_are_the_same(void **state)
{
    (void)state;
    mvad_train_options options = train_make_options();
    mvad_error error;
    int32_t finished = 1;
    options.decay_factor = 0.3;
    use_comma();
    options.progress = stop_in_the_middle;
    if (train_run("comma", &options, 1, &finished, &error)) fail_msg("%s", error.message);
    assert_int_equal(finished, 0);
    setlocale(LC_ALL, "C");
    options.progress = NULL;
    options.resume = 1;
    train_whole("comma", &options);
    options.resume = 0;
    train_whole("plain", &options);
    assert_same_run("comma", "plain");
    cJSON *lines = train_read_log("comma", STEPS);
    assert_true(train_log_value(lines, 1, "learning_rate") == 1e-3);
    cJSON_Delete(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(numbers_have_a_point, use_point),
        cmocka_unit_test_teardown(scales_are_the_same, use_point),
        cmocka_unit_test_teardown(runs_are_the_same, use_point),
    };
    return cmocka_run_group_tests_name("locale", tests, make, train_case_remove);
}
