/* The programs from end to end on a small model: files in and out, and what they print. */
#include <cjson/cJSON.h>
#include <math.h>

#include "small_model.h"

static void help_is_not_an_error(void **state)
{
    (void)state;
    static const char *const commands[] = {MVAD " devices", MVAD " info",     MVAD " init",
                                           MVAD " predict", MVAD " selftest", BENCH " step"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct output output = expect_run(0, "%s --help", commands[i]);
        assert_non_null(strstr(output.out, "Usage: "));
        assert_string_equal(output.err, "");
        if (i > 0 && i < 4) assert_non_null(strstr(output.out, "\"8,8,8\"")); /* a default */
        output_free(&output);
    }
    struct output output = expect_run(0, MVAD " --help");
    for (size_t i = 0; i < 5; i++)
        assert_non_null(strstr(output.out, strrchr(commands[i], ' ') + 1));
    output_free(&output);
    output = expect_run(0, MVAD " --version");
    assert_non_null(strstr(output.out, mvad_version()));
    output_free(&output);
}

static void options_and_metadata(void **state)
{
    (void)state;
    struct output output = expect_run(0, MVAD " info --model @m.safetensors --size 64 --views 3");
    assert_non_null(strstr(output.out, "resnet18, projection qkv, 3 views, 64x64"));
    output_free(&output);
    expect_error(2, MVAD " info --model @m.safetensors --size 96", "--size contradicts");
    expect_error(2, MVAD " info --model @m.safetensors --blocks 1,1,2", "--blocks contradicts");
    expect_error(2, MVAD " info --model @m.safetensors --route-projection", "--route-projection");

    copy_model("m.safetensors", "bare.safetensors", NULL, NULL);
    expect_error(3, MVAD " info --model @bare.safetensors", "give the configuration as options");
    expect_error(3, MVAD " info --model @bare.safetensors --backbone resnet18", "missing");
    output = expect_run(0, MVAD " info --model @bare.safetensors " SMALL);
    assert_non_null(strstr(output.out, "resnet18, projection qkv, 2 views, 64x64"));
    output_free(&output);
}

static mvad_tensors *load_dump(const char *file)
{
    mvad_tensors *tensors;
    char *path = scratch_path(file);
    assert_int_equal(mvad_tensors_load(path, &tensors, NULL), MVAD_OK);
    free(path);
    return tensors;
}

static const float *dumped(const mvad_tensors *tensors, const char *name, int32_t rank,
                           const int64_t *shape)
{
    mvad_tensor_view view;
    assert_int_equal(mvad_tensors_find(tensors, name, &view, NULL), MVAD_OK);
    assert_int_equal(view.rank, rank);
    assert_memory_equal(view.shape, shape, (size_t)rank * sizeof *shape);
    return view.data;
}

/* The outputs hang together: scores are maxima, and what is printed is what is dumped. */
static void predict_and_dump(void **state)
{
    (void)state;
    const int64_t images = SAMPLES * VIEWS;
    struct output output = expect_run(
        0, MVAD " predict --model @m.safetensors --tensor @in.safetensors --dump @out --batch 2");
    mvad_tensors *tensors = load_dump("out");
    assert_int_equal(mvad_tensors_count(tensors), 10);
    for (int scale = 0; scale < 3; scale++) {
        const int64_t side = SIZE >> (2 + scale), shape[] = {images, 64 << scale, side, side};
        char name[32];
        snprintf(name, sizeof name, "teacher.%d", scale);
        dumped(tensors, name, 4, shape);
        snprintf(name, sizeof name, "student.%d", scale);
        dumped(tensors, name, 4, shape);
    }
    const int64_t map_shape[] = {images, SIZE, SIZE};
    dumped(tensors, "anomaly_map_raw", 3, map_shape);
    const float *map = dumped(tensors, "anomaly_map", 3, map_shape);
    const float *image_score = dumped(tensors, "image_score", 1, (int64_t[]){images});
    const float *sample_score = dumped(tensors, "sample_score", 1, (int64_t[]){SAMPLES});
    const char *line = output.out;
    for (int s = 0; s < SAMPLES; s++) {
        int index, used;
        float score, views[VIEWS], largest = 0;
        assert_int_equal(
            sscanf(line, "%d\t%f\t%f\t%f\n%n", &index, &score, &views[0], &views[1], &used), 4);
        line += used;
        assert_int_equal(index, s);
        for (int v = 0; v < VIEWS; v++) {
            const float *pixels = map + (s * VIEWS + v) * PIXELS;
            float most = 0;
            for (int i = 0; i < PIXELS; i++) most = fmaxf(most, pixels[i]);
            assert_true(most > 0 && image_score[s * VIEWS + v] == most);
            assert_true(fabsf(views[v] - most) <= 1e-6f * most);
            largest = fmaxf(largest, most);
        }
        assert_true(sample_score[s] == largest && fabsf(score - largest) <= 1e-6f * largest);
    }
    assert_string_equal(line, "");
    mvad_tensors_destroy(tensors);
    output_free(&output);
}

/* How samples are put together into runs, and how many threads there are, does not show in the
 * result. */
