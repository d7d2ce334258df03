/* The cache of decoded images: the same pixels as without it, built when it has to be and only then.
 * Expected pixels are those of decoding the files. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cache_case.h"
#include "core/data/load.h"
#include "core/train/loader.h"

#define LEFT "data/a/train/good/1/l.bmp" /* 24 x 20, as RIGHT is, so files of one length */
#define RIGHT "data/b/train/good/1/r.bmp"

static void pixels_are_those_of_the_files(void **state)
{
    (void)state;
    static const int32_t sizes[] = {1, 7, 24, 64, 100};
    mvad_synth_options synth = mvad_synth_options_default();
    synth.classes = 1;
    synth.samples_train = 1;
    synth.samples_test = 2;
    synth.image_size = 64;
    char *path = tree_path("jpeg");
    assert_int_equal(mvad_synth_write(path, &synth, NULL, NULL, NULL), MVAD_OK);
    free(path);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_true(cache_try("jpeg", "cache", sizes[i]));
        assert_true(cache_try("data", "cache", sizes[i]));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_false(cache_try("jpeg", "cache", sizes[i]));
        assert_false(cache_try("data", "cache", sizes[i]));
    }
    assert_int_equal(cache_count_files("cache"), 2 * sizeof sizes / sizeof *sizes);

    mvad_dataset *dataset = cache_open_data("jpeg");
    size_t masks = 0, jpegs = 0;
    for (size_t v = 0; v < dataset->index.view_count; v++) {
        masks += dataset->index.views[v].mask != NULL;
        jpegs += strstr(dataset->index.views[v].image, ".jpg") != NULL;
    }
    assert_true(masks > 0 && jpegs == dataset->index.view_count);
    mvad_dataset_close(dataset);
}

/* Files that are gone can come from nowhere else. */
static void images_come_from_the_cache(void **state)
{
    (void)state;
    enum { SIDE = 16, FLOATS = 3 * SIDE * SIDE, VIEWS_OF_PART = 2 };
    mvad_dataset *dataset = cache_open_data("data");
    const struct dataset *index = &dataset->index;
    float *images = malloc(index->view_count * FLOATS * sizeof *images), *image = images;
    float *again = malloc(VIEWS_OF_PART * FLOATS * sizeof *again);
    uint8_t *marks = malloc(VIEWS_OF_PART * SIDE * SIDE);
    assert_true(images && again && marks);
    for (size_t i = 0; i < index->sample_count; i++, image += VIEWS_OF_PART * FLOATS) {
        assert_int_equal(index->samples[i].view_count, VIEWS_OF_PART);
        assert_int_equal(load_sample(index, i, SIDE, image, NULL, NULL), MVAD_OK);
    }

    assert_true(cache_attach(dataset, "cache", SIDE));
    char *data = tree_path("data"), *away = tree_path("away");
    assert_int_equal(rename(data, away), 0);
    image = images;
    for (size_t i = 0; i < index->sample_count; i++, image += VIEWS_OF_PART * FLOATS) {
        assert_int_equal(load_sample(index, i, SIDE, again, marks, NULL), MVAD_OK);
        assert_memory_equal(again, image, VIEWS_OF_PART * FLOATS * sizeof *again);
        assert_int_equal(memchr(marks, 1, VIEWS_OF_PART * SIDE * SIDE) != NULL,
                         index->samples[i].label == DATASET_ANOMALOUS);
        assert_int_equal(load_sample(index, i, SIDE + 1, again, NULL, NULL), MVAD_ERROR_IO);
    }
    free(images);
    free(again);
    free(marks);
    free(data);
    free(away);
    mvad_dataset_close(dataset);
}

/* The loader of training keeps no second copy: two epochs, and no file is there. */
static void training_reads_the_cache(void **state)
{
    (void)state;
    enum { SIDE = 32, FLOATS = 3 * SIDE * SIDE };
    mvad_dataset *dataset = cache_open_data("data");
    struct training_set set;
    struct loader *loader;
    float *wanted = malloc(2 * FLOATS * sizeof *wanted);
    assert_int_equal(training_set_make(&dataset->index, 2, &set, NULL), MVAD_OK);
    assert_int_equal(set.count, 2);
    assert_true(cache_attach(dataset, "cache", SIDE));
    char *data = tree_path("data"), *away = tree_path("away");
    assert_int_equal(rename(data, away), 0);
    const struct loader_options options = {
        .set = &set, .batch = 2, .image_size = SIDE, .seed = 3, .steps = 2, .steps_per_epoch = 1};
    assert_int_equal(loader_create(&options, &loader, NULL), MVAD_OK);
    for (int step = 0; step < 2; step++) {
        const float *images;
        bool found = false;
        assert_int_equal(loader_next(loader, &images, NULL), MVAD_OK);
        assert_int_equal(load_sample(&dataset->index, set.samples[0], SIDE, wanted, NULL, NULL),
                         MVAD_OK);
        for (int i = 0; i < 2; i++)
            found |= memcmp(images + i * 2 * FLOATS, wanted, 2 * FLOATS * sizeof *wanted) == 0;
        assert_true(found);
    }
    loader_destroy(loader);
    training_set_free(&set);
    free(wanted);
    free(data);
    free(away);
    mvad_dataset_close(dataset);
}

