/* What `mvad report` makes of the files it is given: names that would break a page, training
 * logs, results that are old, wrong or of something else; and its exit codes. */
#include <math.h>
#include <sys/stat.h>

#include "html_check.h"
#include "report_case.h"
#include "run_program.h"

static cJSON *item(cJSON *json, const char *list, int index)
{
    cJSON *found = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, list), index);
    assert_non_null(found);
    return found;
}

static void set_text(cJSON *object, const char *key, const char *text)
{
    cJSON *string = cJSON_CreateString(text);
    assert_true(cJSON_ReplaceItemInObjectCaseSensitive(object, key, string));
}

/* A class and a part with these names, in the results only or in the data set as well. */
static void hostile_names_are_text(void **state)
{
    (void)state;
    static const char class_name[] = "</title><b a='1'>\"&amp;\xC3\xA9</b>";
    static const char escaped[] =
        "&lt;/title&gt;&lt;b a=&#39;1&#39;&gt;&quot;&amp;amp;\xC3\xA9&lt;/b&gt;";
    static const char bytes[] = "\"onload=\"x\x01\x7F\xE9\xED\xA0\x80\xEF\xBF\xBF\xF0\x9F\x94\xA7";
    cJSON *json = report_results();
    set_text(item(json, "classes", 1), "name", class_name);
    cJSON *part;
    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(json, "parts"))
    {
        const char *of = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(part, "class"));
        if (strcmp(of, "cap")) continue;
        set_text(part, "class", class_name);
        set_text(part, "part", bytes);
    }
    report_write_results("hostile.json", json);
    cJSON_Delete(json);
    report_run(MVAD_PROGRAM " report --model @m.safetensors --results @hostile.json --out @r.html",
               NULL);
    char *page = report_read_page();
    assert_int_equal(html_count(page, escaped), 2); /* in the table and above its section */
    assert_int_equal(html_count(page, "not in the data set"), 3);
    assert_int_equal(html_count(page, "<h4>&quot;onload=&quot;x\xEF\xBF\xBD\x7F\xEF\xBF\xBD\xEF\xBF"
                                      "\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF"
                                      "\xBD\xF0\x9F\x94\xA7</h4>"),
                     3);
    free(page);

    /* What a data set may hold; its path is in the page as well. */
    tree_write_text("a'&<b.csv", "class,sample,view,split,label,image\n"
                                 "<i>k&,\"<s1>\"\"'\",\"<v>&\"\"\",test,ok,images/bolt-b0-0.png\n"
                                 "<i>k&,s2,1,test,dent,images/bolt-b0-1.png\n");
    json = report_results();
    set_text(item(json, "classes", 0), "name", "<i>k&");
    cJSON_DeleteItemFromObject(json, "parts");
    cJSON *parts = cJSON_AddArrayToObject(json, "parts");
    part = cJSON_CreateObject();
    cJSON_AddStringToObject(part, "class", "<i>k&");
    cJSON_AddStringToObject(part, "part", "<s1>\"'");
    cJSON_AddStringToObject(part, "label", "normal");
    cJSON_AddNumberToObject(part, "score", 1e9);
    cJSON_AddItemToArray(parts, part);
    report_write_results("hostile.json", json);
    cJSON_Delete(json);
    char *data = tree_path("a'&<b.csv");
    struct output output =
        expect_run(0,
                   MVAD_PROGRAM " report --model @m.safetensors --results @hostile.json "
                                "--out @r.html --data \"%s\"",
                   data);
    /* Its score is another now. */
    assert_one_line(&output, "mvad: warning: ", "score differently");
    output_free(&output);
    free(data);
    page = report_read_page();
    assert_int_equal(html_count(page, "<h4>&lt;s1&gt;&quot;&#39;</h4>"), 1);
    assert_int_equal(html_count(page, "alt=\"photograph, view &lt;v&gt;&amp;&quot;\""), 1);
    assert_int_equal(html_count(page, "a&#39;&amp;&lt;b.csv"), 1);
    assert_int_equal(html_count(page, "1 of the parts shown score differently"), 1);
    free(page);
}

