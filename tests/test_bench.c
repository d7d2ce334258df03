/* `mvad-bench`: step, latency, scaling and compare, their files, and what they compute from times. */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "bench/spread.h"
#include "bench/theory.h"
#include "device.h"
#include "html_check.h"
#include "report_case.h"
#include "run_program.h"

#define BENCH MVAD_BENCH_PROGRAM
#define SMALL " --backbone resnet18 --size 64 --views 3 --windows 2,2,1 --topk 2,2,1"

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const char *text(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(object, key));
}

/* The row of a table whose text `key` is this. */
static const cJSON *find(const cJSON *json, const char *table, const char *key, const char *value)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, table))
    {
        if (!strcmp(text(row, key), value)) return row;
    }
    fail_msg("%s: no row with %s", table, value);
    return NULL;
}

static void percentiles_by_hand(void **state)
{
    (void)state;
    double values[] = {4, 1, 3, 2}, one[] = {7};
    const struct spread spread = spread_of(values, 4), single = spread_of(one, 1);
    assert_true(spread.least == 1 && spread.most == 4);
    assert_true(spread.median == 2.5);
    assert_float_equal(spread.p90, 3.7, 1e-12);
    assert_float_equal(spread.p99, 3.97, 1e-12);
    assert_true(single.median == 7 && single.p99 == 7);
}

/* The default's numbers were added up by hand from the equations. */
static void equations_by_hand(void **state)
{
    (void)state;
    mvad_config config = mvad_config_default();
    mvad_error error;
    assert_true(theory_full(&config) == 56371445760.0);
    assert_true(theory_selected(&config) == 4807720960.0);
    /* What the graph counts has the layer norms and no padding: 64, 32 and 16 are multiples of 8. */
    double counted;
    assert_int_equal(theory_counted(&config, &counted, &error), MVAD_OK);
    assert_in_range((int64_t)counted, 4807720960, 4807720960 * 101 / 100);
    /* No number of windows is better than the one of equation 8. */
    const double least = theory_least(&config);
    for (int a = 1; a <= 64; a++) {
        for (int i = 0; i < MVAD_SCALES; i++) config.windows[i] = a;
        /* Below 8 windows a side not all of the top-K are there. */
        if (a >= 8) assert_true(theory_selected(&config) >= least);
    }
    for (int i = 0; i < MVAD_SCALES; i++)
        config.windows[i] = (int32_t)lround(theory_windows(&config, i));
    assert_true(theory_selected(&config) < 1.01 * least);
}

static void device_tells_its_copy_and_memory(void **state)
{
    (void)state;
    mvad_device *device = test_device_open(0);
    mvad_model *model;
    mvad_session *session;
    mvad_config config = mvad_config_default();
    mvad_error error;
    mvad_cost cost;
    uint64_t bytes, peak;
    double rate = 0;
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.image_size = 32;
    assert_int_equal(mvad_device_copy_rate(device, 1 << 20, 3, &rate, &error), MVAD_OK);
    assert_true(rate > 1e6);
    assert_int_equal(mvad_device_copy_rate(device, 0, 3, &rate, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(mvad_model_create(&config, 1, &model, &error), MVAD_OK);
    const mvad_session_options options = mvad_session_options_default();
    assert_int_equal(mvad_session_create(model, device, &options, &session, &error), MVAD_OK);
    assert_int_equal(mvad_session_cost(session, &cost, &error), MVAD_OK);
    assert_int_equal(mvad_device_memory(device, &bytes, &peak, &error), MVAD_OK);
    assert_true(bytes >= cost.weights_bytes + cost.activations_bytes && peak == bytes);
    mvad_session_destroy(session);
    assert_int_equal(mvad_device_memory(device, &bytes, &peak, &error), MVAD_OK);
    assert_true(bytes == 0 && peak > 0);
    assert_int_equal(mvad_device_memory(device, &bytes, &peak, &error), MVAD_OK);
    assert_true(peak == 0);
    mvad_model_destroy(model);
    mvad_device_close(device);
}

static void step_has_a_roofline(void **state)
{
    (void)state;
    cJSON *json = expect_json(BENCH " step --repeats 1 --warmup 0 --ops --svg @plots" SMALL);
    const double gemm = number(json, "gemm_macs_per_second");
    const double copy = number(json, "copy_bytes_per_second");
    double share = 0;
    const cJSON *op;
    cJSON_ArrayForEach(op, cJSON_GetObjectItem(json, "ops"))
    {
        const double macs = number(op, "gmacs_per_second") * 1e9 / gemm;
        const double bytes = number(op, "gigabytes_per_second") * 1e9 / copy;
        share += number(op, "share");
        assert_float_equal(number(op, "share_of_gemm_rate"), macs, 1e-9 + 1e-6 * macs);
        assert_float_equal(number(op, "share_of_roof"), fmax(macs, bytes), 1e-9 + 1e-6 * bytes);
        assert_string_equal(text(op, "bound_by"), macs > bytes ? "compute" : "memory");
    }
    assert_float_equal(share, 1, 1e-9);
    assert_true(number(json, "device_peak_bytes") >= number(json, "planned_bytes"));
    assert_true(strlen(text(json, "commit")) >= 7);
    assert_non_null(text(cJSON_GetObjectItem(json, "build"), "flags"));
    assert_non_null(text(cJSON_GetObjectItem(json, "machine"), "processor"));
    cJSON_Delete(json);
}

/* An SVG file is well-formed and runs and loads nothing, as a page with nothing else in it. */
static void assert_svg(const char *name)
{
    static const char begin[] = "<!DOCTYPE html>\n";
    char *svg = report_read_text(name);
    char *page = malloc(strlen(svg) + sizeof begin);
    assert_non_null(page);
    sprintf(page, "%s%s", begin, svg);
    const char *fault = html_fault(page);
    if (fault) fail_msg("%s: %s", name, fault);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf\""));
    assert_null(strstr(svg, "inf "));
    free(page);
    free(svg);
}

