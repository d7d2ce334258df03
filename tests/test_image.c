/* Decoding and resizing against what Pillow makes of the same files; files that are no images. */
#include <limits.h>

#include "core/data/image.h"
#include "core/data/resize.h"
#include "data_images.h"

static struct image load(const char *path, bool mask)
{
    struct image image;
    mvad_error error;
    if ((mask ? image_load_mask : image_load)(path, &image, &error)) fail_msg("%s", error.message);
    return image;
}

/* Writes the bytes of a file entry, loads the file, and compares. */
static void assert_loads(const struct reference *file, bool mask, const struct reference *wanted,
                         int tolerance)
{
    int32_t width, height;
    char *path = tree_path("file");
    write_bytes(path, file->data, file->bytes);
    assert_int_equal(image_measure(path, &width, &height, NULL), MVAD_OK);
    struct image image = load(path, mask);
    assert_int_equal(width, wanted->width);
    assert_int_equal(height, wanted->height);
    assert_int_equal(image.width, wanted->width);
    assert_int_equal(image.height, wanted->height);
    assert_int_equal(image.channels, mask ? 1 : 3);
    for (size_t i = 0; i < wanted->bytes; i++)
        if (abs(image.pixels[i] - wanted->data[i]) > tolerance)
            fail_msg("%s: byte %zu is %d, not %d", file->name, i, image.pixels[i], wanted->data[i]);
    image_free(&image);
    assert_null(image.pixels);
    free(path);
}

static bool is_jpeg(const struct reference *file)
{
    return file->bytes > 2 && file->data[0] == 0xFF;
}

static void files_of_many_kinds_are_read(void **state)
{
    (void)state;
    struct reference wanted;
    int count = 0;
    for (size_t position = 0; reference_next("pixels.", &position, &wanted); count++) {
        struct reference file = reference_find("file", wanted.name + strlen("pixels."));
        /* JPEG leaves the decoder's rounding and its way to enlarge colours open. */
        assert_loads(&file, false, &wanted, is_jpeg(&file) ? 6 : 0);
    }
    assert_int_equal(count,
                     8 + 1 + 11 + 4 + 1); /* orientations, byte order, lossless, JPEG, 16 bits */
}

static void orientations_differ(void **state)
{
    (void)state;
    /* The eight expectations are eight different images, so that none can pass for another. */
    for (int a = 1; a <= 8; a++) {
        for (int b = a + 1; b <= 8; b++) {
            char first[32], second[32];
            snprintf(first, sizeof first, "orientation%d", a);
            snprintf(second, sizeof second, "orientation%d", b);
            struct reference x = reference_find("pixels", first);
            struct reference y = reference_find("pixels", second);
            bool far = x.width != y.width;
            for (size_t i = 0; !far && i < x.bytes; i++) far = abs(x.data[i] - y.data[i]) > 100;
            assert_true(far);
        }
    }
}

static void masks_are_marked_above_zero(void **state)
{
    (void)state;
    struct reference wanted;
    int count = 0;
    for (size_t position = 0; reference_next("marks.", &position, &wanted); count++) {
        struct reference file = reference_find("file", wanted.name + strlen("marks."));
        assert_loads(&file, true, &wanted, 0);
    }
    assert_int_equal(count, 4);
}

/* ---- resize ---- */

static void assert_resizes_like_pillow(const char *kind, const char *results, int wanted_count)
{
    struct reference wanted;
    int count = 0;
    for (size_t position = 0; reference_next(results, &position, &wanted); count++) {
        char number[8];
        if (strchr(wanted.name, 'x') == NULL) { /* a source among its results */
            count--;
            continue;
        }
        snprintf(number, sizeof number, "%c", wanted.name[strlen(results)]);
        struct reference source = reference_find(kind, number);
        struct image image = {source.width, source.height, source.channels, (uint8_t *)source.data};
        uint8_t *pixels = malloc(wanted.bytes);
        assert_non_null(pixels);
        assert_int_equal(resize_image(&image, wanted.width, wanted.height, pixels, NULL), MVAD_OK);
        for (size_t i = 0; i < wanted.bytes; i++)
            if (pixels[i] != wanted.data[i])
                fail_msg("%s: byte %zu is %d, not %d", wanted.name, i, pixels[i], wanted.data[i]);

        if (source.channels == 1) {
            assert_int_equal(resize_mask(&image, wanted.width, wanted.height, pixels, NULL),
                             MVAD_OK);
            for (size_t i = 0; i < wanted.bytes; i++)
                assert_int_equal(pixels[i], wanted.data[i] > 127);
        }
        free(pixels);
    }
    assert_int_equal(count, wanted_count);
}

