/* `mvad eval` with a calibrated model: scores relative to its thresholds, computed here once more from the
 * scores that it lists. */
#include <cjson/cJSON.h>
#include <math.h>

#include "predict_program.h"

static const struct {
    const char *class_name, *label, *image;
} parts[] = {
    {"a", "ok", "bolt-b0"},   {"a", "ok", "bolt-b1"},  {"a", "ok", "bolt-b7"},
    {"a", "dent", "bolt-t0"}, {"a", "dent", "cap-t0"}, {"b", "ok", "cap-c0"},
    {"b", "ok", "cap-c1"},
};
enum { PARTS = sizeof parts / sizeof *parts };

/* All of them, as good training parts or as test parts with their labels. Freed by the caller. */
static char *write_parts(const char *name, const char *split)
{
    char text[4096] = "class,sample,view,split,label,image\n";
    for (int p = 0; p < PARTS; p++)
        for (int v = 0; v < 2; v++)
            snprintf(text + strlen(text), sizeof text - strlen(text),
                     "%s,p%d,C%d,%s,%s,images/%s-%d.png\n", parts[p].class_name, p, v + 1, split,
                     strcmp(split, "test") != 0 ? "ok" : parts[p].label, parts[p].image, v);
    tree_write_text(name, text);
    return tree_path(name);
}

static cJSON *read_json(const char *name)
{
    size_t size;
    char *path = scratch_path(name), *text = (char *)read_bytes(path, &size);
    cJSON *json = cJSON_ParseWithLength(text, size);
    assert_non_null(json);
    free(text);
    free(path);
    return json;
}

static const cJSON *item(const cJSON *json, const char *key)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(json, key);
    assert_non_null(found);
    return found;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What a class's row should say of the parts with this label. */
struct wanted {
    double values[PARTS];
    size_t count, unsure, good, bad;
};

static struct wanted gather(const cJSON *list, const mvad_model *model, const char *class_name,
                            const char *label)
{
    struct wanted wanted = {.count = 0};
    mvad_thresholds thresholds;
    const cJSON *part;
    assert_int_equal(mvad_model_thresholds(model, class_name, NULL, &thresholds, NULL), MVAD_OK);
    cJSON_ArrayForEach(part, list)
    {
        if (strcmp(item(part, "class")->valuestring, class_name) != 0 ||
            strcmp(item(part, "label")->valuestring, label) != 0)
            continue;
        const float score = (float)item(part, "score")->valuedouble;
        const char *verdict = item(part, "verdict")->valuestring;
        const bool bad = score > thresholds.reject, good = score <= thresholds.accept;
        assert_string_equal(verdict, bad ? "NG" : good ? "OK" : "UNSURE");
        const double relative = (double)score / thresholds.reject;
        assert_true(fabs(item(part, "relative")->valuedouble - relative) < 1e-6 * relative);
        wanted.values[wanted.count++] = relative;
        wanted.bad += bad;
        wanted.good += good;
        wanted.unsure += !bad && !good;
    }
    qsort(wanted.values, wanted.count, sizeof *wanted.values, compare);
    return wanted;
}

static double median(const struct wanted *wanted)
{
    const size_t half = wanted->count / 2;
    return wanted->count % 2 ? wanted->values[half]
                             : (wanted->values[half - 1] + wanted->values[half]) / 2;
}

static void is_near(const cJSON *row, const char *key, double value)
{
    assert_true(fabs(item(row, key)->valuedouble - value) <= 1e-6 * fabs(value));
}

/* Column `name` of a line of the CSV file, which the test's own names need no quotes in. */
static double csv_value(const char *text, size_t line, const char *name)
{
    size_t column = 0, at = 0;
    const char *c = text;
    char header[1024];
    snprintf(header, sizeof header, "%.*s", (int)strcspn(text, "\n"), text);
    for (char *rest, *word = strtok_r(header, ",", &rest); word;
         word = strtok_r(NULL, ",", &rest), column++)
        if (!strcmp(word, name)) break;
    for (size_t i = 0; i < line; i++) c = strchr(c, '\n') + 1;
    for (; at < column; at++) c = strchr(c, ',') + 1;
    return *c == ',' || *c == '\n' ? NAN : strtod(c, NULL);
}

