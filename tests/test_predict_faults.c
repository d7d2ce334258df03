/* Parts that mvad_predict cannot judge, its threshold, its errors. */
#include <math.h>

#include "predict_case.h"

/* The same part before, between and after such that cannot be judged. */
static void faults_do_not_end_the_work(void **state)
{
    (void)state;
    char text[4096] = "class,sample,view,label,image\n";
    static const char *const faulty[] = {"images/none.png", "images/broken.png"};
    static const char *const order[] = {"a", "many", "b", "none", "broken", "c"};
    tree_write_text("images/broken.png", "\x89PNG and no more");
    for (size_t i = 0; i < 6; i++)
        for (int v = 0; v < (i == 1 ? 17 : 2); v++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "k,p%zu-%s,%d,ok,%s%s\n", i,
                     order[i], v, v && i > 2 && i < 5 ? faulty[i - 3] : "images/bolt-b0-",
                     v && i > 2 && i < 5 ? ""
                     : v % 2             ? "1.png"
                                         : "0.png");
    tree_write_text("faults.csv", text);
    struct list *list = malloc(sizeof *list);
    assert_non_null(list);
    mvad_dataset *dataset = open_dataset("faults.csv");
    mvad_predict_options options = options_for(list, 1);
    predict(dataset, &options);
    assert_int_equal(list->count, 6);
    for (size_t i = 0; i < 6; i++) {
        const struct kept *kept = &list->parts[i];
        assert_non_null(strstr(kept->name, order[i]));
        assert_int_equal(kept->fault[0] != 0, i == 1 || i == 3 || i == 4);
        if (!kept->fault[0]) check_part(kept, 1, (const size_t[]){0, 1}, 2, 1);
        assert_null(strchr(kept->fault, '\n'));
        assert_false(kept->fault[0] && kept->anomalous);
    }
    assert_non_null(strstr(list->parts[1].fault, "p1-many"));
    assert_non_null(strstr(list->parts[1].fault, "17"));
    assert_non_null(strstr(list->parts[3].fault, "images/none.png"));
    assert_non_null(strstr(list->parts[4].fault, "images/broken.png"));

    /* Nothing but faults. */
    options = options_for(list, 1);
    options.select = take_only;
    list->only = "p1-many";
    predict(dataset, &options);
    assert_int_equal(list->count, 1);
    assert_true(list->parts[0].fault[0]);
    mvad_dataset_close(dataset);
    free(list);
}

static void not_a_number_is_a_fault(void **state)
{
    (void)state;
    struct list *list = malloc(sizeof *list);
    mvad_parameter parameter;
    assert_non_null(list);
    mvad_predict_options options = options_for(list, 1);
    assert_int_equal(mvad_model_parameter_at(predict_case.model, 0, &parameter, NULL), MVAD_OK);
    float *values = malloc(parameter.count * sizeof *values), old;
    assert_non_null(values);
    assert_int_equal(mvad_model_read_parameter(predict_case.model, parameter.name, values,
                                               parameter.count, NULL),
                     MVAD_OK);
    old = values[0];
    values[0] = NAN;
    assert_int_equal(mvad_model_write_parameter(predict_case.model, parameter.name, values,
                                                parameter.count, NULL),
                     MVAD_OK);
    predict(predict_case.dataset, &options);
    assert_true(list->count > 1);
    for (size_t i = 0; i < list->count; i++)
        assert_non_null(strstr(list->parts[i].fault, "-0.png: its anomaly map"));
    values[0] = old;
    assert_int_equal(mvad_model_write_parameter(predict_case.model, parameter.name, values,
                                                parameter.count, NULL),
                     MVAD_OK);
    free(values);
    free(list);
}

static void assert_refused(const mvad_dataset *dataset, const mvad_predict_options *options,
                           mvad_status status, const char *what)
{
    mvad_error error;
    assert_int_equal(
        mvad_predict(predict_case.model, predict_case.device, dataset, options, &error), status);
    assert_error(&error, status, "", what);
}

static void threshold_and_errors(void **state)
{
    (void)state;
    struct list *list = malloc(sizeof *list);
    assert_non_null(list);
    mvad_predict_options options = options_for(list, NAN);
    assert_refused(predict_case.dataset, &options, MVAD_ERROR_FORMAT, "no scale");
    assert_int_equal(list->count, 0);
    const float threshold = predict_case.middle;
    const mvad_score_scale scale = {threshold / 2, threshold, threshold * 2};
    assert_int_equal(mvad_model_set_scale(predict_case.model, &scale, NULL), MVAD_OK);
    predict(predict_case.dataset, &options);
    size_t anomalous = 0;
    for (size_t i = 0; i < list->count; i++) {
        assert_int_equal(list->parts[i].anomalous, list->parts[i].score > threshold);
        anomalous += (size_t)list->parts[i].anomalous;
    }
    assert_in_range(anomalous, 1, list->count - 1);

    options.threshold = INFINITY;
    assert_refused(predict_case.dataset, &options, MVAD_ERROR_INVALID_ARGUMENT, "infinite");
    options.threshold = 1;
    options.split = (mvad_split)3;
    assert_refused(predict_case.dataset, &options, MVAD_ERROR_INVALID_ARGUMENT, "split");
    options.split = MVAD_SPLIT_TRAIN;
    mvad_dataset *test_only = dataset_of((const char *[]){"images/bolt-b0-0.png"}, 1);
    assert_refused(test_only, &options, MVAD_ERROR_FORMAT, "no part");
    mvad_dataset_close(test_only);
    assert_refused(NULL, &options, MVAD_ERROR_INVALID_ARGUMENT, "NULL");
    options.size = 0;
    assert_refused(predict_case.dataset, &options, MVAD_ERROR_INVALID_ARGUMENT, "not initialised");
    assert_refused(predict_case.dataset, NULL, MVAD_ERROR_INVALID_ARGUMENT, "not initialised");
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_do_not_end_the_work),
        cmocka_unit_test(not_a_number_is_a_fault),
        cmocka_unit_test(threshold_and_errors),
    };
    return cmocka_run_group_tests(tests, predict_make, predict_remove);
}
