/* Sessions on images in the caller's memory: every pixel format and stride against Pillow's pixels, and
 * scores against those of the same photographs as files. */
#include <limits.h>
#include <math.h>

#include "core/data/pixels.h"
#include "predict_case.h"

enum { GAP = 7, MARGIN = 64 };

static const struct {
    int channels, at[3]; /* bytes a pixel, and where red, green and blue stand in it */
} formats[MVAD_PIXELS_COUNT] = {
    [MVAD_PIXELS_RGB] = {3, {0, 1, 2}},  [MVAD_PIXELS_BGR] = {3, {2, 1, 0}},
    [MVAD_PIXELS_GREY] = {1, {0, 0, 0}}, [MVAD_PIXELS_RGBA] = {4, {0, 1, 2}},
    [MVAD_PIXELS_BGRA] = {4, {2, 1, 0}},
};

/* A photograph as it lies in a camera's buffer, whose other bytes are noise: rows `gap` bytes apart,
 * the lowest first where `flipped`. The buffer is to be freed. */
static uint8_t *lay_out(const struct reference *source, mvad_pixel_format format, int gap,
                        bool flipped, mvad_image_view *view)
{
    const int channels = formats[format].channels, row = source->width * channels + gap;
    const size_t bytes = (size_t)row * (size_t)source->height + 2 * MARGIN;
    uint8_t *buffer = malloc(bytes);
    assert_non_null(buffer);
    for (size_t i = 0; i < bytes; i++) buffer[i] = (uint8_t)(i * 37 + 11);
    for (int y = 0; y < source->height; y++) {
        uint8_t *to = buffer + MARGIN + (flipped ? source->height - 1 - y : y) * row;
        for (int x = 0; x < source->width; x++, to += channels)
            for (int c = 0; c < 3; c++)
                to[formats[format].at[c]] = source->data[3 * (y * source->width + x) + c];
    }
    *view = (mvad_image_view){.size = sizeof *view,
                              .pixels = buffer + MARGIN + (flipped ? source->height - 1 : 0) * row,
                              .width = source->width,
                              .height = source->height,
                              .stride = flipped ? -row
                                        : gap   ? row
                                                : 0,
                              .format = format};
    return buffer;
}

static void formats_and_strides_give_pillows_pixels(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"0", "0.16x16"}, {"1", "1.8x8"}};
    for (int i = 0; i < 2 * MVAD_PIXELS_COUNT * 4; i++) {
        const mvad_pixel_format format = (mvad_pixel_format)(i / 8);
        if (format == MVAD_PIXELS_GREY) continue; /* below */
        const struct reference source = reference_find("source", names[i % 2][0]);
        const struct reference wanted = reference_find("resized", names[i % 2][1]);
        mvad_image_view view;
        uint8_t *buffer = lay_out(&source, format, i / 2 % 2 ? GAP : 0, i / 4 % 2, &view);
        uint8_t pixels[16 * 16 * 3];
        assert_int_equal(pixels_check(&view, 0, NULL), MVAD_OK);
        assert_int_equal(pixels_resize(&view, wanted.width, pixels, NULL), MVAD_OK);
        assert_memory_equal(pixels, wanted.data, wanted.bytes);
        free(buffer);
    }
}

static void grey_is_repeated(void **state)
{
    (void)state;
    const struct reference source = reference_find("mask", "0");
    const struct reference wanted = reference_find("mask.0", "16x16");
    mvad_image_view view = {.size = sizeof view,
                            .pixels = source.data,
                            .width = source.width,
                            .height = source.height,
                            .format = MVAD_PIXELS_GREY};
    uint8_t pixels[16 * 16 * 3];
    assert_int_equal(pixels_resize(&view, 16, pixels, NULL), MVAD_OK);
    for (size_t i = 0; i < wanted.bytes * 3; i++) assert_int_equal(pixels[i], wanted.data[i / 3]);
}

