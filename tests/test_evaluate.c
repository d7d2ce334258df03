/* mvad_evaluate on a small data set: its metrics against plain ones made from its own maps, its
 * maps against a session's, its errors. */
#include <math.h>
#include <sys/stat.h>

#include "core/score/map_folder.h"
#include "eval_data.h"
#include "plain_metrics.h"

/* What all tests share. */
static struct {
    mvad_model *model;
    mvad_device *device;
    mvad_dataset *dataset;
    char *maps; /* folder */
} t;

struct rows {
    size_t count;
    char names[8][16];
    mvad_metrics_row rows[8];
};

static mvad_dataset *open_dataset(const char *name, const char *classes)
{
    mvad_dataset_options options = mvad_dataset_options_default();
    mvad_dataset *dataset;
    mvad_error error;
    char *path = tree_path(name);
    options.classes = classes;
    if (mvad_dataset_open(path, &options, &dataset, &error)) fail_msg("%s", error.message);
    free(path);
    return dataset;
}

static int prepare(void **state)
{
    if (eval_make(state)) return -1;
    char *path = scratch_path("m.safetensors");
    assert_int_equal(mvad_model_load(path, NULL, &t.model, NULL), MVAD_OK);
    free(path);
    assert_int_equal(mvad_device_open("cpu", 0, &t.device, NULL), MVAD_OK);
    t.dataset = open_dataset("parts.csv", NULL);
    t.maps = tree_path("maps");
    return mkdir(t.maps, 0777);
}

static int finish(void **state)
{
    free(t.maps);
    mvad_dataset_close(t.dataset);
    mvad_device_close(t.device);
    mvad_model_destroy(t.model);
    return eval_remove(state);
}

static void keep_row(const mvad_metrics_row *row, void *user)
{
    struct rows *rows = user;
    assert_in_range(rows->count, 0, 7);
    snprintf(rows->names[rows->count], sizeof rows->names[0], "%s", row->name);
    rows->rows[rows->count++] = *row;
}

static struct rows evaluate(const mvad_evaluate_options *options)
{
    struct rows rows = {0};
    mvad_error error;
    if (mvad_evaluate(t.model, t.device, t.dataset, options, keep_row, &rows, &error))
        fail_msg("%s", error.message);
    assert_int_equal(error.status, MVAD_OK);
    return rows;
}

/* The maps of a part from its .npy file, (views, S, S); the header is to be the format's own. */
static float *read_maps(const struct eval_part *part)
{
    char name[64], text[128];
    size_t size, views = strlen(part->views), count = views * EVAL_PIXELS;
    snprintf(name, sizeof name, "maps/%s_%s.npy", part->class_name, part->name);
    char *path = tree_path(name);
    uint8_t *bytes = read_bytes(path, &size);
    free(path);
    size_t header = (size_t)bytes[8] + 256 * (size_t)bytes[9] + 10;
    assert_memory_equal(bytes, "\x93NUMPY\x01\x00", 8);
    assert_int_equal(header % 64, 0);
    assert_int_equal(size, header + count * sizeof(float));
    assert_int_equal(bytes[header - 1], '\n');
    snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %d, %d), }",
             views, EVAL_SIZE, EVAL_SIZE);
    assert_memory_equal(bytes + 10, text, strlen(text));
    for (size_t i = 10 + strlen(text); i + 1 < header; i++) assert_int_equal(bytes[i], ' ');
    float *maps = malloc(count * sizeof *maps);
    assert_non_null(maps);
    memcpy(maps, bytes + header, count * sizeof *maps);
    free(bytes);
    return maps;
}

static void assert_near(const char *what, double value, double wanted, double tolerance)
{
    if (!(fabs(value - wanted) <= tolerance))
        print_error("%s: %.9g, not %.9g\n", what, value, wanted);
    assert_true(fabs(value - wanted) <= tolerance);
}

static float highest_of(const float *values, size_t count)
{
    float highest = values[0];
    for (size_t i = 1; i < count; i++) highest = fmaxf(highest, values[i]);
    return highest;
}

