/* Regions of a mask against scikit-image, and masks with as many regions as can be. */
#include "tests/metrics_golden.h"

#include "core/score/regions.h"

#define PIXELS (GOLDEN_SIDE * GOLDEN_SIDE)

static void regions_like_scikit_image(void **state)
{
    struct regions *regions;
    uint32_t found = 0;
    assert_int_equal(regions_create(GOLDEN_SIDE, GOLDEN_SIDE, &regions, NULL), MVAD_OK);
    assert_int_equal(regions_count(regions), 0);
    for (size_t i = 0; i < GOLDEN_CASES; i++) {
        mvad_tensor_view masks = golden_find(state, golden_cases[i], "masks"),
                         labels = golden_find(state, golden_cases[i], "regions");
        uint8_t *mask = bytes_of(masks.data, masks.count);
        for (size_t view = 0; view < masks.count / PIXELS; view++) {
            struct region boxes[PIXELS] = {0};
            uint32_t highest = 0;
            regions_find(regions, mask + view * PIXELS);
            for (uint32_t j = 0; j < PIXELS; j++) {
                uint32_t label = (uint32_t)labels.data[view * PIXELS + j], x = j % GOLDEN_SIDE,
                         y = j / GOLDEN_SIDE;
                assert_int_equal(regions_labels(regions)[j], label);
                if (!label) continue;
                struct region *box = &boxes[label - 1];
                if (!box->area++) *box = (struct region){1, x, y, x, y};
                if (x < box->left) box->left = x;
                if (x > box->right) box->right = x;
                if (y > box->bottom) box->bottom = y;
                if (label > highest) highest = label;
            }
            assert_int_equal(regions_count(regions), highest);
            for (uint32_t j = 0; j < highest; j++)
                assert_memory_equal(regions_at(regions, j), &boxes[j], sizeof *boxes);
            found += highest;
        }
        free(mask);
    }
    assert_true(found > 100);
    regions_destroy(regions);
}

/* As many regions as fit, on sides odd and even, and one row and column. */
static void regions_at_the_limit(void **state)
{
    (void)state;
    static const uint32_t sides[][2] = {{7, 9}, {8, 10}, {1, 11}, {11, 1}, {1, 1}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        uint32_t height = sides[i][0], width = sides[i][1], wanted = 0;
        uint8_t *mask = malloc((size_t)height * width); /* exact size: reads beyond it are seen */
        struct regions *regions;
        assert_int_equal(regions_create(height, width, &regions, NULL), MVAD_OK);
        for (uint32_t j = 0; j < height * width; j++) {
            mask[j] = j / width % 2 == 0 && j % width % 2 == 0;
            wanted += mask[j];
        }
        regions_find(regions, mask);
        assert_int_equal(regions_count(regions), wanted);
        assert_int_equal(wanted, ((height + 1) / 2) * ((width + 1) / 2));
        memset(mask, 255, (size_t)height * width);
        regions_find(regions, mask);
        assert_int_equal(regions_count(regions), 1);
        assert_int_equal(regions_at(regions, 0)->area, height * width);
        assert_int_equal(regions_at(regions, 0)->right, width - 1);
        assert_int_equal(regions_at(regions, 0)->bottom, height - 1);
        regions_destroy(regions);
        free(mask);
    }
    struct regions *regions;
    assert_int_equal(regions_create(0, 5, &regions, NULL), MVAD_ERROR_INVALID_ARGUMENT);
    assert_null(regions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_like_scikit_image),
        cmocka_unit_test(regions_at_the_limit),
    };
    return cmocka_run_group_tests(tests, golden_metrics_open, golden_metrics_close);
}
