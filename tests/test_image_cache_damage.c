/* The cache of decoded images where something is wrong with its file, its folder or its options: never
 * other pixels than those of the sources, and nothing left behind. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache_case.h"

/* Of the cache's file, as core/data/cache_file.h has it: the data set has six views and two masks. */
enum { SIDE = 12, HEAD = 64 + 6 * 48, BLOCKS = 4096, BYTES = BLOCKS + (6 * 3 + 2) * SIDE * SIDE };

/* Builds the cache and gives its path and its bytes. */
static uint8_t *build(char **path)
{
    size_t size;
    assert_true(cache_try("data", "cache", SIDE));
    *path = cache_path("cache");
    uint8_t *bytes = read_bytes(*path, &size);
    assert_int_equal(size, BYTES);
    return bytes;
}

static void a_damaged_table_is_rebuilt(void **state)
{
    (void)state;
    char *path;
    size_t size;
    uint8_t *bytes = build(&path);
    for (size_t i = 0; i < HEAD; i++) {
        const uint8_t flip = (uint8_t)(1u << i % 8);
        bytes[i] ^= flip;
        write_bytes(path, bytes, BYTES);
        bytes[i] ^= flip;
        assert_true(cache_try("data", "cache", SIDE));
        uint8_t *again = read_bytes(path, &size);
        assert_int_equal(size, BYTES);
        assert_memory_equal(again, bytes, BYTES);
        free(again);
    }
    assert_int_equal(cache_count_files("cache"), 1);
    free(bytes);
    free(path);
}

/* A block shows its damage when it is read: it is then decoded, and the file is given up. */
static void a_damaged_block_is_decoded(void **state)
{
    (void)state;
    char *path;
    uint8_t *bytes = build(&path);
    for (size_t i = BLOCKS; i < BYTES; i += 41) {
        const uint8_t flip = (uint8_t)(1u << i % 8);
        bytes[i] ^= flip;
        write_bytes(path, bytes, BYTES);
        bytes[i] ^= flip;
        assert_false(cache_try("data", "cache", SIDE));
        assert_int_equal(access(path, F_OK), -1);
    }
    assert_true(cache_try("data", "cache", SIDE));
    assert_false(cache_try("data", "cache", SIDE));

    bytes[HEAD] ^= 1; /* between table and blocks there is nothing */
    write_bytes(path, bytes, BYTES);
    assert_false(cache_try("data", "cache", SIDE));
    assert_int_equal(access(path, F_OK), 0);
    free(bytes);
    free(path);
}

static void a_file_of_another_length_is_rebuilt(void **state)
{
    (void)state;
    static const int sizes[] = {0,    1,          63,     64,         65,        HEAD - 1,
                                HEAD, BLOCKS - 1, BLOCKS, BLOCKS + 1, BYTES / 2, BYTES - 1};
    char *path;
    uint8_t *bytes = build(&path);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        write_bytes(path, bytes, (size_t)sizes[i]);
        assert_true(cache_try("data", "cache", SIDE));
    }
    bytes = realloc(bytes, BYTES + 1);
    assert_non_null(bytes);
    bytes[BYTES] = 0;
    write_bytes(path, bytes, BYTES + 1);
    assert_true(cache_try("data", "cache", SIDE));
    assert_false(cache_try("data", "cache", SIDE));
    free(bytes);
    free(path);
}

/* By another process, while it is in use. */
static void a_file_cut_off_while_open_is_no_end(void **state)
{
    (void)state;
    static const int sizes[] = {BYTES - 1, BYTES / 2, BLOCKS, 1, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mvad_dataset *dataset = cache_open_data("data");
        assert_true(cache_attach(dataset, "cache", SIDE));
        char *path = cache_path("cache");
        assert_int_equal(truncate(path, sizes[i]), 0);
        assert_loads_as_decoded(dataset, SIDE);
        mvad_dataset_close(dataset);
        assert_int_equal(access(path, F_OK), -1);
        free(path);
    }
}

/* What is damaged is only removed by the one that used it. */
static void a_new_file_of_another_process_stays(void **state)
{
    (void)state;
    char *path;
    uint8_t *bytes = build(&path);
    mvad_dataset *dataset = cache_open_data("data");
    assert_false(cache_attach(dataset, "cache", SIDE));
    assert_int_equal(truncate(path, BLOCKS), 0);
    assert_true(cache_try("data", "cache", SIDE));
    assert_loads_as_decoded(dataset, SIDE);
    mvad_dataset_close(dataset);
    assert_false(cache_try("data", "cache", SIDE));
    free(bytes);
    free(path);
}