static void resizes_like_pillow(void **state)
{
    (void)state;
    assert_resizes_like_pillow("source", "resized.", 12);
}

static void masks_resize_like_pillow(void **state)
{
    (void)state;
    assert_resizes_like_pillow("mask", "mask.", 3);
}

/* ---- files that are no images ---- */

static void assert_refused(const char *path, mvad_status status, const char *what)
{
    mvad_error error;
    int32_t width, height;
    struct image image = {1, 1, 1, (uint8_t *)&error};
    assert_int_equal(image_load(path, &image, &error), status);
    assert_null(image.pixels);
    assert_error(&error, status, path, what);
    assert_int_equal(image_load_mask(path, &image, &error), status);
    assert_null(image.pixels);
    assert_error(&error, status, path, what);
    image_measure(path, &width, &height, &error); /* may know the size all the same */
}

static void assert_bytes_refused(const void *bytes, size_t size, const char *what)
{
    char *path = tree_path("bad.jpg");
    write_bytes(path, bytes, size);
    assert_refused(path, MVAD_ERROR_FORMAT, what);
    free(path);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    char *missing = tree_path("missing.png"), *folder = tree_path("");
    assert_refused(missing, MVAD_ERROR_IO, "No such file");
    assert_refused(folder, MVAD_ERROR_IO, "is a folder");
    assert_bytes_refused("", 0, "empty");
    assert_bytes_refused("hello", 5, "not a JPEG, PNG or BMP");
    assert_bytes_refused("GIF89a\1\0\1\0", 10, "a GIF");
    assert_bytes_refused("RIFF\0\0\0\0WEBP", 12, "WebP");
    assert_bytes_refused("II*\0\0\0\0\0", 8, "TIFF");
    assert_bytes_refused("version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull");
    free(missing);
    free(folder);
}

/* Each kind of file, cut at every length: never an image. */
static void cut_off_files_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb.png",     "palette.png", "rgb.bmp",
                                        "palette.bmp", "plain.jpg",   "progressive.jpg",
                                        "orientation6"};
    char *path = tree_path("cut");
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        struct reference file = reference_find("file", names[k]);
        for (size_t size = 0; size < file.bytes; size += 1 + size / 64) {
            struct image image;
            mvad_error error;
            write_bytes(path, file.data, size);
            mvad_status status = image_load(path, &image, &error);
            if (status != MVAD_ERROR_FORMAT)
                fail_msg("%s cut to %zu bytes: %s", names[k], size, error.message);
            assert_null(image.pixels);
            assert_error(&error, MVAD_ERROR_FORMAT, path, "cannot decode");
        }
    }
    struct reference file = reference_find("file", "plain.jpg");
    assert_bytes_refused(file.data, file.bytes / 2, "cut off (no end marker)");
    file = reference_find("file", "rgb.png");
    assert_bytes_refused(file.data, file.bytes - 1, "cut off");
    free(path);
}

/* One byte changed: a PNG says so by its checksums; a JPEG may become another picture, or none, and
 * is never the undoing of the decoder. */
static void damaged_files_are_survived(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb.png", "plain.jpg", "progressive.jpg", "sub420.jpg",
                                        "palette.bmp"};
    char *path = tree_path("damaged");
    int refused = 0;
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        struct reference file = reference_find("file", names[k]);
        uint8_t *bytes = malloc(file.bytes);
        assert_non_null(bytes);
        for (size_t place = 2; place < file.bytes; place += 1 + (place > 700 ? 7 : 0)) {
            struct image image;
            mvad_error error;
            memcpy(bytes, file.data, file.bytes);
            bytes[place] ^= (uint8_t)(1 + place * 37 % 255);
            write_bytes(path, bytes, file.bytes);
            mvad_status status = image_load(path, &image, &error);
            if (status) refused++;
            if (k == 0) assert_int_equal(status, MVAD_ERROR_FORMAT);
            if (status) assert_null(image.pixels);
            image_free(&image);
        }
        free(bytes);
    }
    assert_true(refused > 100);
    free(path);
}

/* What fuzzing found: a JPEG whose coded pixels end amid a number, in a marker. */
static void bits_that_run_out_are_survived(void **state)
{
    (void)state;
    struct image image;
    mvad_error error = {0};
    const mvad_status status =
        image_load(MVAD_TEST_DIR "/fuzz/seeds/image/bits_run_out.jpg", &image, &error);
    if (status) {
        assert_int_equal(status, MVAD_ERROR_FORMAT);
        assert_null(image.pixels);
    } else {
        assert_int_equal(image.width, 273);
        assert_int_equal(image.height, 12);
    }
    image_free(&image);
}

