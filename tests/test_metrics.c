/* Metrics against scikit-learn, against counting every pair and threshold, and their errors. */
#include "tests/metrics_golden.h"

#include "core/base/random.h"

#define SMALLEST ((size_t)64 << 10) /* bytes for a class's pixels */

/* Adds a golden case to a class. */
static void add_case(void **state, struct metrics *metrics, uint32_t class_index, const char *name)
{
    mvad_tensor_view maps = golden_find(state, name, "maps"),
                     masks = golden_find(state, name, "masks"),
                     labels = golden_find(state, name, "labels"),
                     samples = golden_find(state, name, "samples"),
                     sample_labels = golden_find(state, name, "sample_labels");
    size_t pixels = (size_t)(maps.shape[1] * maps.shape[2]);
    uint8_t *mask = bytes_of(masks.data, masks.count);
    for (size_t i = 0; i < labels.count; i++)
        assert_int_equal(metrics_add_view(metrics, class_index, maps.data + i * pixels,
                                          mask + i * pixels, labels.data[i] != 0, NULL),
                         MVAD_OK);
    for (size_t i = 0; i < samples.count; i++)
        assert_int_equal(metrics_add_sample(metrics, class_index, samples.data[i],
                                            sample_labels.data[i] != 0, NULL),
                         MVAD_OK);
    free(mask);
}

/* All cases as the classes of one object; the golden answers are stored as float32. */
static void like_scikit_learn(void **state)
{
    struct metrics *metrics = create_metrics(GOLDEN_CASES, GOLDEN_SIDE, 0);
    struct metrics_row rows[GOLDEN_CASES], mean;
    for (size_t i = 0; i < GOLDEN_CASES; i++)
        add_case(state, metrics, (uint32_t)i, golden_cases[i]);
    for (size_t i = 0; i < GOLDEN_CASES; i++) {
        const float *expected = golden_find(state, golden_cases[i], "expected").data,
                    *strips = golden_find(state, golden_cases[i], "strips").data;
        struct metrics_row approximate;
        assert_int_equal(metrics_result(metrics, (uint32_t)i, &rows[i], NULL), MVAD_OK);
        assert_int_equal(metrics_result_strips(metrics, (uint32_t)i, &approximate, NULL), MVAD_OK);
        for (int m = 0; m < METRIC_COUNT; m++) {
            expect_close(golden_cases[i], m, rows[i].value[m], expected[m], 1e-7);
            assert_true(rows[i].error[m] == 0); /* few scores: one bin each */
            assert_int_equal(rows[i].defined[m], !isnan(expected[m]));
            expect_close(golden_cases[i], m, approximate.value[m],
                         m < METRIC_PIXEL_AUROC ? expected[m] : strips[m - METRIC_PIXEL_AUROC],
                         1e-7);
        }
    }
    metrics_mean(rows, GOLDEN_CASES, &mean);
    for (int m = 0; m < METRIC_COUNT; m++) {
        double sum = 0;
        uint32_t defined = 0;
        for (size_t i = 0; i < GOLDEN_CASES; i++) {
            float expected = golden_find(state, golden_cases[i], "expected").data[m];
            sum += isnan(expected) ? 0 : expected;
            defined += !isnan(expected);
        }
        assert_in_range(defined, 8, 9); /* the classes with one kind of label are left out */
        assert_int_equal(mean.defined[m], defined);
        expect_close("mean", m, mean.value[m], sum / defined, 1e-7);
    }
    metrics_mean(&rows[6], 1, &mean); /* "anomalous" has nothing to average */
    assert_true(isnan(mean.value[METRIC_PIXEL_AUPRO]));
    assert_int_equal(mean.defined[METRIC_PIXEL_AUPRO], 0);
    metrics_destroy(metrics);
}

static uint32_t draw(uint32_t *state, uint32_t below)
{
    const uint32_t counter[4] = {++*state}, key[2] = {7, 11};
    uint32_t out[4];
    philox4x32(counter, key, out);
    return out[0] % below;
}