/* A part whose photograph is gone has the reason in the place of its pictures. */
static void parts_that_cannot_be_judged_say_why(void **state)
{
    (void)state;
    cJSON *json = report_results(), *parts = cJSON_CreateArray();
    for (int i = 0; i < 2; i++) {
        cJSON *part = cJSON_CreateObject();
        cJSON_AddStringToObject(part, "class", "cap");
        cJSON_AddStringToObject(part, "part", i ? "gone" : "here");
        cJSON_AddStringToObject(part, "label", "normal");
        cJSON_AddNumberToObject(part, "score", 1);
        cJSON_AddItemToArray(parts, part);
    }
    assert_true(cJSON_ReplaceItemInObjectCaseSensitive(json, "parts", parts));
    report_write_results("gone.json", json);
    cJSON_Delete(json);
    tree_write_text("gone.csv", "class,sample,view,label,image\ncap,gone,1,ok,images/gone.png\n"
                                "cap,here,1,ok,images/cap-c0-0.png\n");
    char *data = tree_path("gone.csv");
    struct output output =
        expect_run(0,
                   MVAD_PROGRAM " report --model @m.safetensors --results @gone.json "
                                "--out @r.html --data %s",
                   data);
    assert_int_equal(html_count(output.err, "images/gone.png"), 1);
    output_free(&output);
    free(data);
    char *page = report_read_page();
    assert_int_equal(html_count(page, "images/gone.png"), 1);
    assert_int_equal(html_count(page, "<img "), 2);
    free(page);
}

/* A log of so many steps whose rate drops to a tenth in the middle. */
static void write_log(const char *name, int steps)
{
    char *text = malloc((size_t)steps * 160 + 1), *end = text;
    assert_non_null(text);
    for (int i = 1; i <= steps; i++)
        end += sprintf(end,
                       "{\"step\":%d,\"epoch\":%d,\"loss\":%.9g,\"learning_rate\":%g,"
                       "\"gradient_norm\":1,\"samples_per_second\":3.25,"
                       "\"data_wait_share\":0.125,\"memory_bytes\":5e6}\n",
                       i, 1 + 10 * i / steps, 40.0 / i + 1 + 0.1 * (i % 7),
                       i > steps / 2 ? 0.0005 : 0.005);
    report_write_text(name, text);
    free(text);
}

static size_t page_size(const char *page, const char *section)
{
    const char *begin = strstr(page, section);
    assert_non_null(begin);
    const char *end = strstr(begin, "</section>");
    assert_non_null(end);
    return (size_t)(end - begin);
}

static void training_logs_become_curves(void **state)
{
    (void)state;
    write_log("log.jsonl", 600);
    report_run(REPORT "--log @log.jsonl --examples 1", NULL);
    char *page = report_read_page();
    assert_int_equal(html_count(page, "class=\"mark drop\""), 1);
    assert_int_equal(html_count(page, "learning rate × 0.1"), 1);
    assert_int_equal(html_count(page, "<figcaption>Metrics during training"), 0);
    assert_int_equal(html_count(page, "600 steps, 11 epochs, loss 1.567 at the last"), 1);
    assert_int_equal(html_count(page, "3.25 samples a second, 12.5 % of the time"), 1);
    const size_t few = page_size(page, "<h2>Training</h2>");
    free(page);

    /* A hundred times the steps are no more points. Metrics stand beside the log; an epoch that was
     * evaluated again counts once. */
    write_log("log.jsonl", 60000);
    report_write_text("evaluation.jsonl",
                      "{\"step\":1,\"epoch\":1,\"class\":\"a\",\"sample_auroc\":0.1}\n"
                      "{\"step\":1,\"epoch\":1,\"class\":\"mean\",\"sample_auroc\":0.75,"
                      "\"image_auroc\":0.5,\"pixel_aupro\":null}\n"
                      "{\"step\":2,\"epoch\":2,\"class\":\"mean\",\"sample_auroc\":0.25,"
                      "\"image_auroc\":0.625,\"pixel_aupro\":0.875}\n"
                      "{\"step\":2,\"epoch\":2,\"class\":\"mean\",\"sample_auroc\":1,"
                      "\"image_auroc\":0.625,\"pixel_aupro\":0.875}\n");
    report_run(REPORT "--log @log.jsonl --examples 1", NULL);
    page = report_read_page();
    assert_true(page_size(page, "<h2>Training</h2>") < few + 6000);
    assert_int_equal(html_count(page, "<figcaption>Metrics during training"), 1);
    assert_int_equal(html_count(page, "<circle class=\"first\""), 2);
    assert_int_equal(html_count(page, "<circle class=\"second\""), 2);
    assert_int_equal(html_count(page, "<circle class=\"third\""), 1);
    free(page);
    char *path = scratch_path("evaluation.jsonl");
    assert_int_equal(remove(path), 0);
    free(path);

    /* Of a run that was resumed the later lines count. */
    static const char step[] = "{\"step\":%d,\"epoch\":1,\"loss\":%d,\"learning_rate\":0.1}\n";
    static const int resumed[][2] = {{1, 9}, {2, 8}, {3, 70}, {4, 60}, {3, 7}, {4, 6}, {5, 5}};
    char *sections[2];
    for (int r = 0; r < 2; r++) {
        char text[1024] = "";
        for (int i = 0; i < 7; i++)
            if (!r || i < 2 || i > 3)
                sprintf(text + strlen(text), step, resumed[i][0], resumed[i][1]);
        report_write_text("log.jsonl", text);
        report_run(REPORT "--log @log.jsonl --examples 1", NULL);
        sections[r] = report_read_page();
    }
    assert_string_equal(sections[0], sections[1]);
    free(sections[0]);
    free(sections[1]);

    /* One step is a chart too. */
    write_log("log.jsonl", 1);
    report_run(REPORT "--log @log.jsonl --examples 1", NULL);
    free(report_read_page());
}

