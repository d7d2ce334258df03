/* Checking the files of a data set: problems made one at a time, and the real photographs. */
#include <unistd.h>

#include "core/data/check.h"
#include "core/data/load.h"
#include "data_images.h"

#define PHOTOS MVAD_REFERENCE_DIR "/data/photos"

static int empty(void **state)
{
    (void)state;
    tree_empty();
    return 0;
}

static struct dataset open_path(const char *root)
{
    struct dataset dataset;
    mvad_error error;
    struct dataset_options options = {.root = root};
    if (dataset_open(&options, &dataset, &error)) fail_msg("%s", error.message);
    return dataset;
}

static struct dataset open_tree(const char *name)
{
    char *root = tree_path(name);
    struct dataset dataset = open_path(root);
    free(root);
    return dataset;
}

static struct dataset_report check(const struct dataset *dataset, int32_t threads)
{
    struct dataset_report report;
    mvad_error error;
    struct dataset_check_options options = {.threads = threads};
    if (dataset_check(dataset, &options, &report, &error)) fail_msg("%s", error.message);
    return report;
}

/* Two training parts of two views and a test part of two, one of them anomalous; nothing wrong. */
static void make_good_set(void)
{
    tree_write_image("a/train/good/1/l.png", 16, 12, 9, 9, 9);
    tree_write_image("a/train/good/1/r.bmp", 16, 12, 9, 9, 9);
    tree_write_image("a/train/good/2/l.bmp", 20, 10, 9, 9, 9);
    tree_write_image("a/train/good/2/r.png", 16, 12, 9, 9, 9);
    tree_write_image("a/test/dent/1/l.png", 16, 12, 9, 9, 9);
    tree_write_image("a/test/dent/1/r.png", 16, 12, 9, 9, 9);
    tree_write_mask("a/ground_truth/dent/1/l.png", 16, 12, 3, 2);
}

/* The set has exactly this one problem, told with the file's name, whatever the threads. */
static void assert_problem(const char *name, enum dataset_problem_kind kind, const char *sample,
                           const char *what, const char *why)
{
    struct dataset dataset = open_tree(name);
    for (int32_t threads = 1; threads <= 3; threads += 2) {
        struct dataset_report report = check(&dataset, threads);
        if (report.problem_count != 1) {
            for (size_t i = 0; i < report.problem_count; i++)
                print_error("problem: %s\n", report.problems[i].text);
            fail_msg("%zu problems, wanted one: %s", report.problem_count, why);
        }
        const struct dataset_problem *problem = &report.problems[0];
        assert_string_equal(dataset_problem_name(problem->kind), dataset_problem_name(kind));
        assert_string_equal(dataset.samples[problem->sample].name, sample);
        assert_non_null(strstr(problem->text, what));
        assert_non_null(strstr(problem->text, why));
        assert_null(strchr(problem->text, '\n'));
        assert_int_equal(report.counts[kind], 1);
        assert_int_equal(report.fatal_count, kind <= PROBLEM_TOO_MANY_VIEWS);

        bool remove[8];
        memset(remove, true, sizeof remove);
        assert_true(dataset.sample_count <= 8);
        assert_int_equal(dataset_report_mark(&report, &dataset, remove), report.fatal_count);
        for (size_t i = 0; i < dataset.sample_count; i++)
            assert_int_equal(remove[i], report.fatal_count && i == problem->sample);
        dataset_report_free(&report);
        assert_null(report.problems);
    }
    dataset_close(&dataset);
}

static void a_good_set_has_no_problems(void **state)
{
    (void)state;
    make_good_set();
    struct dataset dataset = open_tree("");
    struct dataset_report report = check(&dataset, 0);
    assert_int_equal(report.problem_count, 0);
    const struct dataset_totals *a = &report.classes[0];
    assert_int_equal(a->train_samples, 2);
    assert_int_equal(a->test_samples, 1);
    assert_int_equal(a->anomalous_samples, 1);
    assert_int_equal(a->views, 6);
    assert_int_equal(a->anomalous_views, 1);
    assert_int_equal(a->min_width, 16);
    assert_int_equal(a->max_width, 20);
    assert_int_equal(a->min_height, 10);
    assert_int_equal(a->max_height, 12);
    assert_memory_equal(a, &report.all, sizeof *a);
    dataset_report_free(&report);
    dataset_close(&dataset);
}

