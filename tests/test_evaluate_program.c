/* `mvad eval` from end to end: what it prints and writes, its memory, two results combined, its
 * exit codes. */
#include <cjson/cJSON.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "eval_data.h"
#include "run_program.h"

#define EVAL MVAD_PROGRAM " eval --model @m.safetensors "

static char *parts; /* the path of parts.csv */

static int prepare(void **state)
{
    if (eval_make(state)) return -1;
    parts = tree_path("parts.csv");
    return 0;
}

static int finish(void **state)
{
    free(parts);
    return eval_remove(state);
}

/* Peak of resident memory, in KiB, of `mvad eval` on a manifest of so many samples of 16 views, which
 * belong to the classes in turn. */
static long peak_of(int classes, int samples)
{
    char *text = malloc((size_t)samples * 16 * 64 + 64), *end = text;
    assert_non_null(text);
    end += sprintf(end, "class,sample,view,label,image\n");
    for (int s = 0; s < samples; s++)
        for (int v = 0; v < 16; v++)
            end += sprintf(end, "k%d,s%d,%d,%s,images/cap-c1-%d.png\n", s % classes, s, v,
                           s % 2 ? "ok" : "dent", v % 3);
    tree_write_text("many.csv", text);
    free(text);
    char *data = tree_path("many.csv"), *model = scratch_path("m.safetensors");
    struct rusage usage;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        if (freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr))
            execl(MVAD_PROGRAM, "mvad", "eval", "--model", model, "--data", data, "--threads", "1",
                  (char *)NULL);
        _exit(127);
    }
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    free(data);
    free(model);
    return usage.ru_maxrss;
}

/* What 50 more samples would hold, if their images and maps were kept, is 13 MB. */
static void memory_does_not_grow_with_samples_or_classes(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* it keeps what is freed for a while */
#endif
    struct rusage own;
    const long few = peak_of(1, 5), many = peak_of(1, 55), classes = peak_of(5, 5);
    getrusage(RUSAGE_SELF, &own);
    /* A child's peak begins with its parent's. */
    assert_true(own.ru_maxrss < few);
    if (many - few >= 3 * 1024 || many > few + few / 10 || classes - few >= 3 * 1024)
        print_error("peak of 5 samples %ld KiB, of 55 %ld KiB, of 5 in as many classes %ld KiB\n",
                    few, many, classes);
    assert_true(many - few < 3 * 1024 && many <= few + few / 10);
    assert_true(classes - few < 3 * 1024);
}

/* A file of the scratch folder as text, to be freed. */
static char *read_text(const char *name)
{
    size_t size;
    char *path = scratch_path(name), *text = (char *)read_bytes(path, &size);
    text[size] = 0;
    free(path);
    return text;
}

static void write_text(const char *name, const char *text)
{
    char *path = scratch_path(name);
    write_bytes(path, text, strlen(text));
    free(path);
}

static cJSON *read_json(const char *name)
{
    char *text = read_text(name);
    cJSON *json = cJSON_Parse(text);
    assert_non_null(json);
    free(text);
    return json;
}

static const cJSON *find(const cJSON *json, const char *key)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(json, key);
    if (!found) print_error("no %s\n", key);
    assert_non_null(found);
    return found;
}

static const char *const keys[MVAD_METRIC_COUNT] = {
    "sample_auroc", "sample_ap",   "sample_f1_max", "image_auroc",  "image_ap",
    "image_f1_max", "pixel_auroc", "pixel_ap",      "pixel_f1_max", "pixel_aupro"};

/* Follows `*at` over a cell up to the separator, and returns the cell without its blanks. */
static const char *next_cell(const char **at, char separator, char cell[64])
{
    size_t length = 0;
    for (; **at && **at != separator && **at != '\n'; ++*at)
        if (**at != ' ' && length + 1 < 64) cell[length++] = **at;
    cell[length] = 0;
    if (**at) ++*at;
    return cell;
}

static void keep_row(const mvad_metrics_row *row, void *user)
{
    mvad_metrics_row **next = user;
    *(*next)++ = *row;
}

