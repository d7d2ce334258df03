/* Messages of the library: which, to whom, one at a time; the programs' --verbose. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "cache_case.h"
#include "core/base/log.h"
#include "predict_program.h"

enum { SIDE = 12, BLOCKS = 4096 /* where they begin in a cache's file */ };

struct heard {
    int warnings, infos;
    char last[2][256]; /* warning, info */
    atomic_int inside;
    bool overlapped;
};

static void listen(mvad_log_level level, const char *line, void *user)
{
    struct heard *heard = user;
    heard->overlapped |= atomic_fetch_add(&heard->inside, 1) != 0;
    assert_true(level == MVAD_LOG_WARNING || level == MVAD_LOG_INFO);
    *(level == MVAD_LOG_WARNING ? &heard->warnings : &heard->infos) += 1;
    snprintf(heard->last[level == MVAD_LOG_INFO], sizeof heard->last[0], "%s", line);
    atomic_fetch_sub(&heard->inside, 1);
}

static void open_device(void)
{
    mvad_device *device;
    assert_int_equal(mvad_device_open("cpu", 1, &device, NULL), MVAD_OK);
    mvad_device_close(device);
}

static void a_level_is_heard_until_it_is_taken_back(void **state)
{
    (void)state;
    struct heard heard = {0};
    open_device();
    mvad_log_set(MVAD_LOG_INFO, listen, &heard);
    open_device();
    assert_int_equal(heard.infos, 1);
    assert_memory_equal(heard.last[1], "cpu: opened ", 12);
    mvad_log_set(MVAD_LOG_WARNING, listen, &heard);
    open_device();
    mvad_log_set(MVAD_LOG_INFO, NULL, &heard);
    open_device();
    mvad_log_set(MVAD_LOG_INFO, listen, &heard);
    mvad_log_set(MVAD_LOG_NONE, listen, &heard);
    open_device();
    assert_int_equal(heard.infos, 1);
    assert_int_equal(heard.warnings, 0);
}

static void caches_tell_what_is_wrong_with_them(void **state)
{
    (void)state;
    struct heard heard = {0};
    size_t size;
    mvad_log_set(MVAD_LOG_INFO, listen, &heard);
    assert_true(cache_try("data", "cache", SIDE));
    assert_int_equal(heard.infos, 1);
    assert_non_null(strstr(heard.last[1], "is made from 6 images"));
    assert_false(cache_try("data", "cache", SIDE)); /* nothing to tell */
    assert_int_equal(heard.infos + heard.warnings, 1);

    char *path = cache_path("cache");
    uint8_t *bytes = read_bytes(path, &size);
    for (size_t i = BLOCKS; i < size; i += SIDE) bytes[i] ^= 1;
    write_bytes(path, bytes, size);
    assert_false(cache_try("data", "cache", SIDE)); /* all blocks, one message */
    assert_int_equal(heard.warnings, 1);
    assert_non_null(strstr(heard.last[0], path + strlen(path) - 10));
    assert_non_null(strstr(heard.last[0], "is damaged"));

    bytes[0] ^= 1;
    write_bytes(path, bytes, size);
    assert_true(cache_try("data", "cache", SIDE));
    assert_int_equal(heard.warnings, 2);
    assert_non_null(strstr(heard.last[0], "is not used"));
    assert_int_equal(heard.infos, 2);

    mvad_log_set(MVAD_LOG_NONE, NULL, NULL);
    free(bytes);
    free(path);
}

static void *write_many(void *user)
{
    (void)user;
    for (int i = 0; i < 1000; i++) log_write(MVAD_LOG_INFO, "line\n%d", i);
    return NULL;
}

static void threads_speak_one_at_a_time_and_in_one_line(void **state)
{
    (void)state;
    struct heard heard = {0};
    pthread_t threads[4];
    mvad_log_set(MVAD_LOG_INFO, listen, &heard);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, NULL), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    mvad_log_set(MVAD_LOG_NONE, NULL, NULL);
    assert_int_equal(heard.infos, 4000);
    assert_false(heard.overlapped);
    assert_string_equal(heard.last[1], "line?999");
}

static void programs_show_them_when_asked_to(void **state)
{
    (void)state;
    struct output output = expect_run(4, MVAD_PROGRAM " tune --device cpu --verbose");
    assert_memory_equal(output.err, "mvad: cpu: opened ", 18);
    assert_int_equal(count_lines(output.err), 2);
    output_free(&output);
    output = expect_run(4, MVAD_PROGRAM " tune --device cpu");
    assert_int_equal(count_lines(output.err), 1);
    output_free(&output);
    output = expect_run(0, MVAD_PROGRAM " info --help");
    assert_non_null(strstr(output.out, "--verbose "));
    output_free(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_is_heard_until_it_is_taken_back),
        cmocka_unit_test_setup_teardown(caches_tell_what_is_wrong_with_them, cache_case_make,
                                        cache_case_remove),
        cmocka_unit_test(threads_speak_one_at_a_time_and_in_one_line),
        cmocka_unit_test_setup_teardown(programs_show_them_when_asked_to, scratch_make,
                                        scratch_remove),
    };
    return cmocka_run_group_tests_name("log", tests, tree_make, tree_remove);
}