/* The class bolt from its maps: the labels are those of eval_parts. A view u is in no list, a view
 * m not in the pixels', a part with a u and nothing anomalous not in the samples'. */
static void metrics_follow_from_the_maps(void **state)
{
    (void)state;
    struct plain_scores samples = {0}, images = {0}, pixels = {0};
    mvad_evaluate_options options = mvad_evaluate_options_default();
    options.maps = t.maps;
    struct rows rows = evaluate(&options);
    size_t views = 0;
    for (size_t p = 0; p < EVAL_PARTS; p++) {
        const struct eval_part *part = &eval_parts[p];
        if (part->train || strcmp(part->class_name, "bolt") != 0) continue;
        float *maps = read_maps(part);
        const size_t count = strlen(part->views);
        views += count;
        for (size_t v = 0; v < count; v++) {
            const char kind = part->views[v];
            const float *map = maps + v * EVAL_PIXELS;
            uint8_t marks[EVAL_PIXELS] = {0};
            if (kind == 'a') eval_mask(p, v, marks);
            if (kind != 'u') plain_add(&images, highest_of(map, EVAL_PIXELS), kind != 'n');
            if (kind == 'a' || kind == 'n') plain_add_map(&pixels, map, marks, EVAL_SIZE);
        }
        const bool anomalous = strpbrk(part->views, "am") != NULL;
        if (anomalous || !strchr(part->views, 'u'))
            plain_add(&samples, highest_of(maps, count * EVAL_PIXELS), anomalous);
        free(maps);
    }
    const struct plain_metrics s = plain_measure(&samples), i = plain_measure(&images),
                               p = plain_measure(&pixels);
    const double wanted[] = {s.auroc,  s.ap,    s.f1_max, i.auroc,  i.ap,
                             i.f1_max, p.auroc, p.ap,     p.f1_max, p.aupro};
    assert_int_equal(samples.count, 8);
    assert_int_equal(images.count, 20);
    assert_int_equal(pixels.regions, 10);
    assert_int_equal(rows.count, 3);
    for (int m = 0; m < MVAD_METRIC_COUNT; m++) {
        const char *name = mvad_metric_name((mvad_metric)m);
        assert_near(name, rows.rows[0].value[m], wanted[m],
                    m < MVAD_METRIC_PIXEL_AUROC ? 1e-12 : 1e-5);
        assert_true(isnan(rows.rows[1].value[m]));
        assert_true(rows.rows[2].value[m] == rows.rows[0].value[m]); /* the only class with one */
    }
    assert_null(mvad_metric_name(MVAD_METRIC_COUNT));
    assert_string_equal(rows.names[0], "bolt");
    assert_string_equal(rows.names[1], "cap");
    assert_string_equal(rows.names[2], "mean");
    assert_true(rows.rows[0].samples == 9 && rows.rows[0].views == views);
    assert_true(rows.rows[1].samples == 3 && rows.rows[1].views == 7);
    assert_true(rows.rows[2].samples == 12 && rows.rows[2].views == views + 7);
    plain_free(&samples);
    plain_free(&images);
    plain_free(&pixels);
}

/* The network's input by its definition in mvad.h. */
static void fill_images(size_t part, size_t views, float *images)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    for (size_t v = 0; v < views; v++) {
        uint8_t pixels[3 * EVAL_PIXELS];
        eval_image(part, v, pixels);
        for (size_t c = 0; c < 3; c++)
            for (size_t i = 0; i < EVAL_PIXELS; i++)
                images[(v * 3 + c) * EVAL_PIXELS + i] =
                    (float)((pixels[3 * i + c] / 255.0 - mean[c]) / std[c]);
    }
}

