/* `mvad-bench tables`: counts against the paper's Table VI, and the forms of the output. */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>

#include "run_program.h"

#define DRY MVAD_BENCH_PROGRAM " tables --dry-run"

static const cJSON *find(const cJSON *rows, const char *table, const char *name)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        const char *in = cJSON_GetStringValue(cJSON_GetObjectItem(row, "paper_table"));
        const char *is = cJSON_GetStringValue(cJSON_GetObjectItem(row, "row"));
        if (!strcmp(in, table) && !strcmp(is, name)) return row;
    }
    return NULL;
}

static double value(const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(row, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

/* Processor time, so that a busy machine does not count. */
static void counting_takes_no_second(void **state)
{
    (void)state;
    struct rusage before, after;
    getrusage(RUSAGE_CHILDREN, &before);
    struct output output = expect_run(0, DRY);
    getrusage(RUSAGE_CHILDREN, &after);
    output_free(&output);
    const double seconds = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
                           1e-6 * (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec);
#ifdef __SANITIZE_ADDRESS__
    assert_true(seconds < 10);
#else
    assert_true(seconds < 1);
#endif
}

/* The numbers are the paper's own, not taken from the program. */
static void table_vi_is_within_a_percent(void **state)
{
    (void)state;
    static const double paper[] = {58.5, 68.5, 59.1, 58.4, 68.4, 59.0, 49.1};
    struct output output = expect_run(0, DRY " --format json");
    cJSON *json = cJSON_Parse(output.out);
    const cJSON *rows = cJSON_GetObjectItem(json, "tables");
    for (int i = 0; i < 7; i++) {
        const char name[] = {(char)('1' + i), 0};
        const cJSON *row = find(rows, "VI", name);
        assert_non_null(row);
        assert_true(fabs(value(row, "gmacs") / paper[i] - 1) < 0.01);
        assert_true(value(row, "paper_gmacs") == paper[i]);
        assert_true(value(row, "gflops") == 2 * value(row, "gmacs"));
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(row, "remark")), "within 1 %");
        assert_true(isnan(value(row, "seconds_per_sample")));
    }
    const cJSON *qkv = find(rows, "II", "MVAD, qkv");
    assert_true(fabs(value(qkv, "parameters_millions") / 18.7 - 1) < 0.01);
    assert_non_null(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(qkv, "remark")),
                           "GMACs: the paper's number is that of a model without projections"));
    cJSON_Delete(json);
    output_free(&output);
}

static size_t lines(const char *text)
{
    size_t count = 0;
    for (; *text; text++) count += *text == '\n';
    return count;
}

static void forms_hold_the_same_rows(void **state)
{
    (void)state;
    enum { ROWS = 22 };
    struct output text = expect_run(0, DRY), csv = expect_run(0, DRY " --format csv"),
                  markdown = expect_run(0, DRY " --format markdown");
    assert_int_equal(lines(text.out), ROWS + 7);      /* title, three lines, blank, title, head */
    assert_int_equal(lines(csv.out), ROWS + 1);       /* head */
    assert_int_equal(lines(markdown.out), ROWS + 10); /* the same, a rule, blanks after titles */
    assert_non_null(strstr(csv.out, "\ntables,II,\"MVAD, qkv\","));
    assert_non_null(strstr(markdown.out, "\n| VI | 7 | 49.1 | 49.1 | 98.2 |"));
    output_free(&text);
    output_free(&csv);
    output_free(&markdown);
    expect_error(2, DRY " --format xml", "--format 'xml'");
    expect_error(2, DRY " --batch 0", "--batch is 0");
    expect_error(2, DRY " --only III", "--only 'III'");
    csv = expect_run(0, DRY " --only II,VII --format csv");
    assert_int_equal(lines(csv.out), 2 + 4 + 1);
    output_free(&csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counting_takes_no_second),
        cmocka_unit_test(table_vi_is_within_a_percent),
        cmocka_unit_test(forms_hold_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
