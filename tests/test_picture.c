/* Pictures of results: their sizes and pixels as another decoder has them, the colours of a scale,
 * outlines, masks, errors. */
#include <math.h>
#include <sys/stat.h>

#include "core/score/heatmap.h"
#include "data_images.h"

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wunused-function" /* of the readers that are not used here */
#include <stb/stb_image.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE };

struct picture {
    int width, height, channels;
    uint8_t *pixels; /* RGB */
};

static const mvad_score_scale scale = {0.1f, 0.3f, 0.5f};

static struct picture draw(const mvad_view_result *view, const mvad_picture_options *options)
{
    struct picture picture;
    unsigned char *bytes;
    size_t count;
    mvad_error error;
    if (mvad_picture_encode(view, options, &bytes, &count, &error)) fail_msg("%s", error.message);
    assert_int_equal(error.status, MVAD_OK);
    assert_int_equal(memcmp(bytes, "\x89PNG", 4) == 0, !options->jpeg);
    picture.pixels = stbi_load_from_memory(bytes, (int)count, &picture.width, &picture.height,
                                           &picture.channels, 3);
    assert_non_null(picture.pixels);
    mvad_bytes_free(bytes);
    return picture;
}

static const uint8_t *pixel_at(const struct picture *picture, int x, int y)
{
    return picture->pixels + 3 * (y * picture->width + x);
}

static void remove_picture(struct picture *picture)
{
    free(picture->pixels);
}

static mvad_picture_options options_of(mvad_picture_kind kind)
{
    mvad_picture_options options = mvad_picture_options_default();
    options.kind = kind;
    options.scale = scale;
    return options;
}

/* A view of a photograph of this test; `image` is to be freed. */
static mvad_view_result view_of(const char *name, int32_t width, int32_t height, const float *map)
{
    return (mvad_view_result){.name = "C1",
                              .image = tree_path(name),
                              .label = MVAD_UNLABELLED,
                              .width = width,
                              .height = height,
                              .map_size = SIDE,
                              .map = map};
}

static void remove_view(const mvad_view_result *view)
{
    free((char *)(uintptr_t)view->image);
    free((char *)(uintptr_t)view->mask);
}

static void photographs_are_upright_and_reduced(void **state)
{
    (void)state;
    struct reference file = reference_find("file", "orientation6"),
                     pixels = reference_find("pixels", "orientation6");
    tree_write_bytes("turned.jpg", file.data, file.bytes);
    const mvad_view_result view = view_of("turned.jpg", 16, 24, NULL);
    mvad_picture_options options = options_of(MVAD_PICTURE_PHOTOGRAPH);
    struct picture picture = draw(&view, &options);
    assert_int_equal(picture.width, pixels.width);
    assert_int_equal(picture.height, pixels.height);
    assert_int_equal(picture.channels, 3);
    /* Another JPEG decoder's: off by as much as the test of decoding allows. */
    for (size_t i = 0; i < pixels.bytes; i++)
        assert_in_range(picture.pixels[i] - pixels.data[i] + 3, 0, 6);
    remove_picture(&picture);

    static const int sides[][3] = {{24, 16, 24}, {12, 8, 12}, {100, 16, 24}, {1, 1, 1}, {7, 5, 7}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        options.max_side = sides[i][0];
        options.jpeg = i % 2;
        picture = draw(&view, &options);
        assert_int_equal(picture.width, sides[i][1]);
        assert_int_equal(picture.height, sides[i][2]);
        remove_picture(&picture);
    }
    remove_view(&view);
}

/* Two maps over a photograph of one colour: the left half of both scores 0.35, the right half of the
 * one 0.05 and of the other 0.9. */
static void colours_follow_the_scale_not_the_image(void **state)
{
    (void)state;
    float maps[2][PIXELS];
    tree_write_image("grey.png", 64, 40, 90, 100, 110);
    for (int i = 0; i < PIXELS; i++) {
        maps[0][i] = i % SIDE < SIDE / 2 ? 0.35f : 0.05f;
        maps[1][i] = i % SIDE < SIDE / 2 ? 0.35f : 0.9f;
    }
    const mvad_view_result views[2] = {view_of("grey.png", 64, 40, maps[0]),
                                       view_of("grey.png", 64, 40, maps[1])};
    mvad_picture_options options = options_of(MVAD_PICTURE_HEATMAP);
    struct picture low = draw(&views[0], &options), high = draw(&views[1], &options);
    for (int y = 0; y < 40; y++)
        for (int x = 0; x < 28; x++)
            assert_memory_equal(pixel_at(&low, x, y), pixel_at(&high, x, y), 3);
    const uint8_t *shared = pixel_at(&low, 5, 5), photograph[3] = {90, 100, 110};
    /* t is (0.35 - 0.1) / 0.4. */
    float rgb[3];
    heatmap_colour(0.625f, rgb);
    for (int c = 0; c < 3; c++) {
        const double wanted =
            photograph[c] + 0.625 * HEATMAP_OPACITY * ((double)rgb[c] - photograph[c]);
        assert_true(fabs(shared[c] - wanted) <= 0.51);
    }
    /* Below the low end the photograph is untouched, above the high one colours end. */
    assert_memory_equal(pixel_at(&low, 60, 20), photograph, 3);
    heatmap_colour(1, rgb);
    for (int c = 0; c < 3; c++)
        assert_true(fabs(pixel_at(&high, 60, 20)[c] - photograph[c] -
                         HEATMAP_OPACITY * ((double)rgb[c] - photograph[c])) <= 0.51);

    /* Another scale, other colours. */
    options.scale.high = 0.9f;
    struct picture other = draw(&views[0], &options);
    assert_memory_not_equal(pixel_at(&other, 5, 5), shared, 3);
    remove_picture(&low);
    remove_picture(&high);
    remove_picture(&other);
    remove_view(&views[0]);
    remove_view(&views[1]);
}

