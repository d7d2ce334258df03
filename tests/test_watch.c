/* `mvad predict --watch`: whole parts, missing views, broken and slowly written photographs, restarts, the
 * end by a signal, wrong usage. */
#include <cjson/cJSON.h>

#include "predict_program.h"

#define WATCH    \
    MVAD_PROGRAM \
    " predict --model @m.safetensors --threshold 9 --pattern {part}_{view}.png --watch @in "
#define QUICK "--once --settle 100 --timeout 1 "

/* Copies photographs "bolt-b1-0", .. as PART_C1.png, .. into the folder watched. */
static void put(const char *part, int first, int last)
{
    struct output output = expect_run(
        0,
        "mkdir -p @in; for v in $(seq %d %d); do cp %s/bolt-b1-$((v - 1)).png @in/%s_C$v.png; done",
        first, last, program_images, part);
    output_free(&output);
}

/* The line of a part among JSON lines; NULL: it has none. Deleted by the caller. */
static cJSON *line_of(const char *name, const char *part, size_t *lines)
{
    size_t size;
    char *path = scratch_path(name), *text = (char *)read_bytes(path, &size), *next = text, *line;
    cJSON *found = NULL;
    text[size] = 0;
    *lines = 0;
    while ((line = next_line(&next))) {
        cJSON *json = cJSON_Parse(line);
        const cJSON *of = cJSON_GetObjectItemCaseSensitive(json, "part");
        assert_true(cJSON_IsString(of));
        ++*lines;
        if (strcmp(of->valuestring, part) != 0) {
            cJSON_Delete(json);
            continue;
        }
        assert_null(found);
        found = json;
    }
    free(text);
    free(path);
    return found;
}

static void expect_line(const char *name, const char *part, size_t lines, const char *verdict,
                        int views, int missing)
{
    size_t count;
    cJSON *json = line_of(name, part, &count);
    assert_non_null(json);
    assert_int_equal(count, lines);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(json, "verdict")->valuestring, verdict);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "views")), views);
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(json, "missing_views")->valueint, missing);
    assert_true(cJSON_GetObjectItemCaseSensitive(json, "latency")->valuedouble >= 0.1);
    assert_int_equal(strlen(cJSON_GetObjectItemCaseSensitive(json, "time")->valuestring), 24);
    assert_int_equal(strlen(cJSON_GetObjectItemCaseSensitive(json, "model")->valuestring), 16);
    cJSON_Delete(json);
}

static void parts_are_put_together(void **state)
{
    (void)state;
    put("one", 1, 3);
    put("two_x", 1, 2);
    struct output output = expect_run(
        0, "head -c 99 @in/one_C1.png > @in/bad_C1.png; touch @in/bad_C2.png @in/.hidden_C1.png "
           "@in/other.txt; cp @in/one_C2.png @in/bad_C3.png");
    output_free(&output);
    output = expect_run(3, WATCH QUICK "--views 3 --done @done --jsonl @w.jsonl");
    assert_int_equal(count_lines(output.out), 3);
    assert_non_null(strstr(output.err, "in/bad_C1.png"));
    assert_non_null(strstr(output.err, "names do not fit"));
    assert_non_null(strstr(output.err, "3 parts"));
    output_free(&output);
    expect_line("w.jsonl", "one", 3, "OK", 3, 0);
    expect_line("w.jsonl", "two_x", 3, "OK", 2, 1);
    expect_line("w.jsonl", "bad", 3, "ERROR", 0, 0);
    /* The score is that of the photographs in one call. */
    size_t lines;
    cJSON *watched = line_of("w.jsonl", "one", &lines);
    output =
        run_predict(0, "--threshold 9 --jsonl - %s/bolt-b1-0.png %s/bolt-b1-1.png %s/bolt-b1-2.png",
                    program_images, program_images, program_images);
    cJSON *given = cJSON_Parse(output.out);
    assert_true(cJSON_GetObjectItemCaseSensitive(watched, "score")->valuedouble ==
                cJSON_GetObjectItemCaseSensitive(given, "score")->valuedouble);
    cJSON_Delete(watched);
    cJSON_Delete(given);
    output_free(&output);
    output = expect_run(0, "ls -A @in; ls @done | wc -l");
    assert_string_equal(output.out, ".hidden_C1.png\nother.txt\n8\n");
    output_free(&output);
}