static int32_t keep_maps(const mvad_part_result *part, void *user)
{
    float *maps = user;
    assert_null(part->fault);
    assert_int_equal(part->view_count, 3);
    for (size_t v = 0; v < 3; v++)
        memcpy(maps + v * EVAL_PIXELS, part->views[v].map, EVAL_PIXELS * sizeof *maps);
    return 0;
}

/* A part of three photographs as files; *maps: what prediction makes of them. */
static void predict_files(const struct reference *sources, float *maps)
{
    static const char *const names[] = {"a.bmp", "b.bmp", "c.bmp"};
    for (int v = 0; v < 3; v++) {
        tree_write_image(names[v], sources[v].width, sources[v].height, 0, 0, 0);
        char *path = tree_path(names[v]);
        FILE *file = fopen(path, "r+b"); /* the pixels of a BMP: from the bottom up, blue first */
        assert_non_null(file);
        const int row = (sources[v].width * 3 + 3) / 4 * 4;
        for (int y = 0; y < sources[v].height; y++) {
            assert_int_equal(fseek(file, 54 + (sources[v].height - 1 - y) * row, SEEK_SET), 0);
            for (int x = 0; x < sources[v].width * 3; x++)
                fputc(sources[v].data[3 * (y * sources[v].width + x / 3) + 2 - x % 3], file);
        }
        assert_int_equal(fclose(file), 0);
        free(path);
    }
    mvad_dataset *dataset = dataset_of(names, 3);
    mvad_predict_options options = mvad_predict_options_default();
    options.threshold = 1;
    options.part = keep_maps;
    options.user = maps;
    predict(dataset, &options);
    mvad_dataset_close(dataset);
}

static mvad_session *make_session(int32_t samples, int32_t views)
{
    mvad_session_options options = mvad_session_options_default();
    mvad_session *session;
    options.samples = samples;
    options.views = views;
    assert_int_equal(
        mvad_session_create(predict_case.model, predict_case.device, &options, &session, NULL),
        MVAD_OK);
    return session;
}

static void maps_are_those_of_files(void **state)
{
    (void)state;
    const struct reference sources[3] = {reference_find("source", "0"),
                                         reference_find("source", "1"),
                                         reference_find("pixels", "rgb.png")};
    static const mvad_pixel_format kinds[3] = {MVAD_PIXELS_BGR, MVAD_PIXELS_RGBA, MVAD_PIXELS_RGB};
    float wanted[3 * EVAL_PIXELS], maps[3 * EVAL_PIXELS];
    mvad_session *session = make_session(1, 3);
    predict_files(sources, wanted);
    for (int turn = 0; turn < 3; turn++) { /* the same part, which lies differently in memory */
        mvad_image_view images[3];
        uint8_t *buffers[3];
        mvad_error error;
        for (int v = 0; v < 3; v++)
            buffers[v] =
                lay_out(&sources[v], kinds[(v + turn) % 3], turn * GAP, (v + turn) % 2, &images[v]);
        if (mvad_session_run_images(session, images, 3, &error)) fail_msg("%s", error.message);
        assert_int_equal(mvad_session_read(session, MVAD_OUTPUT_MAP, maps, 3 * EVAL_PIXELS, NULL),
                         MVAD_OK);
        assert_memory_equal(maps, wanted, sizeof wanted);
        for (int v = 0; v < 3; v++) free(buffers[v]);
    }
    mvad_session_destroy(session);
}