/* CIE L* of a colour of sRGB, 0 to 255. */
static double lightness(const float rgb[3])
{
    static const double weights[3] = {0.2126, 0.7152, 0.0722};
    double luminance = 0;
    for (int c = 0; c < 3; c++) {
        const double v = rgb[c] / 255;
        luminance += weights[c] * (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4));
    }
    return luminance > 216.0 / 24389 ? 116 * cbrt(luminance) - 16 : luminance * 24389 / 27;
}

static void colours_get_lighter_evenly(void **state)
{
    (void)state;
    float rgb[3];
    heatmap_colour(0, rgb);
    const double first = lightness(rgb);
    heatmap_colour(1, rgb);
    const double last = lightness(rgb);
    assert_true(first < 20 && last > 90);
    double before = first - 0.1;
    for (int i = 0; i <= 100; i++) {
        heatmap_colour((float)i / 100, rgb);
        const double at = lightness(rgb);
        assert_true(at > before);
        assert_true(fabs(at - (first + (last - first) * i / 100)) < 6);
        before = at;
    }
}

/* A map that rises along x, over black: between the outermost centres the enlarged one is the same
 * straight line. */
static void maps_are_enlarged_bilinearly(void **state)
{
    (void)state;
    const int width = 64, height = 24;
    float map[PIXELS];
    tree_write_image("black.png", width, height, 0, 0, 0);
    for (int i = 0; i < PIXELS; i++)
        map[i] = scale.low + (scale.high - scale.low) * (float)(i % SIDE) / (SIDE - 1);
    const mvad_view_result view = view_of("black.png", width, height, map);
    mvad_picture_options options = options_of(MVAD_PICTURE_HEATMAP);
    struct picture picture = draw(&view, &options);
    assert_int_equal(picture.width, width);
    assert_int_equal(picture.height, height);
    for (int x = 0; x < width; x++) {
        const double at = (x + 0.5) / width * SIDE - 0.5;
        const double t = fmin(fmax(at / (SIDE - 1), 0), 1);
        float rgb[3];
        heatmap_colour((float)t, rgb);
        for (int y = 0; y < height; y++)
            for (int c = 0; c < 3; c++)
                assert_true(fabs(pixel_at(&picture, x, y)[c] -
                                 t * HEATMAP_OPACITY * (double)rgb[c]) <= 0.6);
    }
    remove_picture(&picture);
    remove_view(&view);
}

/* The outline lies on the contour, in a reduced picture too, and nowhere else. */
static void regions_are_outlined(void **state)
{
    (void)state;
    static const int32_t contour[] = {40, 20, 80, 20, 80, 60, 40, 60};
    const mvad_region region = {.left = 40,
                                .top = 20,
                                .width = 40,
                                .height = 40,
                                .area = 1600,
                                .score = 0.4f,
                                .contour = contour,
                                .points = 4};
    const float map[PIXELS] = {0};
    tree_write_image("blue.png", 160, 80, 10, 20, 200);
    mvad_view_result view = view_of("blue.png", 160, 80, map);
    view.regions = &region;
    view.region_count = 1;
    for (int reduced = 1; reduced <= 2; reduced++) {
        mvad_picture_options options = options_of(MVAD_PICTURE_HEATMAP);
        options.max_side = 160 / reduced;
        struct picture picture = draw(&view, &options);
        assert_int_equal(picture.width, 160 / reduced);
        for (int y = 0; y < picture.height; y++)
            for (int x = 0; x < picture.width; x++) {
                /* How far the pixel's middle is from the square's edge. */
                const double dx = fabs(x + 0.5 - 60.0 / reduced) - 20.0 / reduced;
                const double dy = fabs(y + 0.5 - 40.0 / reduced) - 20.0 / reduced;
                const double distance = fabs(dx > dy ? dx : dy);
                const uint8_t *pixel = pixel_at(&picture, x, y);
                const bool white = pixel[0] == 255 && pixel[1] == 255 && pixel[2] == 255;
                if (white) assert_true(distance < 1);
                if (distance > 3) assert_memory_equal(pixel, ((uint8_t[]){10, 20, 200}), 3);
            }
        for (int i = 40; i < 80; i++) {
            assert_int_equal(pixel_at(&picture, i / reduced, 20 / reduced)[0], 255);
            assert_int_equal(pixel_at(&picture, 40 / reduced, (i - 20) / reduced)[0], 255);
        }
        remove_picture(&picture);
    }
    remove_view(&view);
}