/* After a restart nothing is judged twice, lines stay, and a name that comes again replaces nothing. */
static void restarts_lose_nothing(void **state)
{
    (void)state;
    struct output output = expect_run(0, WATCH QUICK "--views 3 --done @done --jsonl @w.jsonl");
    assert_string_equal(output.out, "");
    assert_non_null(strstr(output.err, "0 parts"));
    output_free(&output);
    put("three", 1, 3);
    put("one", 1, 1);
    output = expect_run(0, WATCH QUICK "--views 3 --done @done --jsonl @w.jsonl");
    assert_int_equal(count_lines(output.out), 2);
    output_free(&output);
    expect_line("w.jsonl", "three", 5, "OK", 3, 0);
    output = expect_run(0, "ls @done | grep -c one_C1");
    assert_string_equal(output.out, "2\n");
    output_free(&output);
    /* Without --done photographs stay, and --once judges each once. */
    put("four", 1, 3);
    output = expect_run(0, WATCH QUICK "--views 3; ls @in | grep -c four");
    assert_non_null(strstr(output.out, "four\tOK\t"));
    assert_int_equal(count_lines(output.out), 2);
    output_free(&output);
    output = expect_run(0, "rm @in/four_*");
    output_free(&output);
}

/* The second half comes after the time in which a whole file would have been taken, more than once. */
static void slow_writers_are_waited_for(void **state)
{
    (void)state;
    put("slow", 1, 2);
    struct output output = expect_run(
        0,
        "(f=%s/bolt-b1-2.png; head -c 200 $f > @in/slow_C3.png; sleep 1; tail -c +201 $f | head -c "
        "100 "
        ">> @in/slow_C3.png; sleep 1; tail -c +301 $f >> @in/slow_C3.png) & sleep 0.3; " WATCH
        "--once --settle 50 --timeout 20 --views 3 --done @done --jsonl @slow.jsonl; wait",
        program_images);
    output_free(&output);
    size_t lines;
    cJSON *json = line_of("slow.jsonl", "slow", &lines);
    assert_int_equal(lines, 1);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(json, "verdict")->valuestring, "OK");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "views")), 3);
    cJSON_Delete(json);
}

static void signals_end_it_cleanly(void **state)
{
    (void)state;
    put("last", 1, 3);
    struct output output =
        expect_run(0, WATCH "--settle 50 --views 3 --done @done --jsonl @t.jsonl & watcher=$!; "
                            "i=0; while [ ! -s @t.jsonl ] && [ $i -lt 600 ]; do sleep 0.1; "
                            "i=$((i + 1)); done; kill -TERM $watcher; wait $watcher");
    assert_int_equal(count_lines(output.out), 1);
    assert_non_null(strstr(output.err, "mvad: 1 part in "));
    assert_non_null(strstr(output.err, "1 OK, 0 NG, 0 ERROR"));
    output_free(&output);
}

static void refused(int code, const char *what, const char *options)
{
    char command[1024];
    snprintf(command, sizeof command,
             MVAD_PROGRAM " predict --model @m.safetensors --threshold 9 %s", options);
    expect_error(code, command, what);
}

static void wrong_usage(void **state)
{
    (void)state;
    refused(2, "give --done DIR", "--watch @in");
    refused(2, "--watch goes without", "--watch @in --done @done --data x");
    refused(2, "--done goes with --watch", "--done @done x.png");
    refused(2, "--timeout is -1", "--watch @in --done @done --timeout -1");
    refused(2, "is the folder watched", "--watch @in --done @in");
    refused(3, "/nonexistent", "--watch /nonexistent --done @done");
    static const struct {
        const char *pattern, *what;
    } patterns[] = {{"{part}.png", "must have {part} and {view}"},
                    {"{part}{view}.png", "two fields without a text between"},
                    {"{part}_{view}_{view}", "must have {part} and {view}"},
                    {"{part}_{side}", "braces that are none of"},
                    {"{part}/{view}", "has a slash"},
                    {"{part}_{view}*.*", "has * more than once"}};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char options[256];
        snprintf(options, sizeof options, "--watch @in --done @done --pattern '%s'",
                 patterns[i].pattern);
        refused(2, patterns[i].what, options);
    }
}

/* Class, view in front, and what changes from one photograph to the next. */
static void patterns_take_names_apart(void **state)
{
    (void)state;
    struct output output = expect_run(
        0,
        "mkdir @c; for v in 0 1; do cp %s/bolt-b1-$v.png @c/bolt+left-$v+A-1+09:1$v.png; "
        "done; " MVAD_PROGRAM " predict --model @m.safetensors --threshold 9 --watch @c " QUICK
        "--pattern '{class}+{view}+{part}+*.png'",
        program_images);
    assert_true(!strncmp(output.out, "bolt/A-1\tOK\t", 12));
    assert_non_null(strstr(output.out, "\tleft-"));
    output_free(&output);
}

static int remove_all(void **state)
{
    struct output output = expect_run(0, "rm -rf @in @done @c");
    output_free(&output);
    return program_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_put_together),
        cmocka_unit_test(restarts_lose_nothing),
        cmocka_unit_test(slow_writers_are_waited_for),
        cmocka_unit_test(signals_end_it_cleanly),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(patterns_take_names_apart),
    };
    return cmocka_run_group_tests(tests, program_make, remove_all);
}