/* The metrics straight from their definitions: pairs for AUROC, and every score as a threshold. */
static void count_pairs(const float *scores, const uint8_t *labels, size_t count, double out[3])
{
    double pairs = 0, won = 0, positives = 0, ap = 0, f1 = 0;
    for (size_t i = 0; i < count; i++) {
        positives += labels[i];
        for (size_t j = 0; j < count; j++) {
            if (!labels[i] || labels[j]) continue;
            pairs++;
            won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
        }
    }
    for (size_t i = 0; i < count; i++) {
        double found = 0, above = 0;
        for (size_t j = 0; j < count; j++) {
            found += labels[j] && scores[j] >= scores[i];
            above += scores[j] >= scores[i];
        }
        if (labels[i]) ap += found / above / positives;
        f1 = fmax(f1, 2 * found / (above + positives));
    }
    out[0] = pairs > 0 ? won / pairs : NAN;
    out[1] = pairs > 0 ? ap : NAN;
    out[2] = pairs > 0 ? f1 : NAN;
}

/* The lowest pixel index of each pixel's region, by spreading it until nothing changes. */
static void spread_labels(const uint8_t *mask, int size, int *lowest)
{
    for (int i = 0; i < size * size; i++) lowest[i] = mask[i] ? i : -1;
    for (int changed = 1; changed;) {
        changed = 0;
        for (int i = 0; i < size * size; i++) {
            for (int k = 0; mask[i] && k < 9; k++) {
                int y = i / size + k / 3 - 1, x = i % size + k % 3 - 1, j = y * size + x;
                if (y < 0 || x < 0 || y >= size || x >= size || !mask[j] || lowest[j] >= lowest[i])
                    continue;
                lowest[i] = lowest[j];
                changed = 1;
            }
        }
    }
}

/* PRO at a threshold: for each region (named by its lowest pixel) the share at or above it. */
static double pro_at(const float *map, const int *lowest, int pixels, float threshold)
{
    double sum = 0, regions = 0;
    for (int region = 0; region < pixels; region++) {
        double area = 0, above = 0;
        for (int i = 0; lowest[region] == region && i < pixels; i++) {
            area += lowest[i] == region;
            above += lowest[i] == region && map[i] >= threshold;
        }
        if (area > 0) sum += above / area;
        regions += area > 0;
    }
    return regions > 0 ? sum / regions : NAN;
}

/* Area under PRO up to FPR 0.3, by many small steps along the FPR axis. */
static double integrate_pro(const float *map, const uint8_t *mask, int size)
{
    int lowest[64], pixels = size * size, points = 1;
    double fpr[65] = {0}, pro[65] = {0}, area = 0, normal = 0;
    float last = INFINITY;
    spread_labels(mask, size, lowest);
    for (int i = 0; i < pixels; i++) normal += !mask[i];
    for (;;) {
        float next = -INFINITY;
        for (int i = 0; i < pixels; i++)
            if (map[i] < last && map[i] > next) next = map[i];
        if (next == -INFINITY) break;
        last = next;
        for (int i = 0; i < pixels; i++) fpr[points] += (!mask[i] && map[i] >= next) / normal;
        pro[points++] = pro_at(map, lowest, pixels, next);
    }
    const int steps = 100000;
    for (int step = 0, k = 0; step < steps; step++) {
        double x = 0.3 * (step + 0.5) / steps;
        while (fpr[k + 1] < x) k++;
        area += pro[k] + (pro[k + 1] - pro[k]) * (x - fpr[k]) / (fpr[k + 1] - fpr[k]);
    }
    return area / steps;
}