/* bolt, cap, mean as the library has them. */
static void evaluate(mvad_metrics_row rows[3])
{
    mvad_model *model;
    mvad_device *device;
    mvad_dataset *dataset;
    mvad_dataset_options open = mvad_dataset_options_default();
    mvad_evaluate_options options = mvad_evaluate_options_default();
    mvad_metrics_row *next = rows;
    char *path = scratch_path("m.safetensors");
    assert_int_equal(mvad_model_load(path, NULL, &model, NULL), MVAD_OK);
    assert_int_equal(mvad_device_open("cpu", 0, &device, NULL), MVAD_OK);
    assert_int_equal(mvad_dataset_open(parts, &open, &dataset, NULL), MVAD_OK);
    assert_int_equal(mvad_evaluate(model, device, dataset, &options, keep_row, &next, NULL),
                     MVAD_OK);
    assert_ptr_equal(next, rows + 3);
    mvad_dataset_close(dataset);
    mvad_device_close(device);
    mvad_model_destroy(model);
    free(path);
}

/* Each form has the library's numbers. */
static void all_forms_agree(void **state)
{
    (void)state;
    static const char *const names[] = {"bolt", "cap", "mean"};
    mvad_metrics_row rows[3];
    evaluate(rows);
    struct output output =
        expect_run(0, EVAL "--data %s --json @r.json --csv @r.csv --markdown @r.md", parts);
    char *csv = read_text("r.csv"), *markdown = read_text("r.md"), cell[64], percent[32];
    const char *in_csv = strchr(csv, '\n') + 1, *in_text = strstr(output.out, "\nbolt ");
    const char *in_markdown = strstr(markdown, "\n| bolt |");
    cJSON *json = read_json("r.json");
    assert_non_null(in_text);
    assert_non_null(in_markdown);
    in_text++;
    in_markdown++;
    for (int r = 0; r < 3; r++) {
        const cJSON *item =
            r < 2 ? cJSON_GetArrayItem(find(json, "classes"), r) : find(json, "mean");
        if (r < 2) assert_string_equal(find(item, "name")->valuestring, names[r]);
        assert_true(find(item, "samples")->valuedouble == (double)rows[r].samples);
        assert_true(find(item, "views")->valuedouble == (double)rows[r].views);
        assert_string_equal(next_cell(&in_csv, ',', cell), names[r]);
        next_cell(&in_markdown, '|', cell);
        assert_string_equal(next_cell(&in_markdown, '|', cell), names[r]);
        assert_int_equal(strncmp(in_text, names[r], strlen(names[r])), 0);
        in_text += strlen(names[r]);
        for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
            const double value = rows[r].value[m];
            const cJSON *number = find(find(item, "metrics"), keys[m]);
            next_cell(&in_csv, ',', cell);
            if (isnan(value)) {
                assert_true(cJSON_IsNull(number));
                assert_string_equal(cell, "");
                strcpy(percent, "-");
            } else {
                assert_true(cJSON_IsNumber(number) && fabs(number->valuedouble - value) < 1e-12);
                assert_true(fabs(atof(cell) - value) < 1e-8);
                snprintf(percent, sizeof percent, "%.1f", 100 * value);
            }
            assert_string_equal(next_cell(&in_markdown, '|', cell), percent);
            in_text += strspn(in_text, " ");
            assert_int_equal(strncmp(in_text, percent, strlen(percent)), 0);
            in_text += strlen(percent);
        }
        assert_int_equal(*in_text++, '\n');
        in_csv = strchr(in_csv, '\n') + 1;
        in_markdown = strchr(in_markdown, '\n') + 1;
    }
    assert_true(!*in_text && !*in_csv && !*in_markdown);
    assert_int_equal(cJSON_GetArraySize(find(json, "classes")), 2);
    assert_string_equal(find(json, "version")->valuestring, mvad_version());
    assert_string_equal(find(json, "data")->valuestring, parts);
    assert_non_null(strstr(find(json, "model")->valuestring, "m.safetensors"));
    assert_true(find(json, "seconds")->valuedouble > 0 && cJSON_IsFalse(find(json, "strips")));
    /* A warning for each level of the class without anomalous samples, nothing else. */
    assert_non_null(strstr(output.err, "mvad: warning: class cap: sample metrics"));
    assert_non_null(strstr(output.err, "mvad: warning: class cap: image metrics"));
    assert_non_null(strstr(output.err, "mvad: warning: class cap: pixel metrics"));
    int lines = 0;
    for (const char *c = output.err; *c; c++) lines += *c == '\n';
    assert_int_equal(lines, 3);
    cJSON_Delete(json);
    free(csv);
    free(markdown);
    output_free(&output);
}

