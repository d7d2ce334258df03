#include "data_images.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wunused-function" /* of the writers that are not used here */
#include <stb/stb_image_write.h>

static char folder[64];
static uint8_t *references;
static size_t reference_bytes;

int tree_make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/mvad-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    return place->level == 0 ? 0 : remove(path);
}

void tree_empty(void)
{
    assert_int_equal(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int tree_remove(void **state)
{
    (void)state;
    tree_empty();
    free(references);
    references = NULL;
    return rmdir(folder);
}

char *tree_path(const char *name)
{
    size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = malloc(bytes);
    assert_non_null(path);
    snprintf(path, bytes, *name ? "%s/%s" : "%s%s", folder, name);
    return path;
}

/* The path of a file whose folders exist from here on. */
static char *make_place(const char *name)
{
    char *path = tree_path(name);
    for (char *slash = path + strlen(folder); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
    return path;
}

void tree_write_bytes(const char *name, const void *bytes, size_t size)
{
    char *path = make_place(name);
    write_bytes(path, bytes, size);
    free(path);
}

void tree_write_text(const char *name, const char *text)
{
    tree_write_bytes(name, text, strlen(text));
}

void tree_write_image(const char *name, int width, int height, uint8_t red, uint8_t green,
                      uint8_t blue)
{
    char *path = make_place(name);
    const char *ending = strrchr(name, '.');
    uint8_t *pixels = malloc((size_t)width * (size_t)height * 3);
    assert_non_null(pixels);
    for (int i = 0; i < width * height; i++) {
        pixels[3 * i] = red;
        pixels[3 * i + 1] = green;
        pixels[3 * i + 2] = blue;
    }
    bool is_bmp = strcmp(ending, ".bmp") == 0;
    int written = is_bmp ? stbi_write_bmp(path, width, height, 3, pixels)
                         : stbi_write_png(path, width, height, 3, pixels, width * 3);
    assert_true(written);
    free(pixels);
    free(path);
}

void tree_write_mask(const char *name, int width, int height, int columns, int rows)
{
    char *path = make_place(name);
    uint8_t *pixels = calloc((size_t)width * (size_t)height, 1);
    assert_non_null(pixels);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) pixels[y * width + x] = 255;
    assert_true(stbi_write_png(path, width, height, 1, pixels, width));
    free(pixels);
    free(path);
}

bool reference_next(const char *begin, size_t *position, struct reference *reference)
{
    if (!references) references = read_bytes(MVAD_TEST_DIR "/golden/images.bin", &reference_bytes);
    while (*position < reference_bytes) {
        int length = 0;
        references[reference_bytes] = 0; /* read_bytes leaves room for it */
        int fields = sscanf((const char *)references + *position, "%63s %d %d %d %zu%n",
                            reference->name, &reference->width, &reference->height,
                            &reference->channels, &reference->bytes, &length);
        assert_int_equal(fields, 5);
        reference->data = references + *position + length + 1; /* behind the line's end */
        *position += (size_t)length + 1 + reference->bytes;
        assert_true(*position <= reference_bytes);
        if (strncmp(reference->name, begin, strlen(begin)) == 0) return true;
    }
    return false;
}

struct reference reference_find(const char *prefix, const char *rest)
{
    char name[64];
    struct reference reference;
    snprintf(name, sizeof name, "%s.%s", prefix, rest);
    for (size_t position = 0; reference_next(name, &position, &reference);)
        if (strcmp(reference.name, name) == 0) return reference;
    fail_msg("images.bin has no entry %s", name);
    return reference;
}
