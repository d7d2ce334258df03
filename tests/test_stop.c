/* Work on many images that is stopped, by the caller and by a signal: nothing half done stays. */
#include "cache_case.h"
#include "small_model.h"

enum { SIDE = 12, PHOTOGRAPHS = 400, PHOTOGRAPH_SIDE = 3000 };

struct stop {
    size_t at, calls, problems;
};

static int32_t stop_at(size_t done, size_t total, void *user)
{
    struct stop *stop = user;
    assert_int_equal(done, ++stop->calls);
    assert_int_equal(total, 6);
    return done >= stop->at;
}

static void count_problem(const mvad_dataset_problem *problem, void *user)
{
    struct stop *stop = user;
    assert_non_null(problem->text);
    stop->problems++;
}

static size_t count_samples(const mvad_dataset *dataset)
{
    size_t count = 0;
    for (size_t i = 0; i < mvad_dataset_class_count(dataset); i++) {
        mvad_dataset_class c;
        assert_int_equal(mvad_dataset_class_at(dataset, i, &c, NULL), MVAD_OK);
        count += c.train_samples + c.test_samples;
    }
    return count;
}

static void a_stopped_check_changes_nothing(void **state)
{
    (void)state;
    tree_write_text("data/a/train/good/1/r.png", "no image");
    mvad_dataset *dataset = cache_open_data("data");
    mvad_dataset_check_options options = mvad_dataset_check_options_default();
    const size_t samples = count_samples(dataset);
    for (size_t at = 1; at <= 7; at++) {
        struct stop stop = {.at = at};
        size_t fatal = 99;
        options.threads = 1;
        options.remove = 1;
        options.problem = count_problem;
        options.progress = stop_at;
        options.user = &stop;
        assert_int_equal(mvad_dataset_check(dataset, &options, &fatal, NULL), MVAD_OK);
        assert_int_equal(stop.calls, at < 6 ? at : 6);
        if (at == 7) { /* it was not */
            assert_true(fatal > 0 && stop.problems >= fatal);
            assert_true(count_samples(dataset) < samples);
        } else {
            assert_int_equal(fatal, 0);
            assert_int_equal(stop.problems, 0);
            assert_int_equal(count_samples(dataset), samples);
        }
    }
    mvad_dataset_close(dataset);
}

static void a_stopped_cache_leaves_no_file(void **state)
{
    (void)state;
    mvad_dataset *dataset = cache_open_data("data");
    mvad_cache_options options = mvad_cache_options_default();
    char *folder = tree_path("cache");
    for (size_t at = 1; at <= 6; at++) {
        struct stop stop = {.at = at};
        int32_t built = 1;
        options.folder = folder;
        options.image_size = SIDE;
        options.threads = at % 2 ? 1 : 3;
        options.progress = stop_at;
        options.user = &stop;
        assert_int_equal(mvad_dataset_cache(dataset, &options, &built, NULL), MVAD_OK);
        assert_int_equal(built, 0);
        assert_int_equal(stop.calls, at);
        assert_int_equal(cache_count_files("cache"), 0);
        assert_null(dataset->index.cache);
    }
    /* One that there is already stays in use. */
    assert_true(cache_attach(dataset, "old", SIDE));
    struct stop stop = {.at = 2};
    options.user = &stop;
    assert_int_equal(mvad_dataset_cache(dataset, &options, NULL, NULL), MVAD_OK);
    assert_int_equal(cache_count_files("cache"), 0);
    assert_true(image_cache_has_size(dataset->index.cache, SIDE));
    assert_loads_as_decoded(dataset, SIDE);
    free(folder);
    mvad_dataset_close(dataset);
}

/* More than can be decoded before the signal comes: links to one large photograph. */
static void write_many(void)
{
    char *photograph = scratch_path("large.png"), *list = scratch_path("list.csv");
    tree_write_image("large.png", PHOTOGRAPH_SIDE, PHOTOGRAPH_SIDE, 90, 80, 70);
    char *made = tree_path("large.png");
    struct output output = expect_run(0,
                                      "mv %s %s; for i in $(seq %d); do ln -s large.png @$i.png; "
                                      "echo $i,1,a,test,good,$i.png; done >@rows; "
                                      "(echo sample,view,class,split,label,image; cat @rows) >%s",
                                      made, photograph, PHOTOGRAPHS, list);
    output_free(&output);
    free(made);
    free(list);
    free(photograph);
}

static void expect_stopped(const char *command, const char *what)
{
    struct output output =
        expect_run(130, "%s & pid=$!; sleep 0.7; kill -INT $pid; wait $pid", command);
    assert_string_equal(output.out, "");
    assert_one_line(&output, "mvad: stopped", what);
    output_free(&output);
}

static void signals_end_programs_cleanly(void **state)
{
    (void)state;
    write_many();
    expect_stopped(MVAD " data check --data @list.csv", "before all images were checked");
    expect_stopped(MVAD " data check --json --data @list.csv", "before all images were checked");
    expect_stopped(MVAD " eval --model @m.safetensors --data @list.csv --cache @cache",
                   "while the cache was being made");
    expect_stopped(MVAD " eval --model @m.safetensors --data @list.csv --skip-bad", "no results");
    struct output output = expect_run(0, "ls -A @cache; rm -r @cache");
    assert_string_equal(output.out, "");
    output_free(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stopped_check_changes_nothing, cache_case_make,
                                        cache_case_remove),
        cmocka_unit_test_setup_teardown(a_stopped_cache_leaves_no_file, cache_case_make,
                                        cache_case_remove),
        cmocka_unit_test_setup_teardown(signals_end_programs_cleanly, small_model_make,
                                        scratch_remove),
    };
    return cmocka_run_group_tests_name("stop", tests, tree_make, tree_remove);
}