static void set_time(const char *name, time_t seconds, long nanoseconds)
{
    const struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    char *path = tree_path(name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    free(path);
}

static void move(const char *from, const char *to)
{
    char *paths[2] = {tree_path(from), tree_path(to)};
    assert_int_equal(rename(paths[0], paths[1]), 0);
    free(paths[0]);
    free(paths[1]);
}

static void assert_rebuilt_once(void)
{
    assert_true(cache_try("data", "cache", 24));
    assert_false(cache_try("data", "cache", 24));
    assert_int_equal(cache_count_files("cache"), 1);
}

static void a_changed_source_rebuilds(void **state)
{
    (void)state;
    assert_rebuilt_once();
    set_time(LEFT, 1700000000, 5);
    assert_rebuilt_once();
    set_time(LEFT, 1700000000, 6);
    assert_rebuilt_once();

    cache_write_noise(LEFT, 24, 20, 77); /* other pixels, the same length and time */
    set_time(LEFT, 1700000000, 6);
    assert_rebuilt_once();
    cache_write_noise("spare.bmp", 24, 20, 78);
    set_time("spare.bmp", 1700000000, 6);
    move("spare.bmp", LEFT); /* another file of this length and time */
    assert_rebuilt_once();

    tree_write_mask("data/a/ground_truth/dent/2/l.png", 24, 20, 3, 3);
    assert_rebuilt_once();
}

/* Gives two files the same times, also that of their change, which is the clock's. */
static void change_at_once(const char *first, const char *second)
{
    enum { ATTEMPTS = 1000 };
    char *paths[2] = {tree_path(first), tree_path(second)};
    bool same = false;
    for (int i = 0; i < ATTEMPTS && !same; i++) {
        struct stat info[2];
        set_time(first, 1700000000, 0);
        set_time(second, 1700000000, 0);
        for (int k = 0; k < 2; k++) assert_int_equal(stat(paths[k], &info[k]), 0);
        same = info[0].st_ctim.tv_sec == info[1].st_ctim.tv_sec &&
               info[0].st_ctim.tv_nsec == info[1].st_ctim.tv_nsec;
    }
    if (!same) print_message("this clock is too fine: the files differ in their times\n");
    free(paths[0]);
    free(paths[1]);
}

static void a_changed_link_rebuilds(void **state)
{
    (void)state;
    char *link = tree_path(LEFT), *data = tree_path("data"), *other = tree_path("other");
    cache_write_noise("one.bmp", 24, 20, 1);
    cache_write_noise("two.bmp", 24, 20, 2);
    change_at_once("one.bmp", "two.bmp");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("../../../../../one.bmp", link), 0);
    assert_rebuilt_once();
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("../../../../../two.bmp", link), 0);
    assert_rebuilt_once();
    cache_write_noise("two.bmp", 24, 20, 3);
    assert_rebuilt_once();

    /* By another way to the same files it is the same data set. */
    assert_int_equal(symlink("data", other), 0);
    assert_false(cache_try("other", "cache", 24));
    free(link);
    free(data);
    free(other);
}

/* Milliseconds since the last change of a source. */
static int32_t measure_age(size_t done, size_t total, void *user)
{
    long *age = user;
    struct stat info;
    struct timespec now;
    if (done > 1) return 0;
    char *path = tree_path(LEFT);
    assert_int_equal(total, 6);
    assert_int_equal(stat(path, &info), 0);
    clock_gettime(CLOCK_REALTIME, &now);
    *age = (long)(now.tv_sec - info.st_ctim.tv_sec) * 1000 +
           (now.tv_nsec - info.st_ctim.tv_nsec) / 1000000;
    free(path);
    return 0;
}

/* Two versions in one tick of the file system's clock, 10 ms at most, have the same times: a source is
 * not decoded before a second version would show. */
static void a_source_that_was_just_written_is_waited_for(void **state)
{
    (void)state;
    mvad_dataset *dataset = cache_open_data("data");
    mvad_cache_options options = mvad_cache_options_default();
    char *folder = tree_path("cache");
    long age = -1;
    options.folder = folder;
    options.image_size = 24;
    options.threads = 1;
    options.progress = measure_age;
    options.user = &age;
    cache_write_noise(LEFT, 24, 20, 9);
    assert_int_equal(mvad_dataset_cache(dataset, &options, NULL, NULL), MVAD_OK);
    assert_true(age >= 20);
    mvad_dataset_close(dataset);
    free(folder);
}

