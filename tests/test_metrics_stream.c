/* What streaming pixel metrics promise: bounds that hold, flat memory, no dependence on order. */
#include "tests/metrics_golden.h"

#include "core/score/pixel_histogram.h"

#define SMALLEST ((size_t)64 << 10) /* bytes for a class's pixels */
#define LARGE_VIEWS 40
#define LARGE_SIZE 256

/* The formulas of large_case in make_metrics.py. */
static float large_score(size_t index, uint8_t anomalous)
{
    uint64_t z = (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    uint32_t bits = (uint32_t)(z & 0x01FFFFFFu) + 0x3B800000u + anomalous * 0x00C00000u;
    if (index / (LARGE_SIZE * LARGE_SIZE) % 8 == 0) bits &= 0xFFFF0000u;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

static uint8_t large_mask(int v, int y, int x)
{
    if (v % 3 != 1) return 0;
    return (y >= 20 + v && y < 60 + v && x >= 30 && x < 50 + 2 * v) ||
           (y == x && y >= 150 && y < 150 + v) || ((7 * y + 13 * x) % 977 == 0 && y > 200);
}

static void add_large_view(struct metrics *metrics, int v)
{
    const size_t pixels = LARGE_SIZE * LARGE_SIZE;
    float *map = malloc(pixels * sizeof *map), highest = 0;
    uint8_t *mask = malloc(pixels), any = 0;
    for (size_t i = 0; i < pixels; i++) {
        mask[i] = large_mask(v, (int)(i / LARGE_SIZE), (int)(i % LARGE_SIZE));
        map[i] = large_score((size_t)v * pixels + i, mask[i]);
        highest = map[i] > highest ? map[i] : highest;
        any |= mask[i];
    }
    assert_int_equal(metrics_add_view(metrics, 0, map, any ? mask : NULL, any, NULL), MVAD_OK);
    assert_int_equal(metrics_add_sample(metrics, 0, highest, any, NULL), MVAD_OK);
    free(map);
    free(mask);
}

/* `exact`: every score has a bin of its own. The best F1 may lie at a bin that is not mixed: its
 * bound may be 0 all the same. */
static void assert_in_bound(int metric, double error, double largest, bool exact)
{
    assert_true(error < largest);
    assert_true(exact ? error == 0 : error > 0 || metric % 4 == 2);
}

/* 2.6 million pixels, more distinct scores than bins: within the bound, which is small by default
 * and still holds where the memory is next to nothing. */
static void large_within_the_bound(void **state)
{
    const float *expected = golden_find(state, "large", "expected").data,
                *strips = golden_find(state, "large", "strips").data;
    for (int tiny = 0; tiny < 2; tiny++) {
        struct metrics *metrics = create_metrics(1, LARGE_SIZE, tiny ? SMALLEST : 0);
        struct metrics_row row, approximate;
        struct metrics_counts counts;
        for (int v = 0; v < LARGE_VIEWS; v++) add_large_view(metrics, v);
        assert_int_equal(metrics_result(metrics, 0, &row, NULL), MVAD_OK);
        for (int m = 0; m < METRIC_COUNT; m++) {
            assert_true(row.value[m] <= 1);
            if (m < METRIC_PIXEL_AUROC)
                assert_true(row.error[m] == 0);
            else
                assert_in_bound(m - METRIC_PIXEL_AUROC, row.error[m], tiny ? 0.02 : 1e-4, false);
            expect_close("large", m, row.value[m], expected[m], row.error[m] + 1e-7);
        }
        assert_int_equal(metrics_result_strips(metrics, 0, &approximate, NULL), MVAD_OK);
        for (int m = 0; m < 4; m++)
            expect_close("strips", m, approximate.value[METRIC_PIXEL_AUROC + m], strips[m],
                         tiny ? 1e-2 : 1e-4);
        assert_int_equal(metrics_counts(metrics, 0, &counts, NULL), MVAD_OK);
        assert_int_equal(counts.views, LARGE_VIEWS);
        assert_int_equal(counts.samples, LARGE_VIEWS);
        assert_int_equal(counts.normal_pixels + counts.anomalous_pixels,
                         LARGE_VIEWS * LARGE_SIZE * LARGE_SIZE);
        metrics_destroy(metrics);
    }
}

static void any_order_any_split(void **state)
{
    (void)state;
    struct metrics_row rows[3];
    for (int way = 0; way < 3; way++) {
        struct metrics *a = create_metrics(1, LARGE_SIZE, (size_t)1 << 20),
                       *b = create_metrics(1, LARGE_SIZE, (size_t)1 << 20);
        for (int v = 0; v < 12; v++)
            add_large_view(way == 2 && v % 4 ? b : a, way == 1 ? 11 - v : v);
        if (way == 2) assert_int_equal(metrics_merge(a, b, NULL), MVAD_OK);
        assert_int_equal(metrics_result(a, 0, &rows[way], NULL), MVAD_OK);
        assert_true(rows[way].error[METRIC_PIXEL_AUROC] > 0);
        assert_memory_equal(&rows[way], &rows[0], sizeof *rows);
        assert_int_equal(metrics_result_strips(a, 0, &rows[way], NULL), MVAD_OK);
        if (way) {
            struct metrics *c = create_metrics(1, LARGE_SIZE, (size_t)1 << 20);
            assert_int_equal(metrics_merge(c, a, NULL), MVAD_OK);
            struct metrics_row copy;
            assert_int_equal(metrics_result_strips(c, 0, &copy, NULL), MVAD_OK);
            assert_memory_equal(&copy, &rows[way], sizeof copy);
            metrics_destroy(c);
        }
        assert_int_equal(metrics_result(a, 0, &rows[way], NULL), MVAD_OK);
        metrics_destroy(a);
        metrics_destroy(b);
    }
}

/* Scores already joined in bins cannot be told apart again by a histogram with more memory. */
static void merging_keeps_the_coarser(void **state)
{
    (void)state;
    struct pixel_histogram *small, *big;
    struct pixel_histogram_range from, to;
    struct curve_metrics metrics;
    float scores[4096];
    const uint64_t weights[1] = {1};
    uint32_t labels[4096];
    for (size_t i = 0; i < 4096; i++) {
        scores[i] = large_score(LARGE_SIZE * LARGE_SIZE + i, 0);
        labels[i] = i % 2;
    }
    assert_int_equal(pixel_histogram_create(SMALLEST, &small, NULL), MVAD_OK);
    assert_int_equal(pixel_histogram_create((size_t)8 << 20, &big, NULL), MVAD_OK);
    pixel_histogram_merge(big, small); /* nothing yet */
    pixel_histogram_add(small, scores, 4096, labels, weights);
    pixel_histogram_merge(big, small);
    pixel_histogram_range(small, &from);
    pixel_histogram_range(big, &to);
    assert_in_range(from.shift, 8, 20);
    assert_int_equal(to.shift, from.shift);
    assert_memory_equal(&from, &to, offsetof(struct pixel_histogram_range, shift));
    pixel_histogram_measure(big, &metrics);
    assert_true(metrics.error.auroc > 0);
    pixel_histogram_destroy(small);
    pixel_histogram_destroy(big);
}

/* The bound against what it bounds: the same scores with a bin each. */
static void bound_holds(void **state)
{
    (void)state;
    static const size_t bytes[] = {SMALLEST, (size_t)256 << 10, (size_t)1 << 20, (size_t)64 << 20};
    struct curve_metrics at[4];
    static float scores[4096];
    static uint32_t labels[4096];
    const uint64_t weights[1] = {1};
    for (size_t i = 0; i < 4096; i++) {
        scores[i] = large_score(LARGE_SIZE * LARGE_SIZE + i, 0);
        labels[i] = (scores[i] > 0x1p-6f) != (i % 8 == 0);
    }
    for (size_t i = 4; i-- > 0;) {
        struct pixel_histogram *histogram;
        assert_int_equal(pixel_histogram_create(bytes[i], &histogram, NULL), MVAD_OK);
        pixel_histogram_add(histogram, scores, 4096, labels, weights);
        pixel_histogram_measure(histogram, &at[i]);
        pixel_histogram_destroy(histogram);
        const double off[] = {at[i].auroc - at[3].auroc, at[i].ap - at[3].ap,
                              at[i].f1_max - at[3].f1_max, at[i].aupro - at[3].aupro};
        const double bound[] = {at[i].error.auroc, at[i].error.ap, at[i].error.f1_max,
                                at[i].error.aupro};
        for (int m = 0; m < 4; m++) {
            assert_true(fabs(off[m]) <= bound[m]);
            assert_in_bound(m, bound[m], 0.02, i == 3);
        }
    }
}

/* One anomalous score next above a normal one, and enough others to join the two: the best order is
 * perfect, the bin's is not, and the bound is the difference. */
static void bound_is_reached(void **state)
{
    (void)state;
    static float scores[4096];
    static uint32_t labels[4096];
    const uint64_t weights[1] = {1};
    struct pixel_histogram *histogram;
    struct curve_metrics metrics;
    for (size_t i = 2; i < 4096; i++) scores[i] = large_score(LARGE_SIZE * LARGE_SIZE + i, 0);
    scores[0] = 0.5f;
    scores[1] = nextafterf(0.5f, 1);
    labels[1] = 1;
    assert_int_equal(pixel_histogram_create(SMALLEST, &histogram, NULL), MVAD_OK);
    pixel_histogram_add(histogram, scores, 4096, labels, weights);
    pixel_histogram_measure(histogram, &metrics);
    assert_true(fabs(metrics.auroc - (1 - 0.5 / 4095)) < 1e-12);
    assert_true(fabs(metrics.error.auroc - 0.5 / 4095) < 1e-12);
    assert_true(fabs(metrics.ap - 0.5) < 1e-12);
    assert_true(fabs(metrics.error.ap - 0.5) < 1e-12);
    assert_true(fabs(metrics.f1_max - 2.0 / 3) < 1e-12);
    assert_true(fabs(metrics.error.f1_max - 1.0 / 3) < 1e-12);
    pixel_histogram_destroy(histogram);
}

/* Ten anomalous scores next below a normal one in their bin, ten normal ones above: the true AP is
 * less than the bin's by more than the best order would gain. */
static void bound_covers_the_worst(void **state)
{
    (void)state;
    static float scores[4096];
    static uint32_t labels[4096];
    const uint64_t weights[1] = {1};
    struct pixel_histogram *histogram;
    struct curve_metrics metrics;
    double ap = 0;
    for (size_t i = 0; i < 4096; i++) scores[i] = large_score(LARGE_SIZE * LARGE_SIZE + i, 0);
    for (size_t i = 0; i < 10; i++) {
        scores[i] = 1.5f;
        scores[10 + i] = 0.5f;
        labels[10 + i] = 1;
        ap += (double)(i + 1) / (double)(i + 1 + 11) / 10;
    }
    scores[20] = nextafterf(0.5f, 1);
    assert_int_equal(pixel_histogram_create(SMALLEST, &histogram, NULL), MVAD_OK);
    pixel_histogram_add(histogram, scores, 4096, labels, weights);
    pixel_histogram_measure(histogram, &metrics);
    assert_true(fabs(metrics.ap - 10.0 / 21) < 1e-12);
    assert_true(metrics.ap - ap > 10.0 / 20 - 10.0 / 21);
    assert_true(metrics.ap - ap < metrics.error.ap);
    pixel_histogram_destroy(histogram);
}

static void memory_is_flat(void **state)
{
    (void)state;
    struct metrics *metrics = create_metrics(2, 32, 0);
    size_t before = metrics_pixel_bytes(metrics);
    float map[32 * 32];
    uint8_t mask[32 * 32];
    for (uint32_t v = 0; v < 1000; v++) {
        if (v == 10) assert_int_equal(metrics_pixel_bytes(metrics), before);
        for (size_t i = 0; i < sizeof mask; i++) {
            mask[i] = (i * 7 + v) % 31 == 0;
            map[i] = large_score(v * sizeof mask + i, mask[i]);
        }
        assert_int_equal(metrics_add_view(metrics, v % 2, map, mask, true, NULL), MVAD_OK);
    }
    assert_int_equal(metrics_pixel_bytes(metrics), before);
    assert_in_range(before, 2 * PIXEL_HISTOGRAM_BYTES, 2 * PIXEL_HISTOGRAM_BYTES + (1 << 20));
    metrics_destroy(metrics);
}

/* The sum of the weights would overflow: refused before it does, in views and in merges. */
static void too_many_regions(void **state)
{
    (void)state;
    const size_t size = MVAD_MAX_IMAGE_SIZE;
    struct metrics *a = create_metrics(1, (uint32_t)size, SMALLEST),
                   *b = create_metrics(1, (uint32_t)size, SMALLEST);
    float *map = calloc(size * size, sizeof *map);
    uint8_t *mask = calloc(size * size, 1);
    struct metrics_row row;
    mvad_error error;
    for (size_t i = 0; i < size * size; i++) mask[i] = i / size % 2 == 0 && i % 2 == 0;
    assert_int_equal(metrics_add_view(a, 0, map, mask, true, NULL), MVAD_OK);
    for (int i = 0; i < 63; i++) assert_int_equal(metrics_merge(b, a, NULL), MVAD_OK);
    assert_int_equal(metrics_merge(b, a, &error), MVAD_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "class 0"));
    assert_int_equal(metrics_add_view(b, 0, map, mask, true, &error), MVAD_ERROR_UNSUPPORTED);
    assert_int_equal(metrics_result(b, 0, &row, NULL), MVAD_OK);
    expect_close("regions", METRIC_PIXEL_AUPRO, row.value[METRIC_PIXEL_AUPRO], 0.15, 1e-12);
    metrics_destroy(a);
    metrics_destroy(b);
    free(map);
    free(mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_within_the_bound),
        cmocka_unit_test(any_order_any_split),
        cmocka_unit_test(merging_keeps_the_coarser),
        cmocka_unit_test(bound_holds),
        cmocka_unit_test(bound_is_reached),
        cmocka_unit_test(bound_covers_the_worst),
        cmocka_unit_test(memory_is_flat),
        cmocka_unit_test(too_many_regions),
    };
    return cmocka_run_group_tests(tests, golden_metrics_open, golden_metrics_close);
}
