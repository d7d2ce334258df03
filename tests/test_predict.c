/* mvad_predict on a small data set: its maps against a session's on the same pixels, which parts it
 * takes, regions in pixels of the photograph. */
#include <math.h>

#include "predict_case.h"

static void maps_are_the_sessions(void **state)
{
    (void)state;
    static const size_t numbers[] = {0, 1, 2};
    static const mvad_label labels[] = {
        ['n'] = MVAD_NORMAL, ['a'] = MVAD_ANOMALOUS, ['m'] = MVAD_ANOMALOUS, ['u'] = MVAD_UNLABELLED};
    const float threshold = predict_case.middle;
    struct list *list = malloc(sizeof *list);
    size_t i = 0, anomalous = 0;
    assert_non_null(list);
    mvad_predict_options options = options_for(list, threshold);
    predict(predict_case.dataset, &options);
    for (size_t p = 0; p < EVAL_PARTS; p++) {
        const struct eval_part *part = &eval_parts[p];
        if (part->train) continue;
        const struct kept *kept = &list->parts[i++];
        assert_string_equal(kept->class_name, part->class_name);
        assert_string_equal(kept->name, part->name);
        mvad_label label = MVAD_NORMAL;
        for (const char *view = part->views; *view; view++)
            if (labels[(unsigned char)*view] == MVAD_ANOMALOUS || label == MVAD_NORMAL)
                label = labels[(unsigned char)*view];
        assert_int_equal(kept->label, label);
        check_part(kept, p, numbers, strlen(part->views), threshold);
        anomalous += (size_t)kept->anomalous;
    }
    assert_int_equal(list->count, i);
    assert_in_range(anomalous, 1, i - 1);
    free(list);
}

static void splits_selection_and_stop(void **state)
{
    (void)state;
    struct list *list = malloc(sizeof *list);
    assert_non_null(list);
    mvad_predict_options options = options_for(list, 1);
    options.split = MVAD_SPLIT_TRAIN;
    predict(predict_case.dataset, &options);
    assert_int_equal(list->count, 3);
    assert_string_equal(list->parts[2].class_name, "idle");

    options = options_for(list, 1);
    options.split = MVAD_SPLIT_ALL;
    predict(predict_case.dataset, &options);
    assert_int_equal(list->count, EVAL_PARTS);
    for (size_t p = 0; p < EVAL_PARTS; p++) {
        assert_string_equal(list->parts[p].class_name, eval_parts[p].class_name);
        assert_string_equal(list->parts[p].name, eval_parts[p].name);
    }

    options = options_for(list, 1);
    options.select = take_only;
    list->only = "c1";
    predict(predict_case.dataset, &options);
    assert_int_equal(list->count, 1);
    assert_string_equal(list->parts[0].class_name, "cap");
    check_part(&list->parts[0], 12, (const size_t[]){0, 1, 2}, 3, 1);

    options = options_for(list, 1);
    options.select = take_only;
    list->only = "t0"; /* not in the test split */
    predict(predict_case.dataset, &options);
    assert_int_equal(list->count, 0);

    options = options_for(list, 1);
    list->stop_after = 4;
    predict(predict_case.dataset, &options);
    assert_int_equal(list->count, 4);

    options = options_for(list, 1);
    options.part = NULL;
    predict(predict_case.dataset, &options);
    free(list);
}

/* As many views as there are files, in their order, whatever the model was made for. */
static void photographs_are_one_part(void **state)
{
    (void)state;
    static const char *const names[] = {"images/bolt-b3-2.png", "images/bolt-b3-0.png",
                                        "images/bolt-b3-1.png", "images/bolt-b3-0.png",
                                        "images/bolt-b3-1.png"};
    static const size_t numbers[] = {2, 0, 1};
    struct list *list = malloc(sizeof *list);
    assert_non_null(list);
    for (size_t count = 1; count <= 5; count += 2) {
        mvad_dataset *dataset = dataset_of(names, count);
        mvad_dataset_class class;
        assert_string_equal(mvad_dataset_kind(dataset), "images");
        assert_int_equal(mvad_dataset_class_count(dataset), 1);
        assert_int_equal(mvad_dataset_class_at(dataset, 0, &class, NULL), MVAD_OK);
        assert_int_equal(class.test_samples, 1);
        mvad_predict_options options = options_for(list, 1);
        predict(dataset, &options);
        assert_int_equal(list->count, 1);
        const struct kept *kept = &list->parts[0];
        assert_string_equal(kept->class_name, "");
        assert_string_equal(kept->name, "mine");
        assert_int_equal(kept->label, MVAD_UNLABELLED);
        assert_int_equal(kept->view_count, count);
        for (size_t v = 0; v < count; v++) assert_int_equal(atoi(kept->views[v]), v + 1);
        if (count <= 3) check_part(kept, 4, numbers, count, 1);
        mvad_dataset_close(dataset);
    }
    mvad_dataset *none;
    assert_int_equal(mvad_dataset_from_images("x", names, 0, &none, NULL),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_null(none);
    assert_int_equal(mvad_dataset_from_images("x", (const char *[]){"a", ""}, 2, &none, NULL),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_null(none);
    free(list);
}

/* The regions of photographs larger than the map, not square, one of them lying on its side. */
static void regions_are_in_pixels_of_the_photograph(void **state)
{
    (void)state;
    struct reference file = reference_find("file", "orientation6");
    struct list *list = malloc(sizeof *list);
    assert_non_null(list);
    tree_write_bytes("turned.jpg", file.data, file.bytes); /* 16 x 24 upright */
    tree_write_image("wide.png", 640, 100, 200, 30, 10);
    mvad_dataset *dataset = dataset_of((const char *[]){"turned.jpg", "wide.png"}, 2);
    mvad_predict_options options = options_for(list, 0);
    predict(dataset, &options);
    const float threshold = list->parts[0].score * 0.999f;
    options = options_for(list, threshold);
    predict(dataset, &options);
    const struct kept *kept = &list->parts[0];
    static const int32_t sides[2][2] = {{16, 24}, {640, 100}};
    size_t regions = 0;
    for (size_t v = 0; v < 2; v++) {
        assert_int_equal(kept->sides[v][0], sides[v][0]);
        assert_int_equal(kept->sides[v][1], sides[v][1]);
        if (!kept->regions[v]) continue;
        regions++;
        /* The highest score, found again in the map, lies in the box. */
        int at = 0;
        while (kept->maps[v][at] != kept->scores[v]) at++;
        const mvad_region *first = &kept->first[v];
        const double x = (at % EVAL_SIZE + 0.5) / EVAL_SIZE * sides[v][0];
        const double y = (at / EVAL_SIZE + 0.5) / EVAL_SIZE * sides[v][1];
        assert_true(x > first->left && x < first->left + first->width);
        assert_true(y > first->top && y < first->top + first->height);
        assert_true(first->left + first->width <= sides[v][0]);
        assert_true(first->top + first->height <= sides[v][1]);
        assert_true(first->area <= (double)first->width * first->height);
    }
    assert_true(regions > 0);
    mvad_dataset_close(dataset);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_the_sessions),
        cmocka_unit_test(splits_selection_and_stop),
        cmocka_unit_test(photographs_are_one_part),
        cmocka_unit_test(regions_are_in_pixels_of_the_photograph),
    };
    return cmocka_run_group_tests(tests, predict_make, predict_remove);
}