static void like_counting_everything(void **state)
{
    (void)state;
    uint32_t seed = 0, undefined = 0;
    for (int round = 0; round < 200; round++) {
        const int size = 2 + (int)draw(&seed, 6), pixels = size * size;
        const uint32_t levels = 1 + draw(&seed, round % 2 ? 5 : 60), share = 1 + draw(&seed, 20);
        float map[64], samples[30];
        uint8_t mask[64], labels[30];
        double expected[3], normal = 0;
        struct metrics *metrics = create_metrics(1, (uint32_t)size, SMALLEST);
        struct metrics_row row;
        for (int i = 0; i < pixels; i++) {
            mask[i] = draw(&seed, 20) < share;
            map[i] = (float)draw(&seed, levels) / 7 - 1;
            normal += !mask[i];
        }
        assert_int_equal(metrics_add_view(metrics, 0, map, mask, true, NULL), MVAD_OK);
        size_t count = draw(&seed, 31);
        for (size_t i = 0; i < count; i++) {
            samples[i] = (float)draw(&seed, levels) / 3;
            labels[i] = draw(&seed, 20) < share;
            assert_int_equal(metrics_add_sample(metrics, 0, samples[i], labels[i], NULL), MVAD_OK);
        }
        assert_int_equal(metrics_result(metrics, 0, &row, NULL), MVAD_OK);
        count_pairs(samples, labels, count, expected);
        for (int m = 0; m < 3; m++)
            expect_close("samples", m, row.value[METRIC_SAMPLE_AUROC + m], expected[m], 1e-12);
        count_pairs(map, mask, (size_t)pixels, expected);
        for (int m = 0; m < 3; m++)
            expect_close("pixels", m, row.value[METRIC_PIXEL_AUROC + m], expected[m], 1e-12);
        bool both = normal > 0 && normal < pixels;
        undefined += !both;
        expect_close("regions", METRIC_PIXEL_AUPRO, row.value[METRIC_PIXEL_AUPRO],
                     both ? integrate_pro(map, mask, size) : NAN, 1e-5);
        metrics_destroy(metrics);
    }
    assert_in_range(undefined, 1, 60); /* both kinds were met */
}

static void errors_name_the_place(void **state)
{
    (void)state;
    struct metrics *metrics, *other = create_metrics(2, 4, 0);
    struct metrics_row row, again;
    struct metrics_counts counts;
    mvad_error error;
    float map[16] = {0.5f, 0.25f};
    uint8_t mask[16] = {1};
    assert_int_equal(metrics_create(0, 4, 0, &metrics, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_null(metrics);
    assert_int_equal(metrics_create(2, 0, 0, &metrics, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(metrics_create(2, 4, 100, &metrics, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_null(metrics);
    metrics = create_metrics(3, 4, 0);
    assert_int_equal(metrics_merge(metrics, other, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(metrics_merge(other, other, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(metrics_add_view(metrics, 3, map, mask, true, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "class 3"));
    assert_int_equal(metrics_add_view(metrics, 2, map, mask, true, &error), MVAD_OK);
    assert_int_equal(metrics_add_sample(metrics, 2, 0.5f, true, &error), MVAD_OK);
    assert_int_equal(metrics_result(metrics, 2, &row, NULL), MVAD_OK);
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        map[6] = bad[i];
        assert_int_equal(metrics_add_view(metrics, 2, map, mask, true, &error), MVAD_ERROR_NUMERIC);
        assert_non_null(strstr(error.message, "class 2, view 1"));
        assert_non_null(strstr(error.message, "row 1, column 2"));
        assert_int_equal(metrics_add_sample(metrics, 2, bad[i], true, &error), MVAD_ERROR_NUMERIC);
        assert_non_null(strstr(error.message, "class 2, sample 1"));
    }
    assert_int_equal(metrics_result(metrics, 2, &again, NULL), MVAD_OK);
    assert_memory_equal(&row, &again, sizeof row);
    assert_int_equal(metrics_counts(metrics, 2, &counts, NULL), MVAD_OK);
    assert_int_equal(counts.views, 1);
    assert_int_equal(counts.regions, 1);
    assert_int_equal(metrics_result(metrics, 3, &row, &error), MVAD_ERROR_INVALID_ARGUMENT);
    metrics_destroy(metrics);
    metrics_destroy(other);
    metrics_destroy(NULL);
    assert_null(metric_name(METRIC_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_scikit_learn),
        cmocka_unit_test(like_counting_everything),
        cmocka_unit_test(errors_name_the_place),
    };
    return cmocka_run_group_tests(tests, golden_metrics_open, golden_metrics_close);
}