/* Each file of t.maps against a session made for its part. */
static void assert_maps(void)
{
    for (size_t p = 0; p < EVAL_PARTS; p++) {
        const struct eval_part *part = &eval_parts[p];
        if (part->train) continue;
        const size_t views = strlen(part->views), count = views * EVAL_PIXELS;
        float images[EVAL_VIEWS * 3 * EVAL_PIXELS], wanted[EVAL_VIEWS * EVAL_PIXELS];
        mvad_session_options options = mvad_session_options_default();
        mvad_session *session;
        options.views = (int32_t)views;
        fill_images(p, views, images);
        assert_int_equal(mvad_session_create(t.model, t.device, &options, &session, NULL), MVAD_OK);
        assert_int_equal(mvad_session_run(session, images, NULL), MVAD_OK);
        assert_int_equal(mvad_session_read(session, MVAD_OUTPUT_MAP, wanted, count, NULL), MVAD_OK);
        mvad_session_destroy(session);
        float *maps = read_maps(part);
        const double most = highest_of(wanted, count);
        for (size_t i = 0; i < count; i++) assert_near(part->name, maps[i], wanted[i], 1e-5 * most);
        free(maps);
    }
}

static int empty_maps(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -f %s/*.npy", t.maps);
    return system(command);
}

/* One sample a run, or several, of which some runs are not full. */
static void maps_are_those_of_a_session(void **state)
{
    mvad_evaluate_options options = mvad_evaluate_options_default();
    options.maps = t.maps;
    for (int32_t samples = 1; samples <= 2; samples++) {
        empty_maps(state);
        options.session.samples = samples;
        struct rows rows = evaluate(&options);
        assert_int_equal(rows.count, 3);
        assert_maps();
    }
}

static void strips_change_pixel_metrics_only(void **state)
{
    (void)state;
    mvad_evaluate_options options = mvad_evaluate_options_default();
    struct rows exact = evaluate(&options);
    options.strips = 1;
    struct rows strips = evaluate(&options);
    for (int m = 0; m < MVAD_METRIC_COUNT; m++)
        assert_true((strips.rows[0].value[m] == exact.rows[0].value[m]) ==
                    (m < MVAD_METRIC_PIXEL_AUROC));
}

struct progress {
    size_t calls, stop_at;
};

static int32_t count_progress(size_t done, size_t total, void *user)
{
    struct progress *progress = user;
    assert_int_equal(done, ++progress->calls);
    assert_int_equal(total, 12);
    return progress->calls == progress->stop_at;
}

static void progress_counts_and_stops(void **state)
{
    (void)state;
    struct progress progress = {0};
    mvad_evaluate_options options = mvad_evaluate_options_default();
    options.progress = count_progress;
    options.user = &progress;
    assert_int_equal(evaluate(&options).count, 3);
    assert_int_equal(progress.calls, 12);
    progress = (struct progress){.stop_at = 5};
    assert_int_equal(evaluate(&options).count, 0);
    assert_int_equal(progress.calls, 5);
}

static void map_names_are_safe_and_different(void **state)
{
    static const struct {
        const char *class_name, *sample, *file;
    } cases[] = {{"a", "x/S1", "a_x_S1.npy"},
                 {"a_b", "c", "a_b_c.npy"},
                 {"a", "b_c", "a_b_c~2.npy"},
                 {"a_b", "c", "a_b_c~3.npy"},
                 {".h", "\xc3\xa4 %*", "_h_%C3%A4%20%25%2A.npy"}};
    const float map[1] = {0.5f};
    struct map_folder folder = {.path = t.maps};
    empty_maps(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[64];
        size_t size;
        assert_int_equal(
            map_folder_save(&folder, cases[i].class_name, cases[i].sample, 1, 1, map, NULL),
            MVAD_OK);
        snprintf(name, sizeof name, "maps/%s", cases[i].file);
        char *path = tree_path(name);
        free(read_bytes(path, &size));
        assert_int_equal(size, 128 + sizeof map);
        free(path);
    }
    map_folder_free(&folder);
    empty_maps(state);
}

static void assert_fails(const mvad_model *model, const mvad_dataset *dataset,
                         const mvad_evaluate_options *options, mvad_status status, const char *what)
{
    struct rows rows = {0};
    mvad_error error;
    assert_int_equal(mvad_evaluate(model, t.device, dataset, options, keep_row, &rows, &error),
                     status);
    assert_error(&error, status, "", what);
    assert_int_equal(rows.count, 0);
}

static void errors_name_what_was_wrong(void **state)
{
    (void)state;
    mvad_evaluate_options options = mvad_evaluate_options_default();
    assert_fails(NULL, t.dataset, &options, MVAD_ERROR_INVALID_ARGUMENT, "NULL");
    assert_fails(t.model, NULL, &options, MVAD_ERROR_INVALID_ARGUMENT, "NULL");
    assert_fails(t.model, t.dataset, NULL, MVAD_ERROR_INVALID_ARGUMENT, "not initialised");
    options.session.size = 0;
    assert_fails(t.model, t.dataset, &options, MVAD_ERROR_INVALID_ARGUMENT, "not initialised");
    options = mvad_evaluate_options_default();
    options.session.samples = 0;
    assert_fails(t.model, t.dataset, &options, MVAD_ERROR_INVALID_ARGUMENT, "samples is 0");
    options.session.samples = 1;
    options.maps = "/nonexistent/maps";
    assert_fails(t.model, t.dataset, &options, MVAD_ERROR_IO, "/nonexistent/maps/bolt_b0.npy");
    options.maps = NULL;

    mvad_dataset *idle = open_dataset("parts.csv", "idle");
    assert_fails(t.model, idle, &options, MVAD_ERROR_FORMAT, "no test samples");
    mvad_dataset_close(idle);

    /* The third of the samples cannot be read, whether it is loaded first or ahead. */
    tree_write_text("bad.csv", "class,sample,view,label,image\nk,s1,1,ok,images/bolt-b0-0.png\n"
                               "k,s2,1,ok,images/bolt-b0-1.png\nk,s3,1,ok,images/none.png\n");
    mvad_dataset *bad = open_dataset("bad.csv", NULL);
    assert_fails(t.model, bad, &options, MVAD_ERROR_IO, "images/none.png");
    options.session.samples = 3;
    assert_fails(t.model, bad, &options, MVAD_ERROR_IO, "images/none.png");
    mvad_dataset_close(bad);
}

/* An infinite bias reaches the maps as a NaN. */
static void not_a_number_names_the_sample(void **state)
{
    (void)state;
    mvad_evaluate_options options = mvad_evaluate_options_default();
    mvad_model *broken;
    mvad_config config = mvad_model_config(t.model);
    assert_int_equal(mvad_model_create(&config, 7, &broken, NULL), MVAD_OK);
    size_t changed = 0;
    for (size_t i = 0; i < mvad_model_parameter_count(broken); i++) {
        mvad_parameter parameter;
        assert_int_equal(mvad_model_parameter_at(broken, i, &parameter, NULL), MVAD_OK);
        if (strcmp(parameter.name, "net_t.bn1.bias") != 0) continue;
        float values[64];
        assert_int_equal(parameter.count, 64);
        for (int k = 0; k < 64; k++) values[k] = INFINITY;
        assert_int_equal(mvad_model_write_parameter(broken, parameter.name, values, 64, NULL),
                         MVAD_OK);
        changed++;
    }
    assert_int_equal(changed, 1);
    assert_fails(broken, t.dataset, &options, MVAD_ERROR_NUMERIC, "bolt, sample b0, view 0: its ");
    mvad_model_destroy(broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_follow_from_the_maps),
        cmocka_unit_test_teardown(maps_are_those_of_a_session, empty_maps),
        cmocka_unit_test(strips_change_pixel_metrics_only),
        cmocka_unit_test(progress_counts_and_stops),
        cmocka_unit_test(map_names_are_safe_and_different),
        cmocka_unit_test(errors_name_what_was_wrong),
        cmocka_unit_test(not_a_number_names_the_sample),
    };
    return cmocka_run_group_tests(tests, prepare, finish);
}