static void scores_are_told_beside_the_thresholds(void **state)
{
    (void)state;
    char *good = write_parts("good.csv", "train"), *test = write_parts("tested.csv", "test");
    struct output output =
        expect_run(0,
                   MVAD_PROGRAM " calibrate --model @m.safetensors --reject-rate 0.5 --unsure-rate "
                                "0.7 --confidence 0.6 --good %s --out @c.safetensors",
                   good);
    output_free(&output);
    output = expect_run(
        0, MVAD_PROGRAM " eval --model @c.safetensors --data %s --json @r.json --csv @r.csv", test);
    char *path = scratch_path("c.safetensors");
    mvad_model *model;
    mvad_calibration facts;
    assert_int_equal(mvad_model_load(path, NULL, &model, NULL), MVAD_OK);
    free(path);
    assert_int_equal(mvad_model_calibration(model, &facts, NULL, NULL, NULL), MVAD_OK);
    assert_non_null(strstr(output.out, "\nscores / reject threshold, calibration "));
    assert_non_null(strstr(output.out, facts.id));
    cJSON *json = read_json("r.json");
    const cJSON *list = item(json, "parts"), *row;
    assert_int_equal(cJSON_GetArraySize(list), PARTS);
    assert_string_equal(item(json, "calibration")->valuestring, facts.id);
    path = scratch_path("r.csv");
    size_t size, line = 0;
    char *csv = (char *)read_bytes(path, &size);
    csv = realloc(csv, size + 1);
    assert_non_null(csv);
    csv[size] = 0;
    cJSON_ArrayForEach(row, item(json, "classes"))
    {
        const char *name = item(row, "name")->valuestring;
        const cJSON *relative = item(row, "relative");
        const struct wanted ok = gather(list, model, name, "normal");
        const struct wanted dent = gather(list, model, name, "anomalous");
        mvad_thresholds thresholds;
        assert_int_equal(mvad_model_thresholds(model, name, NULL, &thresholds, NULL), MVAD_OK);
        line++;
        is_near(relative, "threshold", thresholds.reject);
        is_near(relative, "good_relative_median", median(&ok));
        is_near(relative, "good_relative_highest", ok.values[ok.count - 1]);
        is_near(relative, "good_unsure", (double)ok.unsure);
        is_near(relative, "good_rejected", (double)ok.bad);
        if (dent.count) {
            is_near(relative, "anomalous_relative_lowest", dent.values[0]);
            is_near(relative, "anomalous_relative_median", median(&dent));
            is_near(relative, "anomalous_unsure", (double)dent.unsure);
            is_near(relative, "anomalous_accepted", (double)dent.good);
        } else {
            assert_true(cJSON_IsNull(item(relative, "anomalous_relative_lowest")));
            assert_true(isnan(csv_value(csv, line, "anomalous_relative_lowest")));
        }
        assert_true(fabs(csv_value(csv, line, "good_relative_median") - median(&ok)) < 1e-6);
        assert_true(csv_value(csv, line, "good_rejected") == (double)ok.bad);
        assert_true(fabs(csv_value(csv, line, "threshold") - thresholds.reject) < 1e-6);
        char shown[64];
        snprintf(shown, sizeof shown, "%.6g%9.3f%9.3f%9zu%9zu", (double)thresholds.reject,
                 median(&ok), ok.values[ok.count - 1], ok.unsure, ok.bad);
        assert_non_null(strstr(output.out, shown));
    }
    assert_int_equal(line, 2);
    assert_true(isnan(csv_value(csv, 3, "threshold"))); /* the mean's */
    output_free(&output);
    mvad_model_destroy(model);
    cJSON_Delete(json);
    free(path);
    free(csv);
    free(good);
    free(test);
}

static void models_without_a_calibration_tell_as_before(void **state)
{
    (void)state;
    char *test = write_parts("tested.csv", "test");
    struct output output = expect_run(
        0, MVAD_PROGRAM " eval --model @m.safetensors --data %s --json @r.json --csv @r.csv", test);
    assert_null(strstr(output.out, "threshold"));
    output_free(&output);
    cJSON *json = read_json("r.json");
    assert_null(cJSON_GetObjectItemCaseSensitive(json, "calibration"));
    assert_null(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(item(json, "classes"), 0), "relative"));
    cJSON_Delete(json);
    output = expect_run(0, "head -n 1 @r.csv");
    assert_non_null(strstr(output.out, ",samples,views\n"));
    output_free(&output);
    free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_told_beside_the_thresholds),
        cmocka_unit_test(models_without_a_calibration_tell_as_before),
    };
    return cmocka_run_group_tests_name("eval relative", tests, program_make, program_remove);
}