static void unreadable_lines_are_left_out(void **state)
{
    (void)state;
    static const char good[] = "{\"step\":1,\"epoch\":1,\"loss\":2,\"learning_rate\":0.1}\n";
    static const char *const bad[] = {"{\"step\":2,\"epoch\":1,\"lo",
                                      "nonsense\n",
                                      "{}\n",
                                      "\n",
                                      "{\"step\":2,\"loss\":null,\"learning_rate\":0.1}\n",
                                      "{\"step\":2,\"loss\":1,\"learning_rate\":0.1} more\n"};
    char text[512];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "%s%s", good, bad[i]);
        report_write_text("bad.jsonl", text);
        report_run(REPORT "--log @bad.jsonl --examples 1", "bad.jsonl: line 2 cannot be read");
        char *page = report_read_page();
        assert_int_equal(html_count(page, "1 line of the training log could not be read"), 1);
        assert_int_equal(html_count(page, "1 step, 1 epoch, loss 2 at the last"), 1);
        free(page);
    }
    /* A line that has no end within reason. */
    char *endless = malloc(200001);
    assert_non_null(endless);
    memset(endless, '[', 200000);
    strcpy(endless + 100000, "\nx\n");
    strcat(endless, good);
    report_write_text("bad.jsonl", endless);
    free(endless);
    report_run(REPORT "--log @bad.jsonl --examples 1",
               "bad.jsonl: 2 lines cannot be read and are left out, the first is line 1");
    char command[512];
    report_write_text("bad.jsonl", "nothing here\n");
    snprintf(command, sizeof command, REPORT "--data %s --log @bad.jsonl", report_case()->data);
    struct output output = expect_run(3, "%s", command);
    assert_non_null(strstr(output.err, "bad.jsonl: has no step of a training run"));
    output_free(&output);
}

static void old_results_give_tables_only(void **state)
{
    (void)state;
    cJSON *json = report_results();
    cJSON_DeleteItemFromObject(json, "parts");
    report_write_results("old.json", json);
    report_run(MVAD_PROGRAM " report --model @m.safetensors --results @old.json --out @r.html",
               "old.json: lists no parts");
    char *page = report_read_page();
    assert_int_equal(html_count(page, "do not list the scores of parts"), 1);
    assert_int_equal(html_count(page, "<img "), 0);
    assert_int_equal(html_count(page, "<th>bolt</th>"), 1);
    free(page);
    /* A list without parts is a list. */
    cJSON_AddArrayToObject(json, "parts");
    report_write_results("old.json", json);
    cJSON_Delete(json);
    report_run(MVAD_PROGRAM " report --model @m.safetensors --results @old.json --out @r.html",
               NULL);
    free(report_read_page());
}

static void expect_report_error(int code, const char *options, const char *what)
{
    char command[1024];
    snprintf(command, sizeof command, MVAD_PROGRAM " report --model @m.safetensors --data %s %s",
             report_case()->data, options);
    expect_error(code, command, what);
}

static void wrong_results_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *what;
    } wrong[] = {{"class", "\"none\"", "of a class that has no metrics"},
                 {"class", "1", "without its class and name"},
                 {"part", "null", "without its class and name"},
                 {"label", "\"good\"", "without a label"},
                 {"score", "\"1\"", "whose score is no number"},
                 {"score", "1e999", "whose score is no number"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cJSON *json = report_results();
        assert_true(cJSON_ReplaceItemInObjectCaseSensitive(item(json, "parts", 2), wrong[i].key,
                                                           cJSON_CreateRaw(wrong[i].value)));
        report_write_results("wrong.json", json);
        cJSON_Delete(json);
        expect_report_error(3, "--results @wrong.json --out @none.html", wrong[i].what);
    }
    cJSON *json = report_results();
    assert_true(cJSON_ReplaceItemInObjectCaseSensitive(json, "parts", cJSON_CreateNumber(1)));
    report_write_results("wrong.json", json);
    cJSON_Delete(json);
    expect_report_error(3, "--results @wrong.json --out @none.html", "parts that are no list");
    report_write_text("wrong.json", "[");
    expect_report_error(3, "--results @wrong.json --out @none.html", "wrong.json: is not JSON");
    report_write_text("wrong.json", "{}");
    expect_report_error(3, "--results @wrong.json --out @none.html", "wrong.json: has no classes");
    char *path = scratch_path("none.html");
    struct stat info;
    assert_int_equal(stat(path, &info), -1);
    free(path);
}