static void batches_agree(void **state)
{
    (void)state;
    static const char *const options[] = {"--batch 1 --threads 1", "--batch 2", "--batch 64",
                                          "--batch 1 --precision f64"};
    mvad_tensors *first = NULL;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct output output = expect_run(
            0, MVAD " predict --model @m.safetensors --tensor @in.safetensors --dump @out %s",
            options[i]);
        output_free(&output);
        mvad_tensors *tensors = load_dump("out");
        for (size_t t = 0; t < mvad_tensors_count(tensors) && first; t++) {
            mvad_tensor_view a, b;
            assert_int_equal(mvad_tensors_at(tensors, t, &a, NULL), MVAD_OK);
            assert_int_equal(mvad_tensors_find(first, a.name, &b, NULL), MVAD_OK);
            assert_int_equal(a.count, b.count);
            double most = 0, difference = 0;
            for (size_t e = 0; e < a.count; e++) {
                most = fmax(most, fabs((double)a.data[e]));
                difference = fmax(difference, fabs((double)a.data[e] - (double)b.data[e]));
            }
            if (!(difference <= 1e-4 * most))
                print_error("%s, %s: %g of %g\n", options[i], a.name, difference, most);
            assert_true(difference <= 1e-4 * most);
        }
        if (!first)
            first = tensors;
        else
            mvad_tensors_destroy(tensors);
    }
    mvad_tensors_destroy(first);
}

static void initial_values_follow_the_seed(void **state)
{
    (void)state;
    size_t sizes[3];
    uint8_t *bytes[3];
    expect_run_quietly(0, MVAD " init --out @again.safetensors --seed 7 " SMALL);
    expect_run_quietly(0, MVAD " init --out @other.safetensors --seed 8 " SMALL);
    const char *const files[] = {"m.safetensors", "again.safetensors", "other.safetensors"};
    for (int i = 0; i < 3; i++) {
        char *path = scratch_path(files[i]);
        bytes[i] = read_bytes(path, &sizes[i]);
        free(path);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    assert_int_equal(sizes[0], sizes[2]);
    assert_true(memcmp(bytes[0], bytes[2], sizes[0]) != 0);
    for (int i = 0; i < 3; i++) free(bytes[i]);
}

static double number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(item)) print_error("no number '%s'\n", name);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static void info_as_json(void **state)
{
    (void)state;
    /* Standard error names the backends without a device. */
    struct output listed = expect_run(0, MVAD " devices --json");
    cJSON *devices = cJSON_Parse(listed.out);
    output_free(&listed);
    assert_true(cJSON_IsArray(devices) && cJSON_GetArraySize(devices) >= 1);
    cJSON_Delete(devices);

    /* The count of the file's own tensors, its running statistics left out. */
    mvad_tensors *tensors = load_dump("m.safetensors");
    double elements = 0;
    for (size_t i = 0; i < mvad_tensors_count(tensors); i++) {
        mvad_tensor_view view;
        assert_int_equal(mvad_tensors_at(tensors, i, &view, NULL), MVAD_OK);
        if (!strstr(view.name, "running_")) elements += (double)view.count;
    }
    mvad_tensors_destroy(tensors);

    cJSON *info = expect_json(MVAD " info --model @m.safetensors");
    double parameters = 0, macs = 0;
    const cJSON *layer;
    cJSON_ArrayForEach(layer, cJSON_GetObjectItem(info, "layers"))
    {
        parameters += number(layer, "parameters");
        macs += number(layer, "macs");
    }
    assert_true(parameters == elements && number(info, "parameters") == elements);
    const cJSON *inference = cJSON_GetObjectItem(info, "inference");
    assert_true(macs > 0 && fabs(macs - number(inference, "macs")) <= 1e-9 * macs);
    const cJSON *kept = cJSON_GetObjectItem(info, "training");
    const cJSON *recomputed = cJSON_GetObjectItem(info, "training_recompute");
    assert_true(number(recomputed, "activations_bytes") < number(kept, "activations_bytes"));
    assert_true(number(kept, "weights_bytes") > number(inference, "weights_bytes"));
    cJSON_Delete(info);
}

static void check_bench(const char *command, double batch)
{
    cJSON *json = expect_json(command);
    const double rate = number(json, "macs_per_second"), median = number(json, "seconds_median");
    const cJSON *cost = cJSON_GetObjectItem(json, "cost");
    assert_true(number(json, "batch") == batch);
    assert_true(number(json, "seconds_min") <= median && median <= number(json, "seconds_max"));
    assert_true(fabs(rate * median - number(cost, "macs")) <= 1e-9 * number(cost, "macs"));
    assert_true(number(json, "gemm_macs_per_second") > 0);
    assert_true(number(json, "share_of_gemm_rate") > 0);
    assert_true(number(json, "planned_bytes") ==
                number(cost, "weights_bytes") + number(cost, "activations_bytes"));
    double calls = 0;
    const cJSON *op;
    cJSON_ArrayForEach(op, cJSON_GetObjectItem(json, "ops")) calls += number(op, "calls");
    assert_true(calls == number(cost, "nodes"));
    cJSON_Delete(json);
}

static void bench_measures(void **state)
{
    (void)state;
    check_bench(BENCH " step --repeats 2 --ops " SMALL, 1);
    check_bench(BENCH " step --train --batch 2 --repeats 1 --recompute --ops " SMALL, 2);
    struct output output = expect_run(0, BENCH " step --repeats 1 --warmup 0 " SMALL);
    assert_non_null(strstr(output.out, "matrix product"));
    assert_non_null(strstr(output.out, "measured peak"));
    output_free(&output);
}

static void selftest_passes(void **state)
{
    (void)state;
    struct output output = expect_run(0, MVAD " selftest");
    assert_non_null(strstr(output.out, " 0 failed"));
    assert_null(strstr(output.out, "FAIL"));
    output_free(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_not_an_error),
        cmocka_unit_test(options_and_metadata),
        cmocka_unit_test(predict_and_dump),
        cmocka_unit_test(batches_agree),
        cmocka_unit_test(initial_values_follow_the_seed),
        cmocka_unit_test(info_as_json),
        cmocka_unit_test(bench_measures),
        cmocka_unit_test(selftest_passes),
    };
    return cmocka_run_group_tests(tests, small_model_make, scratch_remove);
}