/* Views of a program compiled against a later mvad.h are longer, and so further apart. */
static void longer_views_are_found(void **state)
{
    (void)state;
    struct {
        mvad_image_view known;
        uint64_t newer[2];
    } images[3];
    mvad_image_view plain[3];
    float wanted[3], scores[3];
    uint8_t *buffers[3];
    mvad_error error;
    mvad_session *session = make_session(1, 3);
    memset(images, 0, sizeof images);
    for (int v = 0; v < 3; v++) {
        const struct reference source = reference_find("source", v % 2 ? "1" : "0");
        buffers[v] = lay_out(&source, MVAD_PIXELS_RGB, v == 2 ? GAP : 0, v == 2, &plain[v]);
        images[v].known = plain[v];
        images[v].known.size = sizeof images[v];
    }
    assert_int_equal(mvad_session_run_images(session, plain, 3, NULL), MVAD_OK);
    assert_int_equal(mvad_session_read(session, MVAD_OUTPUT_IMAGE_SCORE, wanted, 3, NULL), MVAD_OK);
    if (mvad_session_run_images(session, &images[0].known, 3, &error))
        fail_msg("%s", error.message);
    assert_int_equal(mvad_session_read(session, MVAD_OUTPUT_IMAGE_SCORE, scores, 3, NULL), MVAD_OK);
    assert_memory_equal(scores, wanted, sizeof wanted);
    assert_true(wanted[0] != wanted[1]);
    images[1].newer[1] = 1;
    assert_int_equal(mvad_session_run_images(session, &images[0].known, 3, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "image 1: "));
    for (int v = 0; v < 3; v++) free(buffers[v]);
    mvad_session_destroy(session);
}

static void refuse(mvad_session *session, const mvad_image_view *images, size_t count,
                   const char *what)
{
    mvad_error error;
    assert_int_equal(mvad_session_run_images(session, images, count, &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    if (!strstr(error.message, what)) fail_msg("'%s' lacks '%s'", error.message, what);
}

static void what_is_no_image_is_refused(void **state)
{
    (void)state;
    static const uint8_t pixels[4 * 4 * 3];
    const mvad_image_view good = {
        .size = sizeof good, .pixels = pixels, .width = 4, .height = 4, .format = MVAD_PIXELS_RGB};
    const struct {
        mvad_image_view view;
        const char *what;
    } bad[] = {
        {{.size = 0}, "not initialised"},
        {{sizeof good, NULL, 4, 4, 0, MVAD_PIXELS_RGB, 0}, "pixels are NULL"},
        {{sizeof good, pixels, 0, 4, 0, MVAD_PIXELS_RGB, 0}, "0 x 4 pixels"},
        {{sizeof good, pixels, 4, -1, 0, MVAD_PIXELS_RGB, 0}, "4 x -1 pixels"},
        {{sizeof good, pixels, 16385, 1, 0, MVAD_PIXELS_RGB, 0}, "16385 x 1 pixels"},
        {{sizeof good, pixels, INT32_MAX, INT32_MAX, 0, MVAD_PIXELS_RGB, 0}, "pixels"},
        {{sizeof good, pixels, 16384, 16385, 0, MVAD_PIXELS_RGB, 0}, "16384 x 16385 pixels"},
        {{sizeof good, pixels, 4, 4, 11, MVAD_PIXELS_RGB, 0}, "a stride of 11 bytes for rows of 12"},
        {{sizeof good, pixels, 4, 4, -15, MVAD_PIXELS_RGBA, 0},
         "a stride of -15 bytes for rows of 16"},
        {{sizeof good, pixels, 4, 4, 0, MVAD_PIXELS_COUNT, 0}, "pixel format"},
        {{sizeof good, pixels, 4, 4, 0, (mvad_pixel_format)-1, 0}, "pixel format"},
    };
    mvad_session *session = make_session(1, 2);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const mvad_image_view images[] = {good, bad[i].view};
        refuse(session, images, 2, "image 1: ");
        refuse(session, images, 2, bad[i].what);
    }
    const mvad_image_view images[] = {good, good, good};
    refuse(session, images, 3, "3 images; the session's samples and views make 2");
    refuse(session, images, 1, "1 images");
    refuse(session, NULL, 2, "NULL");
    refuse(NULL, images, 2, "NULL");
    assert_int_equal(mvad_session_run_images(session, images, 2, NULL), MVAD_OK);
    mvad_session_destroy(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_and_strides_give_pillows_pixels),
        cmocka_unit_test(grey_is_repeated),
        cmocka_unit_test(maps_are_those_of_files),
        cmocka_unit_test(longer_views_are_found),
        cmocka_unit_test(what_is_no_image_is_refused),
    };
    return cmocka_run_group_tests_name("session images", tests, predict_make, predict_remove);
}
