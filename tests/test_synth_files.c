/* Rendered data sets on disk: Real-IAD's layout and records, the same bytes from any number of
 * threads, and nothing written where something else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* It declares a function that it does not define, which is seen at the end of the file. */
#pragma GCC diagnostic ignored "-Wunused-function"
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#include <stb/stb_image.h>

#include "mvad.h"

enum { SIZE = 32, TRAIN = 1, TEST = 12 };

#define PATH_BYTES 512

struct folder {
    char path[64]; /* a new temporary folder */
};

static int make_folder(void **state)
{
    struct folder *folder = malloc(sizeof *folder);
    strcpy(folder->path, "/tmp/mvad_synth_XXXXXX");
    *state = folder;
    return folder && mkdtemp(folder->path) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    int failed = nftw(folder->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
    return failed;
}

static const char *join(char path[PATH_BYTES], const char *folder, const char *name)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    assert_in_range(length, 1, PATH_BYTES - 1);
    return path;
}

static bool exists(const char *folder, const char *name)
{
    char path[PATH_BYTES];
    return access(join(path, folder, name), F_OK) == 0;
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s cannot be opened", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    bytes[*size] = 0;
    fclose(file);
    return bytes;
}

static bool is_same_file(const char *a, const char *b)
{
    size_t size_a, size_b;
    uint8_t *bytes_a = read_file(a, &size_a), *bytes_b = read_file(b, &size_b);
    bool same = size_a == size_b && !memcmp(bytes_a, bytes_b, size_a);
    free(bytes_a);
    free(bytes_b);
    return same;
}

/* Every file below `a` is below `b` with the same bytes. Returns how many there are. */
static int compare_trees(const char *a, const char *b)
{
    int count = 0;
    DIR *listing = opendir(a);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing));) {
        char path_a[PATH_BYTES], path_b[PATH_BYTES];
        struct stat info;
        if (entry->d_name[0] == '.') continue;
        join(path_a, a, entry->d_name);
        join(path_b, b, entry->d_name);
        assert_int_equal(stat(path_a, &info), 0);
        if (S_ISDIR(info.st_mode)) {
            count += compare_trees(path_a, path_b);
            continue;
        }
        if (!is_same_file(path_a, path_b)) fail_msg("%s and %s differ", path_a, path_b);
        count++;
    }
    closedir(listing);
    return count;
}

static mvad_synth_options small_options(int threads)
{
    mvad_synth_options options = mvad_synth_options_default();
    options.image_size = SIZE;
    options.samples_train = TRAIN;
    options.samples_test = TEST;
    options.threads = threads;
    return options;
}

static void render(const char *path, const mvad_synth_options *options)
{
    mvad_error error;
    if (mvad_synth_write(path, options, NULL, NULL, &error)) fail_msg("%s", error.message);
}

static const char *string_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* The image of a record decodes; so does its mask, and marks something. */
static void check_images(const char *folder, const char *name, const cJSON *record)
{
    char path[PATH_BYTES], below[PATH_BYTES];
    int width, height, channels, marked = 0;
    const char *mask_path = string_of(record, "mask_path");
    snprintf(below, sizeof below, "realiad_raw/%s/%s", name, string_of(record, "image_path"));
    uint8_t *image = stbi_load(join(path, folder, below), &width, &height, &channels, 0);
    if (!image) fail_msg("%s is no image", path);
    assert_true(width == SIZE && height == SIZE && channels == 3);
    stbi_image_free(image);
    if (!mask_path) return;

    /* The same stem, with another ending. */
    const char *image_path = string_of(record, "image_path");
    assert_int_equal(strlen(mask_path), strlen(image_path));
    assert_memory_equal(mask_path, image_path, strlen(image_path) - 4);
    snprintf(below, sizeof below, "realiad_raw/%s/%s", name, mask_path);
    uint8_t *mask = stbi_load(join(path, folder, below), &width, &height, &channels, 0);
    if (!mask) fail_msg("%s is no image", path);
    assert_true(width == SIZE && height == SIZE && channels == 1);
    for (int i = 0; i < SIZE * SIZE; i++) {
        assert_true(mask[i] == 0 || mask[i] == 255);
        marked += mask[i] == 255;
    }
    assert_in_range(marked, 1, SIZE * SIZE / 3);
    stbi_image_free(mask);
}