static void bad_files_are_named(void **state)
{
    (void)state;
    make_good_set();
    tree_write_text("a/train/good/2/r.png", "\x89PNG\r\n\x1a\n");
    assert_problem("", PROBLEM_BROKEN_IMAGE, "good/2", "a/train/good/2/r.png", "cut off");
    make_good_set();
    tree_write_text("a/test/dent/1/r.png", "");
    assert_problem("", PROBLEM_BROKEN_IMAGE, "dent/1", "a/test/dent/1/r.png", "empty");
    make_good_set();
    tree_write_text("a/ground_truth/dent/1/l.png", "no");
    assert_problem("", PROBLEM_BROKEN_MASK, "dent/1", "ground_truth/dent/1/l.png", "not a JPEG");
    tree_write_mask("a/ground_truth/dent/1/l.png", 16, 12, 0, 0);
    assert_problem("", PROBLEM_EMPTY_MASK, "dent/1", "ground_truth/dent/1/l.png", "nothing");
    tree_write_mask("a/ground_truth/dent/1/l.png", 12, 16, 1, 1);
    assert_problem("", PROBLEM_MASK_SIZE, "dent/1", "ground_truth/dent/1/l.png",
                   "12 x 16 pixels, its image has 16 x 12");
}

static void missing_files_are_named(void **state)
{
    (void)state;
    static const char header[] = "sample,view,class,split,label,image,mask\n";
    char text[512];
    make_good_set();
    snprintf(text, sizeof text, "%sp,1,a,test,dent,a/none.png,a/ground_truth/dent/1/l.png\n",
             header);
    tree_write_text("list.csv", text);
    assert_problem("list.csv", PROBLEM_MISSING_IMAGE, "p", "a/none.png", "No such file");
    snprintf(text, sizeof text, "%sp,1,a,test,dent,a/test/dent/1/l.png,none.png\n", header);
    tree_write_text("list.csv", text);
    assert_problem("list.csv", PROBLEM_MISSING_MASK, "p", "none.png", "No such file");
    snprintf(text, sizeof text, "%sp,1,a,test,dent,a/test/dent/1/l.png,\n", header);
    tree_write_text("list.csv", text);
    assert_problem("list.csv", PROBLEM_NO_MASK, "p", "a/test/dent/1/l.png", "without a mask");
    snprintf(text, sizeof text, "%sp,1,a,test,,a/test/dent/1/l.png,\n", header);
    tree_write_text("list.csv", text);
    assert_problem("list.csv", PROBLEM_NO_LABEL, "p", "a/test/dent/1/l.png", "no label");
}

static void odd_records_are_named(void **state)
{
    (void)state;
    static const char header[] = "sample,view,class,split,label,image\n";
    char text[2048];
    make_good_set();
    snprintf(text, sizeof text,
             "%sp,1,a,train,ok,a/test/dent/1/l.png\nq,1,a,test,ok,a/test/dent/1/l.png\n", header);
    tree_write_text("list.csv", text);
    assert_problem("list.csv", PROBLEM_DUPLICATE_IMAGE, "q", "a/test/dent/1/l.png",
                   "first in training sample 'p'");
    snprintf(text, sizeof text,
             "%sp,1,a,test,ok,a/test/dent/1/l.png\np,1,a,test,ok,a/test/dent/1/l.png\n", header);
    tree_write_text("list.csv", text);
    assert_problem("list.csv", PROBLEM_DUPLICATE_IMAGE, "p", "a/test/dent/1/l.png",
                   "first in test sample 'p'");
    snprintf(text, sizeof text,
             "%sp,1,a,train,ok,a/test/dent/1/l.png\np,1,a,train,ok,a/test/dent/1/r.png\n", header);
    tree_write_text("list.csv", text);
    assert_problem("list.csv", PROBLEM_DUPLICATE_VIEW, "p", "a/test/dent/1/r.png", "view '1'");

    tree_empty();
    make_good_set();
    tree_write_image("a/train/good/3/l.png", 16, 12, 9, 9, 9);
    assert_problem("", PROBLEM_VIEW_COUNT, "good/3", "a, sample 'good/3'",
                   "1 views, most samples have 2");
    for (int i = 0; i < 17; i++) {
        char name[64];
        snprintf(name, sizeof name, "a/train/good/3/%d.png", i);
        tree_write_image(name, 16, 12, 9, 9, 9);
    }
    assert_problem("", PROBLEM_TOO_MANY_VIEWS, "good/3", "a, sample 'good/3'",
                   "18 views, at most 16");
}