static void put32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

/* Dimensions are judged before memory is asked for. */
static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    struct reference file = reference_find("file", "plain.jpg");
    uint8_t *bytes = malloc(file.bytes);
    assert_non_null(bytes);
    memcpy(bytes, file.data, file.bytes);
    size_t frame = 0; /* the marker FFC0, length, precision, then height and width */
    while (bytes[frame] != 0xFF || bytes[frame + 1] != 0xC0) frame++;
    memset(bytes + frame + 5, 0xFF, 4);
    assert_bytes_refused(bytes, file.bytes, "65535 x 65535 pixels, more than 16384");
    memcpy(bytes + frame + 5, "\x40\x00\x40\x01", 4);
    assert_bytes_refused(bytes, file.bytes, "16385 x 16384 pixels");
    memset(bytes + frame + 5, 0, 4);
    assert_bytes_refused(bytes, file.bytes, "cannot decode");
    free(bytes);

    file = reference_find("file", "rgb.bmp");
    bytes = malloc(file.bytes);
    assert_non_null(bytes);
    memcpy(bytes, file.data, file.bytes);
    put32(bytes + 22, INT32_MIN);
    assert_bytes_refused(bytes, file.bytes, "cut off");
    put32(bytes + 22, INT32_MAX);
    put32(bytes + 18, INT32_MAX);
    assert_bytes_refused(bytes, file.bytes, "cut off");
    put32(bytes + 22, 0);
    assert_bytes_refused(bytes, file.bytes, "cannot decode");
    free(bytes);
}

/* The decoder would write beyond its table. */
static void huffman_tables_have_at_most_256_codes(void **state)
{
    (void)state;
    static const char *const names[] = {"plain.jpg", "progressive.jpg"};
    for (size_t k = 0; k < 2; k++) {
        struct reference file = reference_find("file", names[k]);
        uint8_t *bytes = malloc(file.bytes);
        int tables = 0;
        assert_non_null(bytes);
        for (size_t i = 2; i + 21 < file.bytes; i++) {
            if (file.data[i] != 0xFF || file.data[i + 1] != 0xC4) continue;
            memcpy(bytes, file.data, file.bytes);
            bytes[i + 20] = 255; /* codes of 16 bits */
            bytes[i + 19] = 2;
            assert_bytes_refused(bytes, file.bytes, "Huffman table");
            memcpy(bytes, file.data, file.bytes);
            bytes[i + 2] =
                0; /* a segment that ends among the counts, which are taken all the same */
            bytes[i + 3] = 2 + 9;
            assert_bytes_refused(bytes, file.bytes, "Huffman table");
            tables++;
        }
        assert_true(tables >= (k ? 4 : 1)); /* also behind the first scan */
        free(bytes);
    }
}

static void packed_data_is_not_unpacked_without_limit(void **state)
{
    (void)state;
    struct reference file = reference_find("file", "bomb.png");
    assert_bytes_refused(file.data, file.bytes, "more than its pixels need");
}

static void rows_of_a_bmp_may_begin_at_the_top(void **state)
{
    (void)state;
    struct reference file = reference_find("file", "rgb.bmp");
    struct reference wanted = reference_find("pixels", "rgb.bmp");
    uint8_t *bytes = malloc(file.bytes), *turned = malloc(wanted.bytes);
    assert_non_null(bytes);
    assert_non_null(turned);
    memcpy(bytes, file.data, file.bytes);
    put32(bytes + 22, (uint32_t)-wanted.height);
    size_t row = (size_t)wanted.width * 3;
    for (int y = 0; y < wanted.height; y++)
        memcpy(turned + (size_t)y * row, wanted.data + (size_t)(wanted.height - 1 - y) * row, row);
    file.data = bytes;
    wanted.data = turned;
    assert_loads(&file, false, &wanted, 0);
    free(bytes);
    free(turned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_many_kinds_are_read),
        cmocka_unit_test(orientations_differ),
        cmocka_unit_test(masks_are_marked_above_zero),
        cmocka_unit_test(resizes_like_pillow),
        cmocka_unit_test(masks_resize_like_pillow),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(cut_off_files_are_refused),
        cmocka_unit_test(damaged_files_are_survived),
        cmocka_unit_test(bits_that_run_out_are_survived),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(huffman_tables_have_at_most_256_codes),
        cmocka_unit_test(packed_data_is_not_unpacked_without_limit),
        cmocka_unit_test(rows_of_a_bmp_may_begin_at_the_top),
    };
    return cmocka_run_group_tests_name("image", tests, tree_make, tree_remove);
}