static void bad_sources_are_left_to_their_errors(void **state)
{
    (void)state;
    tree_write_text(LEFT, "no image");
    tree_write_text("data/a/ground_truth/dent/2/r.png", "no mask");
    mvad_dataset *dataset = cache_open_data("data"), *second;
    char *missing = tree_path(RIGHT);
    assert_int_equal(unlink(missing), 0);
    free(missing);
    assert_true(cache_attach(dataset, "cache", 24));
    assert_loads_as_decoded(dataset, 24);
    mvad_dataset_close(dataset);

    second = cache_open_data("data"); /* without the missing view: another data set */
    assert_true(cache_attach(second, "cache", 24));
    assert_loads_as_decoded(second, 24);
    mvad_dataset_close(second);
    assert_false(cache_try("data", "cache", 24));
    assert_int_equal(cache_count_files("cache"), 2);

    cache_write_noise(LEFT, 24, 20, 5); /* mended */
    assert_true(cache_try("data", "cache", 24));
}

static void removed_samples_leave_the_others_in_place(void **state)
{
    (void)state;
    tree_write_text("data/a/train/good/1/r.png", "no image");
    mvad_dataset *dataset = cache_open_data("data");
    mvad_dataset_check_options check = mvad_dataset_check_options_default();
    size_t fatal;
    check.remove = 1;
    assert_true(cache_attach(dataset, "cache", 24));
    assert_int_equal(mvad_dataset_check(dataset, &check, &fatal, NULL), MVAD_OK);
    assert_int_equal(fatal, 1);
    assert_int_equal(dataset->index.view_count, 4);
    assert_loads_as_decoded(dataset, 24);
    assert_true(cache_attach(dataset, "cache", 24)); /* what is left is a data set of its own */
    assert_loads_as_decoded(dataset, 24);
    assert_true(cache_attach(dataset, "cache", 8)); /* in place of the one before */
    assert_loads_as_decoded(dataset, 24);
    assert_loads_as_decoded(dataset, 8);
    mvad_dataset_close(dataset);
    assert_int_equal(cache_count_files("cache"), 3);
}

static int32_t count_progress(size_t done, size_t total, void *user)
{
    size_t *last = user;
    assert_true(done > *last && done <= total);
    *last = done;
    return 0;
}

static void threads_give_the_same_bytes(void **state)
{
    (void)state;
    uint8_t *bytes[2];
    size_t sizes[2];
    for (int i = 0; i < 40; i++) {
        char name[64];
        snprintf(name, sizeof name, "data/c/train/good/%d/x.bmp", i);
        cache_write_noise(name, 10 + i, 50 - i, (uint32_t)i);
    }
    for (int i = 0; i < 2; i++) {
        mvad_dataset *dataset = cache_open_data("data");
        mvad_cache_options options = mvad_cache_options_default();
        size_t last = 0;
        char *folder = tree_path(i ? "many" : "one");
        options.folder = folder;
        options.image_size = 20;
        options.threads = i ? 7 : 1;
        options.progress = count_progress;
        options.user = &last;
        assert_int_equal(mvad_dataset_cache(dataset, &options, NULL, NULL), MVAD_OK);
        assert_int_equal(last, dataset->index.view_count);
        mvad_dataset_close(dataset);
        free(folder);
        char *path = cache_path(i ? "many" : "one");
        bytes[i] = read_bytes(path, &sizes[i]);
        free(path);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}

/* Several processes at once, each of which finds nothing and builds. */
static void processes_build_side_by_side(void **state)
{
    (void)state;
    enum { PROCESSES = 4, ROUNDS = 3 };
    for (int round = 0; round < ROUNDS; round++) {
        pid_t children[PROCESSES];
        set_time(LEFT, 1700000000, round);
        for (int i = 0; i < PROCESSES; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                cache_try("data", "cache", 24);
                _exit(0);
            }
        }
        for (int i = 0; i < PROCESSES; i++) {
            int status;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        assert_false(cache_try("data", "cache", 24));
        assert_int_equal(cache_count_files("cache"), 1);
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, cache_case_make, cache_case_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(processes_build_side_by_side),
        TEST(pixels_are_those_of_the_files),
        TEST(images_come_from_the_cache),
        TEST(training_reads_the_cache),
        TEST(a_changed_source_rebuilds),
        TEST(a_changed_link_rebuilds),
        TEST(a_source_that_was_just_written_is_waited_for),
        TEST(bad_sources_are_left_to_their_errors),
        TEST(removed_samples_leave_the_others_in_place),
        TEST(threads_give_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