static void scaling_counts_and_draws(void **state)
{
    (void)state;
    cJSON *json = expect_json(BENCH " scaling --svg @plots --html @scaling.html");
    const cJSON *sizes = cJSON_GetObjectItem(json, "size");
    assert_int_equal(cJSON_GetArraySize(sizes), 8);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "views")), 9);
    assert_null(cJSON_GetObjectItem(json, "threads")); /* only measured */
    const cJSON *first = cJSON_GetArrayItem(sizes, 0), *last = cJSON_GetArrayItem(sizes, 7);
    assert_true(number(first, "value") == 128 && number(last, "value") == 1024);
    assert_true(number(last, "gmacs") > 64 * number(first, "gmacs"));
    assert_true(number(last, "attention_gmacs") >= number(last, "equation_7_gmacs"));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(last, "seconds_per_sample")));
    cJSON_Delete(json);
    static const char *const plots[] = {"plots/roofline.svg", "plots/scaling-windows-attention.svg",
                                        "plots/scaling-size-memory.svg"};
    for (size_t i = 0; i < sizeof plots / sizeof *plots; i++) assert_svg(plots[i]);
    char *page = report_read_text("scaling.html");
    const char *fault = html_fault(page);
    if (fault) fail_msg("scaling.html: %s", fault);
    assert_int_equal(html_count(page, "<table"), 5);
    assert_int_equal(html_count(page, "<svg"),
                     9); /* memory of each, attention of all but the batch */
    free(page);

    json = expect_json(BENCH " scaling --measure --repeats 1 --only batch --limit 2" SMALL);
    const cJSON *batches = cJSON_GetObjectItem(json, "batch");
    assert_true(number(cJSON_GetArrayItem(batches, 0), "seconds_per_sample") > 0);
    assert_true(
        cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetArrayItem(batches, 5), "seconds_per_sample")));
    assert_null(cJSON_GetObjectItem(json, "size"));
    cJSON_Delete(json);
}

static void latency_has_its_stages(void **state)
{
    (void)state;
    cJSON *json =
        expect_json("TMPDIR=@ " BENCH " latency --repeats 1 --warmup 0 --photograph-size 96" SMALL);
    static const char *const stages[] = {"decode", "resize", "normalise", "upload, network, map",
                                         "score, regions"};
    const double total = number(find(json, "latency", "stage", "total"), "p50_milliseconds");
    assert_true(total > 0);
    double sum = 0;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        const cJSON *row = find(json, "latency", "stage", stages[i]);
        assert_string_equal(text(row, "from"), "files");
        assert_true(number(row, "p50_milliseconds") > 0);
        sum += number(row, "p50_milliseconds");
    }
    /* With one part the percentiles are its times; the last row is the total from files. */
    const cJSON *rows = cJSON_GetObjectItem(json, "latency");
    const cJSON *files = cJSON_GetArrayItem(rows, cJSON_GetArraySize(rows) - 1);
    assert_true(sum <= number(files, "p50_milliseconds") * (1 + 1e-9));
    assert_true(number(files, "max_milliseconds") == number(files, "p99_milliseconds"));
    cJSON_Delete(json);
    struct output left = expect_run(0, "ls -d @mvad-bench-* 2>/dev/null | wc -l");
    assert_int_equal(atoi(left.out), 0);
    output_free(&left);
}