/* Checks the five records of one sample; returns how many views show a defect. */
static int check_sample(const char *folder, const char *name, const cJSON *first, const char *code,
                        int number)
{
    const cJSON *record = first;
    int masked = 0;
    for (int view = 1; view <= MVAD_SYNTH_VIEWS; view++, record = record->next) {
        char path[PATH_BYTES];
        assert_int_equal(cJSON_GetArraySize(record), 4);
        assert_string_equal(string_of(record, "category"), name);
        const cJSON *mask = cJSON_GetObjectItemCaseSensitive(record, "mask_path");
        bool is_masked = cJSON_IsString(mask);
        assert_true(is_masked || cJSON_IsNull(mask));
        assert_string_equal(string_of(record, "anomaly_class"), is_masked ? code : "OK");
        assert_true(!is_masked || strcmp(code, "OK"));
        masked += is_masked;
        if (!strcmp(code, "OK"))
            snprintf(path, sizeof path, "OK/S%04d/%s_%04d_OK_C%d_20240101000000.jpg", number, name,
                     number, view);
        else
            snprintf(path, sizeof path, "NG/%s/S%04d/%s_%04d_NG_%s_C%d_20240101000000.jpg", code,
                     number, name, number, code, view);
        assert_string_equal(string_of(record, "image_path"), path);
        check_images(folder, name, record);
    }
    return masked;
}

static void check_class(const char *folder, int class, int *masks, int *hidden)
{
    static const char *const codes[] = {"AK", "BX", "HS", "QS", "YW", "ZW"};
    const char *name = mvad_synth_class_name(class);
    char path[PATH_BYTES], below[PATH_BYTES];
    size_t size;
    snprintf(below, sizeof below, "realiad_jsons/%s.json", name);
    char *text = (char *)read_file(join(path, folder, below), &size);
    cJSON *root = cJSON_Parse(text);
    free(text);
    assert_non_null(root);
    assert_int_equal(cJSON_GetArraySize(root), 3);
    const cJSON *meta = cJSON_GetObjectItemCaseSensitive(root, "meta");
    assert_int_equal(cJSON_GetArraySize(meta), 2);
    snprintf(below, sizeof below, "%s/", name);
    assert_string_equal(string_of(meta, "prefix"), below);
    assert_string_equal(string_of(meta, "normal_class"), "OK");

    const cJSON *train = cJSON_GetObjectItemCaseSensitive(root, "train");
    const cJSON *test = cJSON_GetObjectItemCaseSensitive(root, "test");
    assert_int_equal(cJSON_GetArraySize(train), TRAIN * MVAD_SYNTH_VIEWS);
    assert_int_equal(cJSON_GetArraySize(test), TEST * MVAD_SYNTH_VIEWS);
    for (int i = 0; i < TRAIN; i++)
        check_sample(folder, name, cJSON_GetArrayItem(train, i * MVAD_SYNTH_VIEWS), "OK", i + 1);
    for (int i = 0; i < TEST; i++) {
        bool is_bad = i % 2 == 1;
        const char *code = is_bad ? codes[(i / 2 + 2 * class) % 6] : "OK";
        int count = check_sample(folder, name, cJSON_GetArrayItem(test, i * MVAD_SYNTH_VIEWS), code,
                                 TRAIN + i + 1);
        assert_in_range(count, is_bad, is_bad ? MVAD_SYNTH_VIEWS : 0);
        *masks += count;
        *hidden += is_bad * (MVAD_SYNTH_VIEWS - count);
    }
    cJSON_Delete(root);
}

static void the_layout_is_real_iads(void **state)
{
    const struct folder *folder = *state;
    char one[PATH_BYTES], two[PATH_BYTES], other[PATH_BYTES];
    mvad_synth_options options = small_options(1);
    int masks = 0, hidden = 0;
    render(join(one, folder->path, "a/deep/one"), &options);
    for (int class = 0; class < MVAD_SYNTH_CLASSES; class ++)
        check_class(one, class, &masks, &hidden);
    assert_in_range(hidden, 5,
                    MVAD_SYNTH_CLASSES * TEST * MVAD_SYNTH_VIEWS); /* some sides hide it */

    /* Two threads, and twice: the same files and no others. */
    int files = MVAD_SYNTH_CLASSES * ((TRAIN + TEST) * MVAD_SYNTH_VIEWS + 1) + masks + 1;
    options.threads = 2;
    render(join(two, folder->path, "two"), &options);
    assert_int_equal(compare_trees(two, one), files);
    assert_int_equal(compare_trees(one, two), files);
    render(two, &options);
    assert_int_equal(compare_trees(two, one), files);

    /* Another seed gives other parts; a sample does not depend on how many there are. */
    options = small_options(1);
    options.classes = 1;
    options.samples_train = 2;
    options.samples_test = 0;
    render(join(other, folder->path, "other"), &options);
    const char *image = "realiad_raw/machined_plate/OK/S0001";
    char path_a[PATH_BYTES], path_b[PATH_BYTES];
    compare_trees(join(path_a, one, image), join(path_b, other, image));
    options.seed = 2;
    render(join(two, folder->path, "seed"), &options);
    image = "realiad_raw/machined_plate/OK/S0001/machined_plate_0001_OK_C2_20240101000000.jpg";
    assert_false(is_same_file(join(path_a, one, image), join(path_b, two, image)));
}

