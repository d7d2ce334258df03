#include "cache_case.h"

#include <dirent.h>

#include "core/data/load.h"

mvad_dataset *cache_open_data(const char *name)
{
    mvad_dataset *dataset;
    mvad_error error;
    const mvad_dataset_options options = mvad_dataset_options_default();
    char *path = tree_path(name);
    if (mvad_dataset_open(path, &options, &dataset, &error)) fail_msg("%s", error.message);
    free(path);
    return dataset;
}

bool cache_attach(mvad_dataset *dataset, const char *folder, int32_t image_size)
{
    mvad_cache_options options = mvad_cache_options_default();
    mvad_error error;
    int32_t built = -1;
    char *path = tree_path(folder);
    options.folder = path;
    options.image_size = image_size;
    options.threads = 2;
    if (mvad_dataset_cache(dataset, &options, &built, &error)) fail_msg("%s", error.message);
    free(path);
    assert_true(built == 0 || built == 1);
    assert_true(image_cache_has_size(dataset->index.cache, image_size));
    return built;
}

bool cache_try(const char *name, const char *folder, int32_t image_size)
{
    mvad_dataset *dataset = cache_open_data(name);
    const bool built = cache_attach(dataset, folder, image_size);
    assert_loads_as_decoded(dataset, image_size);
    mvad_dataset_close(dataset);
    return built;
}

static void assert_same(mvad_status status, const mvad_error *error, mvad_status wanted_status,
                        const mvad_error *wanted_error)
{
    assert_int_equal(status, wanted_status);
    if (status) assert_string_equal(error->message, wanted_error->message);
}

void assert_loads_as_decoded(const mvad_dataset *dataset, int32_t image_size)
{
    const size_t count = (size_t)image_size * (size_t)image_size;
    uint8_t *wanted = malloc(4 * count), *loaded = malloc(4 * count);
    assert_true(wanted && loaded && dataset->index.view_count > 0);
    for (size_t v = 0; v < dataset->index.view_count; v++) {
        const struct dataset_view *view = &dataset->index.views[v];
        mvad_error errors[2];
        memset(loaded, 0xEE, 4 * count);
        mvad_status status = load_image(view->image, image_size, wanted, &errors[0]);
        assert_same(load_view(&dataset->index, v, image_size, loaded, NULL, &errors[1]), &errors[1],
                    status, &errors[0]);
        if (status) continue;
        assert_memory_equal(loaded, wanted, 3 * count);

        memset(loaded, 0xEE, 4 * count);
        memset(wanted + 3 * count, 0, count);
        if (view->mask) status = load_mask(view->mask, image_size, wanted + 3 * count, &errors[0]);
        assert_same(
            load_view(&dataset->index, v, image_size, loaded, loaded + 3 * count, &errors[1]),
            &errors[1], status, &errors[0]);
        if (!status) assert_memory_equal(loaded, wanted, 4 * count);
    }
    free(wanted);
    free(loaded);
}

/* The number of files, and the name of the last one. */
static int list(const char *folder, char name[256])
{
    int count = 0;
    char *path = tree_path(folder);
    DIR *entries = opendir(path);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(name, 256, "%s", entry->d_name);
        count++;
    }
    closedir(entries);
    free(path);
    return count;
}

char *cache_path(const char *folder)
{
    char name[256], path[512];
    assert_int_equal(list(folder, name), 1);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return tree_path(path);
}

int cache_count_files(const char *folder)
{
    char name[256];
    return list(folder, name);
}

void cache_write_noise(const char *name, int width, int height, uint32_t seed)
{
    tree_write_image(name, width, height, 0, 0, 0);
    char *path = tree_path(name);
    size_t size;
    uint8_t *bytes = read_bytes(path, &size);
    const size_t first = bytes[10]; /* where the pixels begin */
    assert_true(first >= 54 && first < size);
    for (size_t i = first; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
    write_bytes(path, bytes, size);
    free(bytes);
    free(path);
}

void cache_write_data(const char *name)
{
    static const char *const images[] = {"a/train/good/1/l.bmp", "a/train/good/1/r.png",
                                         "a/test/dent/2/l.bmp",  "a/test/dent/2/r.bmp",
                                         "b/train/good/1/l.png", "b/train/good/1/r.bmp"};
    static const char *const masks[] = {"a/ground_truth/dent/2/l.png",
                                        "a/ground_truth/dent/2/r.png"};
    char path[128];
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        snprintf(path, sizeof path, "%s/%s", name, images[i]);
        if (strstr(path, ".bmp"))
            cache_write_noise(path, 24, 20, (uint32_t)i);
        else
            tree_write_image(path, 20, 24, (uint8_t)(40 * i), 100, (uint8_t)(200 - 30 * i));
    }
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", name, masks[i]);
        tree_write_mask(path, 24, 20, 9 + 4 * i, 15 - 4 * i);
    }
}

int cache_case_make(void **state)
{
    (void)state;
    cache_write_data("data");
    return 0;
}

int cache_case_remove(void **state)
{
    (void)state;
    tree_empty();
    return 0;
}
