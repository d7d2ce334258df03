/* `mvad predict --watch`: names of missing views, heat maps, a calibrated model, files renamed into place. */
#include <cjson/cJSON.h>

#include "predict_program.h"

#define WATCH MVAD_PROGRAM " predict --pattern {part}_{view}.png --watch @in --done @done "
#define QUICK "--once --settle 100 --timeout 1 "
#define PLAIN "--model @m.safetensors --threshold 9 "

static void empty(void)
{
    struct output output = expect_run(0, "rm -rf @in @done @h @l.jsonl; mkdir @in");
    output_free(&output);
}

/* Copies photographs "bolt-b1-0", .. as PART_C1.png, .. for the views of a list such as "1 3". */
static void put(const char *part, const char *views)
{
    struct output output =
        expect_run(0, "for v in %s; do cp %s/bolt-b1-$((v - 1)).png @in/%s_C$v.png; done", views,
                   program_images, part);
    output_free(&output);
}

/* The line of a part in @l.jsonl, to be deleted. */
static cJSON *line_of(const char *part)
{
    struct output output = expect_run(0, "grep '\"part\":\"%s\"' @l.jsonl", part);
    cJSON *json = cJSON_Parse(output.out);
    assert_int_equal(count_lines(output.out), 1);
    assert_non_null(json);
    output_free(&output);
    return json;
}

/* Of a part: the number of views missing, and their names as they stand in the JSON line; "": none. */
static void expect_missing(const char *part, int missing, const char *names)
{
    cJSON *line = line_of(part);
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(line, "missing_views")->valueint, missing);
    char *text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(line, "missing_names"));
    assert_string_equal(text ? text : "", names);
    cJSON_free(text);
    cJSON_Delete(line);
}

static void missing_views_are_named(void **state)
{
    (void)state;
    empty();
    put("whole", "1 2 3");
    put("x", "1 3");
    put("y", "2");
    struct output output = expect_run(0, WATCH PLAIN QUICK "--views 3 --jsonl @l.jsonl");
    assert_int_equal(count_lines(output.out), 3);
    assert_non_null(strstr(output.out, "x\tOK\t"));
    assert_non_null(strstr(output.out, "\tmissing C2\n"));
    assert_non_null(strstr(output.out, "\tmissing C1, C3\n"));
    output_free(&output);
    expect_missing("whole", 0, "");
    expect_missing("x", 1, "[\"C2\"]");
    expect_missing("y", 2, "[\"C1\",\"C3\"]");

    /* Before any part was whole they are counted, unless they have been named. */
    empty();
    put("x", "1 3");
    output = expect_run(0, WATCH PLAIN QUICK "--views 3 --jsonl @l.jsonl");
    assert_non_null(strstr(output.out, "\tmissing 1\n"));
    output_free(&output);
    expect_missing("x", 1, "");
    empty();
    put("x", "1 3");
    output = expect_run(0, WATCH PLAIN QUICK "--view-names C0,C1,C2,C3 --jsonl @l.jsonl");
    assert_non_null(strstr(output.out, "\tmissing C0, C2\n"));
    output_free(&output);
    expect_missing("x", 2, "[\"C0\",\"C2\"]");
    expect_error(2, WATCH PLAIN "--view-names a,b,a", "--view-names 'a,b,a' is not 1 to 16");
    expect_error(2, WATCH PLAIN "--view-names a,,b", "--view-names 'a,,b' is not 1 to 16");
    expect_error(2, WATCH PLAIN "--view-names a,b --views 3", "has 2 names, --views is 3");
    expect_error(2, MVAD_PROGRAM " predict --model @m.safetensors --view-names a x.png",
                 "--view-names goes with --watch");
}

/* The same files as for photographs that lie there, and a part that comes again replaces its own. */
static void heat_maps_are_drawn(void **state)
{
    (void)state;
    empty();
    put("p", "1 2 3");
    struct output output = expect_run(0, WATCH PLAIN QUICK "--views 3 --heatmaps @h");
    output_free(&output);
    put("p", "1 2 3");
    output = expect_run(0, WATCH PLAIN QUICK "--views 3 --heatmaps @h; ls @h");
    assert_non_null(strstr(output.out, "\np_C1.png\np_C2.png\np_C3.png\n"));
    output_free(&output);
    output = expect_run(
        0,
        "printf 'class,sample,view,split,image\\n' > %s/../l.csv; for v in 1 2 3; do "
        "echo a,p,C$v,test,images/bolt-b1-$((v - 1)).png; done >> %s/../l.csv; " MVAD_PROGRAM
        " predict " PLAIN "--data %s/../l.csv --heatmaps @other > @ignored; "
        "for v in 1 2 3; do cmp @h/p_C$v.png @other/*p_C$v.png; done",
        program_images, program_images, program_images);
    assert_string_equal(output.out, "");
    output_free(&output);
}