static void assert_cannot(const char *folder, const char *what)
{
    mvad_dataset *dataset = cache_open_data("data");
    mvad_cache_options options = mvad_cache_options_default();
    mvad_error error;
    int32_t built = 1;
    char *path = tree_path(folder);
    options.folder = path;
    options.image_size = SIDE;
    assert_int_equal(mvad_dataset_cache(dataset, &options, &built, &error), MVAD_ERROR_IO);
    assert_error(&error, MVAD_ERROR_IO, path, what);
    assert_int_equal(built, 0);
    assert_null(dataset->index.cache);
    assert_loads_as_decoded(dataset, SIDE);
    mvad_dataset_close(dataset);
    free(path);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file may not grow past the limit, as on a full disk. */
static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    struct rlimit old;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    set_file_limit(BYTES - 1);
    assert_cannot("cache", "cannot make room for its 0.0 MB: File too large");
    set_file_limit(old.rlim_cur);
    assert_int_equal(cache_count_files("cache"), 0);

    char *path;
    size_t size;
    uint8_t *bytes = build(&path);
    tree_write_text("data/a/train/good/1/r.png", "no image"); /* so it has to be built */
    set_file_limit(BYTES - 1);
    assert_cannot("cache", ".cache: cannot make room");
    set_file_limit(old.rlim_cur);
    signal(SIGXFSZ, handler);
    uint8_t *kept = read_bytes(path, &size);
    assert_int_equal(size, BYTES);
    assert_memory_equal(kept, bytes, BYTES);
    assert_int_equal(cache_count_files("cache"), 1);
    free(kept);
    free(bytes);
    free(path);
}

static void folders_that_are_none_are_told(void **state)
{
    (void)state;
    tree_write_text("file", "x");
    assert_cannot("file", "Not a directory");
    assert_cannot("missing/cache", "cannot create the folder: No such file or directory");
    char *path;
    free(build(&path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_cannot("cache", "is a folder");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: this must not wait */
    assert_cannot("cache", "not a regular file");
    free(path);
}

/* Of a process that is gone; but not one that somebody has locked, who counts processes otherwise. */
static void leftovers_are_removed(void **state)
{
    (void)state;
    char dead[64], locked[64];
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    snprintf(dead, sizeof dead, "cache/.mvad-%ld-0.tmp", (long)child);
    snprintf(locked, sizeof locked, "cache/.mvad-%ld-1.tmp", (long)child);
    tree_write_text(dead, "x");
    tree_write_text(locked, "x");
    char *paths[2] = {tree_path(dead), tree_path(locked)};
    int file = open(paths[1], O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(file, LOCK_EX), 0);
    assert_true(cache_try("data", "cache", SIDE));
    assert_int_equal(access(paths[0], F_OK), -1);
    assert_int_equal(access(paths[1], F_OK), 0);
    close(file);
    assert_true(cache_try("data", "cache", SIDE + 1));
    assert_int_equal(access(paths[1], F_OK), -1);
    assert_int_equal(cache_count_files("cache"), 2);
    free(paths[0]);
    free(paths[1]);
}

static void options_are_checked(void **state)
{
    (void)state;
    static const int32_t sizes[] = {0, -1, MVAD_MAX_IMAGE_SIZE + 1};
    mvad_dataset *dataset = cache_open_data("data");
    mvad_cache_options options = mvad_cache_options_default();
    mvad_error error;
    options.image_size = SIDE;
    assert_int_equal(mvad_dataset_cache(dataset, &options, NULL, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    options.folder = "nowhere";
    assert_int_equal(mvad_dataset_cache(NULL, &options, NULL, &error), MVAD_ERROR_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        options.image_size = sizes[i];
        assert_int_equal(mvad_dataset_cache(dataset, &options, NULL, &error),
                         MVAD_ERROR_INVALID_ARGUMENT);
    }
    options.image_size = SIDE;
    options.size--;
    assert_int_equal(mvad_dataset_cache(dataset, &options, NULL, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(access("nowhere", F_OK), -1);
    mvad_dataset_close(dataset);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, cache_case_make, cache_case_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_table_is_rebuilt),
        TEST(a_damaged_block_is_decoded),
        TEST(a_file_of_another_length_is_rebuilt),
        TEST(a_file_cut_off_while_open_is_no_end),
        TEST(a_new_file_of_another_process_stays),
        TEST(a_full_disk_is_told_and_leaves_nothing),
        TEST(folders_that_are_none_are_told),
        TEST(leftovers_are_removed),
        TEST(options_are_checked),
    };
    return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