struct count {
    size_t calls, last, total;
};

static int32_t count_progress(size_t done, size_t total, void *user)
{
    struct count *count = user;
    assert_true(done > count->last);
    count->calls++;
    count->last = done;
    count->total = total;
    return 0;
}

static void progress_ends_with_the_last_view(void **state)
{
    (void)state;
    struct count count = {0};
    struct dataset_report report;
    struct dataset_check_options options = {
        .threads = 4, .progress = count_progress, .user = &count};
    make_good_set();
    struct dataset dataset = open_tree("");
    assert_int_equal(dataset_check(&dataset, &options, &report, NULL), MVAD_OK);
    assert_true(count.calls >= 1);
    assert_int_equal(count.last, 6);
    assert_int_equal(count.total, 6);
    dataset_report_free(&report);
    dataset_close(&dataset);
}

/* Six classes of photographs: 20 training samples, 15 test samples of which 8 are anomalous, five
 * views each. */
static void photographs_are_indexed_and_sound(void **state)
{
    (void)state;
    if (access(PHOTOS, F_OK)) skip();
    struct dataset dataset = open_path(PHOTOS);
    struct dataset_report report = check(&dataset, 0);
    for (size_t i = 0; i < report.problem_count; i++) print_error("%s\n", report.problems[i].text);
    assert_int_equal(report.problem_count, 0);
    assert_int_equal(dataset.class_count, 6);
    for (size_t c = 0; c < 6; c++) {
        const struct dataset_totals *totals = &report.classes[c];
        assert_int_equal(totals->train_samples, 20);
        assert_int_equal(totals->test_samples, 15);
        assert_int_equal(totals->anomalous_samples, 8);
        assert_int_equal(totals->views, 35 * 5);
        assert_true(totals->anomalous_views >= 8 && totals->anomalous_views <= 40);
        assert_int_equal(totals->min_width, 256);
        assert_int_equal(totals->max_height, 256);
    }
    for (size_t i = 0; i < dataset.sample_count; i++) {
        const struct dataset_sample *sample = &dataset.samples[i];
        assert_int_equal(sample->view_count, 5);
        for (size_t v = 0; v < 5; v++) {
            char view[8];
            snprintf(view, sizeof view, "C%zu", v + 1);
            assert_string_equal(dataset.views[sample->first_view + v].name, view);
        }
    }
    dataset_report_free(&report);

    /* Normal views load without a marked pixel, and anomalous ones with some. */
    uint8_t *pixels = malloc(128 * 128 * 3), *marks = malloc(128 * 128);
    assert_non_null(pixels);
    assert_non_null(marks);
    for (size_t v = 0; v < dataset.view_count; v += 3) {
        const struct dataset_view *view = &dataset.views[v];
        assert_int_equal(load_view(&dataset, v, 128, pixels, marks, NULL), MVAD_OK);
        bool marked = memchr(marks, 1, 128 * 128) != NULL;
        assert_int_equal(marked, view->label == DATASET_ANOMALOUS);
    }
    free(pixels);
    free(marks);
    dataset_close(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_good_set_has_no_problems, empty),
        cmocka_unit_test_teardown(bad_files_are_named, empty),
        cmocka_unit_test_teardown(missing_files_are_named, empty),
        cmocka_unit_test_teardown(odd_records_are_named, empty),
        cmocka_unit_test_teardown(progress_ends_with_the_last_view, empty),
        cmocka_unit_test(photographs_are_indexed_and_sound),
    };
    return cmocka_run_group_tests_name("dataset_check", tests, tree_make, tree_remove);
}