static void mistakes_have_exit_codes(void **state)
{
    (void)state;
    const char *data = report_case()->data;
    char command[512];
    expect_error(2, MVAD_PROGRAM " report --data x --results y", "--model is missing");
    expect_error(2, MVAD_PROGRAM " report --model x --results y", "--data is missing");
    expect_report_error(2, "", "--results is missing");
    expect_report_error(2, "--results @eval.json --examples 0", "--examples is 0");
    expect_report_error(2, "--results @eval.json --examples 21", "--examples is 21");
    expect_report_error(2, "--results @eval.json --threshold 1x", "--threshold: '1x'");
    expect_report_error(2, "--results @eval.json --threshold 0", "--threshold: '0'");
    expect_report_error(2, "--results @eval.json --threshold nan", "--threshold: 'nan'");
    expect_report_error(2, "--results @eval.json --out @n.html --classes none", "none");
    expect_report_error(3, "--results @missing.json --out @n.html", "missing.json: No such file");
    expect_report_error(3, "--results @eval.json --out @n.html --log @missing.jsonl",
                        "missing.jsonl: No such file");
    expect_report_error(4, "--results @eval.json --out @n.html --device abacus", "abacus");
    expect_error(3,
                 MVAD_PROGRAM " report --model @m.safetensors --results @eval.json "
                              "--out @n.html --data /nonexistent",
                 "/nonexistent");
    snprintf(command, sizeof command,
             MVAD_PROGRAM " report --model @eval.json --results @eval.json --out @n.html --data %s",
             data);
    expect_error(3, command, "eval.json");
    /* Said before anything is scored. */
    expect_report_error(1, "--results @eval.json --out /nonexistent/r.html",
                        "/nonexistent/r.html: cannot write");
    expect_report_error(1, "--results @eval.json --out /dev/null", "/dev/null: cannot write");
}

/* Files cannot grow beyond 4 KiB, neither the page nor the temporary file of its pictures: what was
 * there stays, and nothing is left beside it. */
static void a_failed_write_leaves_the_old_page(void **state)
{
    (void)state;
    static const char *const wanted[] = {"old.json: lists no parts",
                                         "out/r.html: cannot write: File too large",
                                         "cannot write a temporary file: File too large"};
    char *folder = tree_path("out"), *path = tree_path("out/r.html");
    tree_write_text("out/r.html", "old");
    cJSON *json = report_results();
    cJSON_DeleteItemFromObject(json, "parts");
    report_write_results("old.json", json);
    cJSON_Delete(json);
    for (int i = 0; i < 2; i++) {
        struct output output = expect_run(
            0,
            "trap '' XFSZ; ulimit -f 8; " MVAD_PROGRAM " report --model @m.safetensors --data %s "
            "--results @%s --out %s 2>&1; echo $?; ls -A %s",
            report_case()->data, i ? "eval.json" : "old.json", path, folder);
        if (!i) assert_non_null(strstr(output.out, wanted[0]));
        assert_non_null(strstr(output.out, wanted[1 + i]));
        assert_non_null(strstr(output.out, "\n1\nr.html\n"));
        output_free(&output);
        size_t size;
        uint8_t *bytes = read_bytes(path, &size);
        assert_int_equal(size, 3);
        assert_memory_equal(bytes, "old", 3);
        free(bytes);
    }
    free(path);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_names_are_text),
        cmocka_unit_test(parts_that_cannot_be_judged_say_why),
        cmocka_unit_test(training_logs_become_curves),
        cmocka_unit_test(unreadable_lines_are_left_out),
        cmocka_unit_test(old_results_give_tables_only),
        cmocka_unit_test(wrong_results_are_refused),
        cmocka_unit_test(mistakes_have_exit_codes),
        cmocka_unit_test(a_failed_write_leaves_the_old_page),
    };
    return cmocka_run_group_tests(tests, report_make, report_remove);
}