static void compare_takes_pytorchs_times(void **state)
{
    (void)state;
    report_write_text(
        "torch.json",
        "{\"framework\": \"PyTorch 9\", \"device\": \"cpu\", \"threads\": 2, \"batch\": 1, "
        "\"date\": \"today\", \"gemm_macs_per_second\": 1e10, "
        "\"config\": {\"backbone\": \"resnet18\", \"projection\": \"qkv\", "
        "\"route_projection\": false, \"views\": 3, \"size\": 64, "
        "\"windows\": [2, 2, 1], \"topk\": [2, 2, 1], \"blocks\": [1, 2, 4]}, "
        "\"results\": [{\"work\": \"forward\", \"seconds_median\": 100, "
        "\"seconds_min\": 90, \"seconds_max\": 120}]}");
    cJSON *json = expect_json(
        BENCH " compare --work forward --repeats 1 --warmup 0 --torch @torch.json" SMALL);
    const cJSON *cpu = find(json, "comparison", "where", "mvad, cpu");
    const cJSON *torch = find(json, "comparison", "where", "PyTorch 9, cpu");
    assert_true(number(cpu, "times_the_first") == 1);
    assert_true(number(torch, "seconds_median") == 100);
    assert_float_equal(number(torch, "times_the_first"), 100 / number(cpu, "seconds_median"), 1e-6);
    /* The multiply-adds are those of the same configuration. */
    assert_float_equal(number(torch, "gmacs_per_second") * 100,
                       number(cpu, "gmacs_per_second") * number(cpu, "seconds_median"), 1e-6);
    assert_true(number(torch, "host_megabytes") != number(torch, "host_megabytes")); /* not told */
    cJSON_Delete(json);
    expect_error(3, BENCH " compare --torch @torch.json", "measured with another backbone");
    expect_error(3, BENCH " compare --batch 2 --torch @torch.json" SMALL, "another batch");
    report_write_text("other.json", "{\"results\": 1}");
    expect_error(3, BENCH " compare --torch @other.json", "is not what compare_torch.py writes");
}

static void ctrl_c_leaves_nothing(void **state)
{
    (void)state;
    struct output output = expect_run(
        130, "mkdir @stop &&  TMPDIR=@stop timeout --foreground --preserve-status -s INT 2 " BENCH
             " step --repeats 10000 --html @stop/page.html --svg @stop/plots" SMALL "; code=$?; "
             "TMPDIR=@stop timeout --foreground --preserve-status -s INT 2 " BENCH
             " latency --repeats 10000 --html @stop/page.html" SMALL "; "
             "cd @stop && ls -A . plots; exit $code");
    assert_string_equal(strchr(output.err, '\n') + 1,
                        "mvad-bench: interrupted: nothing is written\n");
    assert_null(strstr(output.out, "page"));
    assert_null(strstr(output.out, "svg"));
    assert_null(strstr(output.out, "mvad-bench"));
    assert_null(strstr(output.out, "tmp"));
    output_free(&output);
}

static void bad_options(void **state)
{
    (void)state;
    expect_error(2, BENCH " latency --repeats 0", "--repeats is 0");
    expect_error(2, BENCH " latency --photograph-size 8", "--photograph-size is 8");
    expect_error(3, BENCH " latency --repeats 1 --data @nowhere" SMALL, "nowhere");
    expect_error(2, BENCH " scaling --only depth", "--only 'depth'");
    expect_error(2, BENCH " scaling --train", "--train needs --measure");
    expect_error(2, BENCH " compare --work nothing", "--work 'nothing'");
    expect_error(2, BENCH " step --format yaml", "--format 'yaml'");
    expect_error(1, BENCH " step --html @nowhere/x.html", "nowhere/x.html: cannot write");
    report_write_text("file", "");
    expect_error(1, BENCH " scaling --svg @file", "not a folder");
    expect_error(4, BENCH " latency --device none" SMALL, "none");
}

/* Folders that the programs made are not the scratch folder's to remove. */
static int remove_all(void **state)
{
    struct output output = expect_run(0, "rm -rf @plots @stop");
    output_free(&output);
    return scratch_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_by_hand),
        cmocka_unit_test(equations_by_hand),
        cmocka_unit_test(step_has_a_roofline),
        cmocka_unit_test(scaling_counts_and_draws),
        cmocka_unit_test(latency_has_its_stages),
        cmocka_unit_test(compare_takes_pytorchs_times),
        cmocka_unit_test(ctrl_c_leaves_nothing),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(device_tells_its_copy_and_memory),
    };
    return cmocka_run_group_tests(tests, scratch_make, remove_all);
}