static void masks_are_white_on_black(void **state)
{
    (void)state;
    tree_write_image("photograph.png", 60, 30, 200, 200, 200);
    tree_write_mask("mask.png", 60, 30, 20, 10);
    mvad_view_result view = view_of("photograph.png", 60, 30, NULL);
    mvad_picture_options options = options_of(MVAD_PICTURE_MASK);
    for (int with = 0; with < 2; with++) {
        if (with) view.mask = tree_path("mask.png");
        for (int reduced = 1; reduced <= 2; reduced++) {
            options.max_side = 60 / reduced;
            struct picture picture = draw(&view, &options);
            assert_int_equal(picture.width, 60 / reduced);
            assert_int_equal(picture.height, 30 / reduced);
            assert_int_equal(picture.channels, 1);
            for (int y = 0; y < picture.height; y++)
                for (int x = 0; x < picture.width; x++) {
                    const bool marked = with && x < 20 / reduced && y < 10 / reduced;
                    assert_int_equal(pixel_at(&picture, x, y)[0], marked ? 255 : 0);
                }
            remove_picture(&picture);
        }
    }
    remove_view(&view);
}

static void assert_refused(const mvad_view_result *view, const mvad_picture_options *options,
                           mvad_status status, const char *file, const char *what)
{
    mvad_error error;
    unsigned char *bytes = (unsigned char *)"";
    size_t count = 1;
    assert_int_equal(mvad_picture_encode(view, options, &bytes, &count, &error), status);
    assert_error(&error, status, file, what);
    assert_null(bytes);
    assert_int_equal(count, 0);
}

static void files_and_errors(void **state)
{
    (void)state;
    float map[PIXELS] = {0};
    tree_write_image("photograph.png", 30, 20, 1, 2, 3);
    mvad_view_result view = view_of("photograph.png", 30, 20, map);
    mvad_picture_options options = options_of(MVAD_PICTURE_HEATMAP);
    mvad_error error;
    char *path = tree_path("out.png"), *nowhere = tree_path("none/out.png");
    size_t size;
    tree_write_text("out.png", "old");
    /* A failure leaves the old file. */
    char *image = (char *)(uintptr_t)view.image;
    view.image = "/nonexistent.png";
    assert_int_equal(mvad_picture_save(&view, &options, path, &error), MVAD_ERROR_IO);
    assert_error(&error, MVAD_ERROR_IO, "/nonexistent.png", "cannot open");
    uint8_t *bytes = read_bytes(path, &size);
    assert_int_equal(size, 3);
    free(bytes);
    assert_refused(&view, &options, MVAD_ERROR_IO, "/nonexistent.png", "cannot open");
    view.image = image;
    assert_int_equal(mvad_picture_save(&view, &options, nowhere, &error), MVAD_ERROR_IO);
    assert_error(&error, MVAD_ERROR_IO, nowhere, "cannot");
    assert_int_equal(mvad_picture_save(&view, &options, path, &error), MVAD_OK);
    bytes = read_bytes(path, &size);
    unsigned char *drawn;
    size_t count;
    assert_int_equal(mvad_picture_encode(&view, &options, &drawn, &count, NULL), MVAD_OK);
    assert_int_equal(size, count);
    assert_memory_equal(bytes, drawn, count);
    mvad_bytes_free(drawn);
    mvad_bytes_free(NULL);
    free(bytes);

    options.scale = (mvad_score_scale){0};
    assert_refused(&view, &options, MVAD_ERROR_INVALID_ARGUMENT, "", "scale");
    options.scale = (mvad_score_scale){.low = 0, .high = NAN};
    assert_refused(&view, &options, MVAD_ERROR_INVALID_ARGUMENT, "", "scale");
    options = options_of((mvad_picture_kind)3);
    assert_refused(&view, &options, MVAD_ERROR_INVALID_ARGUMENT, "", "kind");
    options = options_of(MVAD_PICTURE_PHOTOGRAPH);
    options.max_side = -1;
    assert_refused(&view, &options, MVAD_ERROR_INVALID_ARGUMENT, "", "max_side");
    options.size = 0;
    assert_refused(&view, &options, MVAD_ERROR_INVALID_ARGUMENT, "", "not initialised");
    /* Sides that no picture has are told before anything is allocated for them. */
    options = options_of(MVAD_PICTURE_MASK);
    view.width = view.height = 16384;
    assert_refused(&view, &options, MVAD_ERROR_UNSUPPORTED, "photograph.png", "max_side");
    free(path);
    free(nowhere);
    remove_view(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photographs_are_upright_and_reduced),
        cmocka_unit_test(colours_follow_the_scale_not_the_image),
        cmocka_unit_test(colours_get_lighter_evenly),
        cmocka_unit_test(maps_are_enlarged_bilinearly),
        cmocka_unit_test(regions_are_outlined),
        cmocka_unit_test(masks_are_white_on_black),
        cmocka_unit_test(files_and_errors),
    };
    return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