static void assert_refused(const char *path, const mvad_synth_options *options,
                           mvad_status expected, const char *what)
{
    mvad_error error;
    assert_int_equal(mvad_synth_write(path, options, NULL, NULL, &error), expected);
    assert_int_equal(error.status, expected);
    if (!strstr(error.message, what)) fail_msg("'%s' lacks '%s'", error.message, what);
    assert_null(strchr(error.message, '\n'));
}

static void other_folders_are_left_alone(void **state)
{
    const struct folder *folder = *state;
    char path[PATH_BYTES], file[PATH_BYTES];
    mvad_synth_options options = small_options(1);
    options.classes = 1;
    options.samples_test = 0;

    FILE *stranger = fopen(join(file, folder->path, "letter"), "w");
    assert_non_null(stranger);
    fclose(stranger);
    assert_refused(folder->path, &options, MVAD_ERROR_IO, "is not empty");
    assert_refused(file, &options, MVAD_ERROR_IO, "cannot");
    assert_refused(join(path, file, "set"), &options, MVAD_ERROR_IO, "cannot make the folder");
    assert_false(exists(folder->path, "synth.txt"));

    render(join(path, folder->path, "set"), &options);
    options.seed = 5;
    assert_refused(path, &options, MVAD_ERROR_IO, "other options");
    assert_true(exists(path, "realiad_jsons/machined_plate.json"));
}

struct count {
    int64_t last, total, stop_at;
    bool went_back;
};

/* May be called from any thread, where no assertion can fail. */
static int count_images(int64_t done, int64_t total, void *user)
{
    struct count *count = user;
    count->went_back |= done <= count->last;
    count->last = done;
    count->total = total;
    return count->stop_at && done >= count->stop_at;
}

static struct count render_until(const char *path, const mvad_synth_options *options,
                                 int64_t stop_at)
{
    struct count count = {.stop_at = stop_at};
    assert_int_equal(mvad_synth_write(path, options, count_images, &count, NULL), MVAD_OK);
    assert_false(count.went_back);
    assert_int_equal(count.total, options->classes * (TRAIN + 3) * MVAD_SYNTH_VIEWS);
    return count;
}

static void it_reports_and_stops(void **state)
{
    const struct folder *folder = *state;
    mvad_synth_options options = small_options(2);
    options.classes = 2;
    options.samples_test = 3;
    assert_int_equal(render_until(folder->path, &options, 10).last, 10);
    assert_false(exists(folder->path, "realiad_jsons"));

    /* The same call again makes the whole set. */
    struct count count = render_until(folder->path, &options, 0);
    assert_int_equal(count.last, count.total);
    assert_true(exists(folder->path, "realiad_jsons/bottle_cap.json"));

    /* Stopped while made again, it is not complete any more. */
    render_until(folder->path, &options, 1);
    assert_false(exists(folder->path, "realiad_jsons/bottle_cap.json"));
}

static void a_full_disk_is_one_error(void **state)
{
    const struct folder *folder = *state;
    struct rlimit old_limit, limit;
    mvad_error error;
    mvad_synth_options options = small_options(2);
    /* No file may grow past 300 bytes: the marker can be written, no image can. */
    void (*old_handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    limit = old_limit;
    limit.rlim_cur = 300;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    mvad_status status = mvad_synth_write(folder->path, &options, NULL, NULL, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    signal(SIGXFSZ, old_handler);
    assert_int_equal(status, MVAD_ERROR_IO);
    assert_non_null(strstr(error.message, "cannot write: File too large"));
    assert_non_null(strstr(error.message, ".jpg"));
    assert_null(strchr(error.message, '\n'));
    assert_false(exists(folder->path, "realiad_jsons"));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(the_layout_is_real_iads),
        WITH_FOLDER(other_folders_are_left_alone),
        WITH_FOLDER(it_reports_and_stops),
        WITH_FOLDER(a_full_disk_is_one_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
