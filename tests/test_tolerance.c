/* Bounds on rates of false rejects, against SciPy's distributions (golden/make_tolerance.py) and Wilks's
 * numbers of parts. */
#include <math.h>

#include "core/score/tolerance.h"
#include "make_safetensors.h"

static void bounds_are_those_of_scipy(void **state)
{
    (void)state;
    FILE *file = fopen(MVAD_TEST_DIR "/golden/tolerance.csv", "r");
    char line[256];
    size_t n, rows = 0, above;
    double rate, confidence, bound;
    int expected;
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    for (; fgets(line, sizeof line, file); rows++) {
        assert_int_equal(
            sscanf(line, "%zu,%lf,%lf,%d,%lf", &n, &rate, &confidence, &expected, &bound), 5);
        const bool enough = tolerance_above(n, rate, confidence, &above);
        assert_int_equal(enough, expected >= 0);
        assert_int_equal(above, expected < 0 ? 0 : expected);
        const double error = fabs(tolerance_bound(n, above, confidence) / bound - 1);
        if (error > 1e-9) fail_msg("%s: off by %g", line, error);
        if (enough) assert_true(bound <= rate);
    }
    fclose(file);
    assert_true(rows > 100);
}

/* The classic table: so many parts for one-sided limits of 95 % and 99 % at 95 % confidence, with the
 * highest, the second, the third .. as the limit (Wilks 1941; Nutt and Wallis 2004 have the numbers). */
static void parts_needed_are_those_of_wilks(void **state)
{
    (void)state;
    static const size_t wilks[] = {59, 93, 124, 153, 181};
    size_t above;
    assert_int_equal(tolerance_parts_needed(0.05, 0.95), 59);
    assert_int_equal(tolerance_parts_needed(0.01, 0.95), 299);
    assert_int_equal(mvad_calibration_parts_needed(0.01, 0.95), 299);
    assert_int_equal(mvad_calibration_parts_needed(0, 0.95), 0);
    assert_int_equal(mvad_calibration_parts_needed(0.01, 1), 0);
    for (size_t i = 0; i < sizeof wilks / sizeof *wilks; i++) {
        assert_true(tolerance_above(wilks[i], 0.05, 0.95, &above));
        assert_int_equal(above, i);
        assert_int_equal(tolerance_above(wilks[i] - 1, 0.05, 0.95, &above), i > 0);
        assert_int_equal(above, i ? i - 1 : 0);
    }
}

static void verdicts_follow_from_thresholds(void **state)
{
    (void)state;
    const mvad_thresholds thresholds = {.accept = 1, .reject = 2, .pixel = 0.5f};
    static const struct {
        float score;
        const char *verdict;
    } cases[] = {{0.9f, "OK"}, {1, "OK"},      {1.1f, "UNSURE"}, {2, "UNSURE"},
                 {2.1f, "NG"}, {NAN, "ERROR"}, {INFINITY, "NG"}, {-INFINITY, "OK"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(mvad_verdict_name(mvad_thresholds_judge(&thresholds, cases[i].score)),
                            cases[i].verdict);
    assert_null(mvad_verdict_name(MVAD_VERDICT_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_those_of_scipy),
        cmocka_unit_test(parts_needed_are_those_of_wilks),
        cmocka_unit_test(verdicts_follow_from_thresholds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