/* Thresholds, verdicts and identities are those that the same photographs get by their paths. */
static void calibrated_models_judge(void **state)
{
    (void)state;
    empty();
    struct output output = expect_run(
        0,
        "(echo class,sample,view,split,label,image; for p in bolt-b0 bolt-b1 bolt-b7 bolt-t0 "
        "cap-c0; do for v in 0 1; do echo a,$p,C$((v + 1)),train,ok,images/$p-$v.png; done; done) "
        "> %s/../good.csv; " MVAD_PROGRAM
        " calibrate --model @m.safetensors --good %s/../good.csv --reject-rate 0.5 --unsure-rate "
        "0.7 --confidence 0.6 --out @c.safetensors",
        program_images, program_images);
    output_free(&output);
    static const char *const parts[] = {"bolt-b0", "bolt-b1", "bolt-b7", "bolt-t0", "cap-c0"};
    output = expect_run(0,
                        "for p in bolt-b0 bolt-b1 bolt-b7 bolt-t0 cap-c0; do for v in 0 1; do "
                        "cp %s/$p-$v.png @in/${p}_C$((v + 1)).png; done; done; " WATCH QUICK
                        "--model @c.safetensors --class a --views 2 --jsonl @l.jsonl",
                        program_images);
    assert_int_equal(count_lines(output.out), 5);
    assert_non_null(strstr(output.err, "; calibration "));
    output_free(&output);
    int verdicts[3] = {0};
    for (int p = 0; p < 5; p++) {
        output = expect_run(0,
                            MVAD_PROGRAM " predict --model @c.safetensors --class a %s/%s-0.png "
                                         "%s/%s-1.png --jsonl -",
                            program_images, parts[p], program_images, parts[p]);
        cJSON *given = cJSON_Parse(output.out), *watched = line_of(parts[p]);
        static const char *const same[] = {"verdict", "class", "model", "calibration"};
        static const char *const equal[] = {"score", "threshold", "accept_threshold", "relative"};
        for (int k = 0; k < 4; k++) {
            assert_string_equal(cJSON_GetObjectItemCaseSensitive(watched, same[k])->valuestring,
                                cJSON_GetObjectItemCaseSensitive(given, same[k])->valuestring);
            assert_true(cJSON_GetObjectItemCaseSensitive(watched, equal[k])->valuedouble ==
                        cJSON_GetObjectItemCaseSensitive(given, equal[k])->valuedouble);
        }
        const char *verdict = cJSON_GetObjectItemCaseSensitive(watched, "verdict")->valuestring;
        verdicts[!strcmp(verdict, "OK") ? 0 : !strcmp(verdict, "UNSURE") ? 1 : 2]++;
        cJSON_Delete(given);
        cJSON_Delete(watched);
        output_free(&output);
    }
    /* By rank, of five: one is above reject, two above accept (test_calibrate.c). */
    assert_int_equal(verdicts[2], 1);
    assert_int_equal(verdicts[1], 1);
    assert_int_equal(verdicts[0], 3);
}

/* Written under hidden names, slowly, and then renamed: whole at once, without time to settle. */
static void renamed_files_are_whole(void **state)
{
    (void)state;
    empty();
    struct output output = expect_run(
        0,
        "(for v in 1 2 3; do f=%s/bolt-b1-$((v - 1)).png; head -c 100 $f > @in/.r_C$v.png; "
        "sleep 0.3; tail -c +101 $f >> @in/.r_C$v.png; mv @in/.r_C$v.png @in/r_C$v.png; done) "
        "& " WATCH PLAIN "--settle 0 --timeout 60 --views 3 --jsonl @l.jsonl & watcher=$!; i=0; "
        "while [ ! -s @l.jsonl ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done; "
        "kill -TERM $watcher; wait $watcher",
        program_images);
    assert_non_null(strstr(output.err, "1 OK, 0 NG, 0 ERROR"));
    output_free(&output);
    expect_missing("r", 0, "");
    cJSON *line = line_of("r");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(line, "views")), 3);
    cJSON_Delete(line);
}

static int remove_all(void **state)
{
    struct output output = expect_run(0, "rm -rf @in @done @h @other");
    output_free(&output);
    return program_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_views_are_named),
        cmocka_unit_test(heat_maps_are_drawn),
        cmocka_unit_test(calibrated_models_judge),
        cmocka_unit_test(renamed_files_are_whole),
    };
    return cmocka_run_group_tests_name("watch more", tests, program_make, remove_all);
}