/* A result file of classes k and l. */
static void write_result(const char *name, const char *classes[2], const double values[2],
                         const char *last, bool strips)
{
    char text[2048];
    size_t used =
        (size_t)sprintf(text, "{\"strips\": %s, \"classes\": [", strips ? "true" : "false");
    for (int c = 0; c < 3; c++) {
        if (c < 2)
            used += (size_t)sprintf(text + used, "%s{\"name\": \"%s\", ", c ? "," : "", classes[c]);
        else
            used += (size_t)sprintf(text + used, "], \"mean\": {");
        used += (size_t)sprintf(text + used, "\"samples\": 4, \"views\": 8, \"metrics\": {");
        for (int m = 0; m < MVAD_METRIC_COUNT; m++)
            if (m + 1 < MVAD_METRIC_COUNT || c != 1)
                used += (size_t)sprintf(text + used, "%s\"%s\": %g", m ? "," : "", keys[m],
                                        values[c % 2] + 0.01 * m);
            else
                used += (size_t)sprintf(text + used, ", \"%s\": %s", keys[m], last);
        used += (size_t)sprintf(text + used, "}}");
    }
    sprintf(text + used, "}");
    write_text(name, text);
}

static void two_results_combine(void **state)
{
    (void)state;
    const char *both[2] = {"k", "l"}, *others[2] = {"k", "x"};
    write_result("a.json", both, (double[]){0.5, 0.2}, "0.6", false);
    write_result("b.json", (const char *[]){"l", "k"}, (double[]){0.4, 0.7}, "0.3", false);
    struct output output =
        expect_run(0, MVAD_PROGRAM " eval --combine @a.json @b.json --json @c.json");
    assert_string_equal(output.err, "");
    assert_non_null(strstr(output.out, "\nk "));
    cJSON *json = read_json("c.json");
    const cJSON *classes = find(json, "classes"), *mean = find(find(json, "mean"), "metrics");
    /* AUPRO of k is 0.59 and 0.3, of l 0.6 and 0.49. */
    const double last[2] = {(0.59 + 0.3) / 2, (0.6 + 0.49) / 2};
    for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
        double wanted[2] = {0.6 + 0.01 * m, 0.3 + 0.01 * m};
        if (m + 1 == MVAD_METRIC_COUNT) memcpy(wanted, last, sizeof last);
        for (int c = 0; c < 2; c++) {
            const cJSON *item = cJSON_GetArrayItem(classes, c);
            assert_string_equal(find(item, "name")->valuestring, both[c]);
            assert_true(fabs(find(find(item, "metrics"), keys[m])->valuedouble - wanted[c]) < 1e-9);
        }
        assert_true(fabs(find(mean, keys[m])->valuedouble - (wanted[0] + wanted[1]) / 2) < 1e-9);
    }
    cJSON_Delete(json);
    output_free(&output);

    /* Undefined in one is undefined, and left out of the mean. */
    write_result("n.json", both, (double[]){0.5, 0.2}, "null", false);
    output = expect_run(0, MVAD_PROGRAM " eval --combine=@a.json @n.json --json @c.json");
    assert_one_line(&output, "mvad: warning: class l: pixel metrics", "undefined");
    json = read_json("c.json");
    assert_true(cJSON_IsNull(
        find(find(cJSON_GetArrayItem(find(json, "classes"), 1), "metrics"), "pixel_aupro")));
    assert_true(fabs(find(find(find(json, "mean"), "metrics"), "pixel_aupro")->valuedouble - 0.59) <
                1e-9);
    cJSON_Delete(json);
    output_free(&output);

    /* The same classes are asked of both, whichever has more. */
    json = read_json("a.json");
    cJSON_DeleteItemFromArray(cJSON_GetObjectItemCaseSensitive(json, "classes"), 1);
    char *few = cJSON_Print(json);
    write_text("few.json", few);
    cJSON_free(few);
    cJSON_Delete(json);
    expect_error(3, MVAD_PROGRAM " eval --combine @few.json @a.json", "few.json: has no class l");
    expect_error(3, MVAD_PROGRAM " eval --combine @a.json @few.json", "few.json: has no class l");

    write_result("x.json", others, (double[]){0.5, 0.2}, "0.6", false);
    write_result("s.json", both, (double[]){0.5, 0.2}, "0.6", true);
    write_result("high.json", both, (double[]){0.5, 0.2}, "1.5", false);
    write_text("text.json", "not JSON");
    expect_error(3, MVAD_PROGRAM " eval --combine @a.json @x.json", "no class l");
    expect_error(3, MVAD_PROGRAM " eval --combine @a.json @s.json", "--strips");
    expect_error(3, MVAD_PROGRAM " eval --combine @high.json @a.json", "high.json: has a class");
    expect_error(3, MVAD_PROGRAM " eval --combine @a.json @text.json", "text.json: is not JSON");
    expect_error(3, MVAD_PROGRAM " eval --combine @a.json @none.json", "none.json: No such file");
    expect_error(2, MVAD_PROGRAM " eval --combine @a.json", "two result files");
    expect_error(2, MVAD_PROGRAM " eval --combine @a.json --csv @c.csv", "two result files");
    expect_error(2, EVAL "--combine @a.json @b.json", "--combine");
}

