/* Files in the file system's way: what cannot be opened, written or replaced is said so, and
 * nothing is lost. */
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "make_safetensors.h"

#define NOBODY 65534

static const struct file_piece piece = {"new", 3};

static int make_path(void **state)
{
    *state = scratch_path("file");
    return 0;
}

static int remove_path(void **state)
{
    free(*state);
    return scratch_empty() < 0 ? -1 : 0;
}

static void assert_content(const char *path, const char *text)
{
    size_t size;
    uint8_t *bytes = read_bytes(path, &size);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
    free(bytes);
}

static void a_file_is_mapped(void **state)
{
    const char *path = *state;
    mvad_error error;
    struct file_mapping mapping;
    int lowest =
        dup(0); /* the lowest free descriptor: still free in the end where none was left open */
    close(lowest);

    write_bytes(path, "content", 7);
    assert_int_equal(file_map(path, 7, &mapping, &error), MVAD_OK);
    assert_int_equal(mapping.size, 7);
    assert_memory_equal(mapping.data, "content", 7);
    file_unmap(&mapping);
    assert_null(mapping.data);
    file_unmap(&mapping);

    assert_int_equal(file_map(path, 6, &mapping, &error), MVAD_ERROR_IO);
    assert_error(&error, MVAD_ERROR_IO, path, "7 bytes, more than the 6 allowed");
    assert_null(mapping.data);

    write_bytes(path, "", 0);
    assert_int_equal(file_map(path, 0, &mapping, &error), MVAD_OK);
    assert_int_equal(mapping.size, 0);
    file_unmap(&mapping);

    int free_now = dup(0);
    close(free_now);
    assert_int_equal(free_now, lowest);
}

static void what_is_no_file_is_not_read(void **state)
{
    const char *path = *state;
    char *folder = scratch_path(NULL);
    assert_load_fails(path, MVAD_ERROR_IO, "No such file or directory");
    assert_load_fails(folder, MVAD_ERROR_IO, "is a folder");
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: this must not wait */
    assert_load_fails(path, MVAD_ERROR_IO, "not a regular file");
    free(folder);
}

static void a_file_is_made_of_its_pieces(void **state)
{
    const char *path = *state;
    const struct file_piece pieces[] = {{"ab", 2}, {NULL, 0}, {"c", 1}};
    struct stat info;
    mode_t mask = umask(027);

    assert_int_equal(file_replace(path, pieces, 3, NULL), MVAD_OK);
    assert_content(path, "abc");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    umask(mask);

    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(file_replace(path, &piece, 1, NULL), MVAD_OK);
    assert_content(path, "new");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0604); /* of the file that was there */
    assert_int_equal(scratch_empty(), 1);
}

static void a_link_is_kept(void **state)
{
    const char *path = *state;
    char *link = scratch_path("link");
    struct stat info;
    write_bytes(path, "old", 3);
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(file_replace(link, &piece, 1, NULL), MVAD_OK);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_content(path, "new");
    free(link);
}

static void a_mapping_survives_the_replacement(void **state)
{
    const char *path = *state;
    struct file_mapping mapping;
    write_bytes(path, "old", 3);
    assert_int_equal(file_map(path, 3, &mapping, NULL), MVAD_OK);
    assert_int_equal(file_replace(path, &piece, 1, NULL), MVAD_OK);
    assert_memory_equal(mapping.data, "old", 3);
    file_unmap(&mapping);
}

static void assert_not_replaced(const char *path, const char *what)
{
    mvad_error error;
    assert_int_equal(file_replace(path, &piece, 1, &error), MVAD_ERROR_IO);
    assert_error(&error, MVAD_ERROR_IO, path, what);
}

static void what_is_no_file_is_not_replaced(void **state)
{
    const char *path = *state;
    char *folder = scratch_path(NULL), *missing = scratch_path("missing/file"),
         *below = scratch_path("file/file");
    struct stat info;

    assert_not_replaced(missing, "No such file or directory");
    assert_not_replaced(folder, "is a folder");
    assert_not_replaced("", "No such file or directory");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_not_replaced(path, "not a regular file");
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_int_equal(unlink(path), 0);
    write_bytes(path, "old", 3);
    assert_not_replaced(below, "Not a directory");
    assert_content(path, "old");
    assert_int_equal(scratch_empty(), 1);
    free(folder);
    free(missing);
    free(below);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    const char *path = *state;
    enum { LIMIT = 1000, BYTES = 10000 };
    mvad_error error;
    mvad_tensors *tensors;
    float values[BYTES / 4] = {0};
    struct rlimit old_limit, limit;

    write_bytes(path, "old", 3);
    assert_int_equal(mvad_tensors_create(&tensors, NULL), MVAD_OK);
    assert_int_equal(mvad_tensors_add(tensors, "x", 1, (int64_t[]){BYTES / 4}, values, NULL),
                     MVAD_OK);

    /* A file may not grow past the limit: one write comes back short, the next one fails, as on a
     * full disk. */
    void (*old_handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    limit = old_limit;
    limit.rlim_cur = LIMIT;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    mvad_status status = mvad_tensors_save(tensors, path, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    signal(SIGXFSZ, old_handler);

    assert_int_equal(status, MVAD_ERROR_IO);
    assert_error(&error, MVAD_ERROR_IO, path, "cannot write: File too large");
    assert_content(path, "old");
    assert_int_equal(mvad_tensors_save(tensors, path, NULL), MVAD_OK);
    assert_int_equal(scratch_empty(), 1); /* no temporary file is left */
    mvad_tensors_destroy(tensors);
}

static void a_folder_without_permission_is_an_error(void **state)
{
    const char *path = *state;
    char *folder = scratch_path(NULL);
    mvad_error error;
    bool is_root = geteuid() == 0;

    write_bytes(path, "old", 3);
    assert_int_equal(chmod(folder, 0555), 0);
    bool is_applied = !is_root || seteuid(NOBODY) == 0; /* root may write everywhere */
    mvad_status status = is_applied ? file_replace(path, &piece, 1, &error) : MVAD_OK;
    if (is_root && is_applied) assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(folder, 0700), 0);
    free(folder);
    if (!is_applied) skip();

    assert_int_equal(status, MVAD_ERROR_IO);
    assert_error(&error, MVAD_ERROR_IO, path, "Permission denied");
    assert_content(path, "old");
    assert_int_equal(scratch_empty(), 1);
}

static void a_long_path_leaves_room_for_the_cause(void **state)
{
    (void)state;
    char path[400];
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = 0;
    for (size_t i = 0; i + 2 < sizeof path; i += 2) memcpy(path + i, "\xC3\xA4", 2);
    assert_ptr_equal(file_label(path),
                     path + 200); /* 199 bytes: the 200th would start inside a character */
    assert_string_equal(file_label("short"), "short");
}

#define WITH_PATH(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PATH(a_file_is_mapped),
        WITH_PATH(what_is_no_file_is_not_read),
        WITH_PATH(a_file_is_made_of_its_pieces),
        WITH_PATH(a_link_is_kept),
        WITH_PATH(a_mapping_survives_the_replacement),
        WITH_PATH(what_is_no_file_is_not_replaced),
        WITH_PATH(a_full_disk_leaves_the_old_file),
        WITH_PATH(a_folder_without_permission_is_an_error),
        cmocka_unit_test(a_long_path_leaves_room_for_the_cause),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