static void expect_eval_error(int code, const char *options, const char *what)
{
    char command[1024];
    snprintf(command, sizeof command, EVAL "%s", options);
    expect_error(code, command, what);
}

static void bad_images_stop_or_are_skipped(void **state)
{
    (void)state;
    char options[512];
    tree_write_text("bad.csv", "class,sample,view,label,image\nk,s1,1,ok,images/bolt-b0-0.png\n"
                               "k,s2,1,dent,images/bolt-b0-1.png\nk,s3,1,ok,images/none.png\n"
                               "k,s4,1,ok,images/broken.png\nk,s5,1,ok,images/bolt-b1-0.png\n");
    tree_write_text("images/broken.png", "\x89PNG and no more");
    char *bad = tree_path("bad.csv");
    write_text("old.json", "old");
    snprintf(options, sizeof options, "--data %s --json @old.json", bad);
    expect_eval_error(3, options, "images/none.png");
    char *text = read_text("old.json");
    assert_string_equal(text, "old");
    free(text);
    struct output output = expect_run(0, EVAL "--skip-bad --data %s --json @new.json", bad);
    assert_non_null(strstr(output.err, "mvad: skipped: "));
    assert_non_null(strstr(output.err, "images/none.png"));
    assert_non_null(strstr(output.err, "images/broken.png"));
    output_free(&output);
    cJSON *json = read_json("new.json");
    assert_int_equal(find(find(json, "mean"), "samples")->valueint, 3);
    cJSON_Delete(json);
    free(bad);
}

static void mistakes_have_exit_codes(void **state)
{
    (void)state;
    char options[512];
    expect_error(2, MVAD_PROGRAM " eval --data nowhere", "--model is missing");
    expect_eval_error(2, "", "--data is missing");
    expect_eval_error(2, "--data nowhere --batch 0", "--batch");
    expect_eval_error(3, "--data /nonexistent", "/nonexistent");
    expect_eval_error(4, "--data nowhere --device abacus", "abacus");
    snprintf(options, sizeof options, "--data %s --classes bolt,none", parts);
    expect_eval_error(2, options, "none");
    snprintf(options, sizeof options, "--data %s --classes idle", parts);
    expect_eval_error(3, options, "no test samples");
    /* Found before anything is scored. */
    snprintf(options, sizeof options, "--data %s --csv /nonexistent/r.csv", parts);
    expect_eval_error(1, options, "/nonexistent/r.csv: cannot write");
    snprintf(options, sizeof options, "--data %s --markdown /dev/null", parts);
    expect_eval_error(1, options, "/dev/null: cannot write");
    snprintf(options, sizeof options, "--data %s --maps /nonexistent/maps", parts);
    expect_eval_error(1, options, "/nonexistent/maps");
    snprintf(options, sizeof options, "--data %s --maps @m.safetensors", parts);
    expect_eval_error(1, options, ".npy: cannot");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_does_not_grow_with_samples_or_classes), /* first: see there */
        cmocka_unit_test(all_forms_agree),
        cmocka_unit_test(two_results_combine),
        cmocka_unit_test(bad_images_stop_or_are_skipped),
        cmocka_unit_test(mistakes_have_exit_codes),
    };
    return cmocka_run_group_tests(tests, prepare, finish);
}
