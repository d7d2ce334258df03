/* Where a model's teacher comes from, and its batch norms re-estimated on the training images. */
#include <math.h>
#include <string.h>

#include "core/train/shuffle.h"
#include "data_images.h"
#include "golden_model.h"

enum { SIDE = 64, IMAGES = 64, HEADER = 54 };

static mvad_model *make_model(mvad_backbone backbone)
{
    mvad_config config = mvad_config_default();
    config.backbone = backbone;
    mvad_model *model;
    assert_int_equal(mvad_model_create(&config, 1, &model, NULL), MVAD_OK);
    return model;
}

static float *read_parameter(const mvad_model *model, const char *name, size_t *count)
{
    const struct parameter *parameter = parameter_table_find(&model->table, name);
    assert_non_null(parameter);
    *count = parameter->count;
    float *values = malloc(*count * sizeof *values);
    assert_int_equal(mvad_model_read_parameter(model, name, values, *count, NULL), MVAD_OK);
    return values;
}

/* Half precision keeps 11 bits of each number, and numbers below 6e-5 to 3e-8. */
static void builtin_teacher_is_the_published_one(void **state)
{
    (void)state;
    mvad_tensors *published =
        golden_open(MVAD_REFERENCE_DIR "/teachers", "formula-resnet18.safetensors");
    if (!published) skip();
    mvad_model *model = make_model(MVAD_BACKBONE_RESNET18);
    assert_int_equal(mvad_model_use_builtin_teacher(model, NULL), MVAD_OK);
    assert_string_equal(mvad_model_note(model, "mvad.teacher"), "formula-resnet18");
    size_t compared = 0;
    for (size_t i = 0; i < mvad_model_parameter_count(model); i++) {
        mvad_parameter parameter;
        size_t count;
        assert_int_equal(mvad_model_parameter_at(model, i, &parameter, NULL), MVAD_OK);
        if (strncmp(parameter.name, "net_t.", 6) != 0) continue;
        mvad_tensor_view view = golden_find(published, parameter.name + 6);
        float *values = read_parameter(model, parameter.name, &count);
        assert_int_equal(view.count, count);
        for (size_t e = 0; e < count; e++)
            assert_true(fabsf(values[e] - view.data[e]) <=
                        0x1p-11f * fabsf(view.data[e]) + 0x1p-25f);
        free(values);
        compared++;
    }
    assert_int_equal(compared, 75); /* 15 convolutions, 15 norms of four */
    mvad_model_destroy(model);
    mvad_tensors_destroy(published);
}

static void other_backbones_are_told_where_weights_are(void **state)
{
    (void)state;
    mvad_error error;
    mvad_model *model = make_model(MVAD_BACKBONE_RESNET34);
    size_t count;
    float *before = read_parameter(model, "net_t.conv1.weight", &count);
    assert_int_equal(mvad_model_use_builtin_teacher(model, &error), MVAD_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "resnet34.bt_in1k"));
    float *after = read_parameter(model, "net_t.conv1.weight", &count);
    assert_memory_equal(before, after, count * sizeof *before);
    assert_string_equal(mvad_model_note(model, "mvad.teacher"), "random");
    free(before);
    free(after);
    mvad_model_destroy(model);
    assert_int_equal(mvad_model_use_builtin_teacher(NULL, NULL), MVAD_ERROR_INVALID_ARGUMENT);
}

/* Image k of tests/golden/make_teacher_norms.py as an uncompressed BMP. */
static void write_image(const char *name, unsigned k)
{
    uint8_t file[HEADER + 3 * SIDE * SIDE] = {'B', 'M'};
    file[10] = HEADER;
    file[14] = 40;
    file[18] = SIDE;
    file[22] = SIDE;
    file[26] = 1;
    file[28] = 24;
    file[2] = (uint8_t)sizeof file;
    file[3] = (uint8_t)(sizeof file >> 8);
    for (unsigned y = 0; y < SIDE; y++)
        for (unsigned x = 0; x < SIDE; x++)
            for (unsigned c = 0; c < 3; c++) /* rows from below, blue first */
                file[HEADER + 3 * ((SIDE - 1 - y) * SIDE + x) + 2 - c] =
                    (uint8_t)(53 * k + 5 * (k % 7 + 1) * x + 3 * (k % 5 + 1) * y + 101 * c);
    tree_write_bytes(name, file, sizeof file);
}

/* The estimate takes images in a shuffled order: each is put where it comes into its batch. */
static mvad_dataset *write_images(void)
{
    size_t order[IMAGES];
    shuffle_order(0, 0, order, IMAGES);
    for (unsigned k = 0; k < IMAGES; k++) {
        char name[64];
        snprintf(name, sizeof name, "data/part/train/good/s%02zu/v.bmp", order[k]);
        write_image(name, k);
    }
    write_image("data/part/test/good/other/v.bmp", 99); /* must not count */
    mvad_dataset *dataset;
    mvad_error error;
    const mvad_dataset_options options = mvad_dataset_options_default();
    char *path = tree_path("data");
    if (mvad_dataset_open(path, &options, &dataset, &error)) fail_msg("%s", error.message);
    free(path);
    return dataset;
}

static int32_t stop_at_once(size_t done, size_t total, void *user)
{
    (void)user;
    assert_int_equal(done, 1);
    assert_int_equal(total, 2);
    return 1;
}

static void norms_are_those_of_the_images(void **state)
{
    (void)state;
    mvad_tensors *golden = golden_open(MVAD_TEST_DIR "/golden", "teacher_norms.safetensors");
    assert_non_null(golden);
    mvad_model *model = golden_model(golden);
    mvad_dataset *dataset = write_images();
    mvad_device *device;
    mvad_error error;
    int32_t finished = 1;
    size_t count, compared = 0;
    assert_int_equal(mvad_device_open("cpu", 2, &device, NULL), MVAD_OK);

    float *before = read_parameter(model, "net_t.bn1.running_mean", &count);
    assert_int_equal(mvad_model_estimate_teacher_norms(model, device, dataset, stop_at_once, NULL,
                                                       &finished, &error),
                     MVAD_OK);
    assert_int_equal(finished, 0);
    float *after = read_parameter(model, "net_t.bn1.running_mean", &count);
    assert_memory_equal(before, after, count * sizeof *before);
    assert_null(mvad_model_note(model, "mvad.teacher_norm"));
    free(before);
    free(after);

    if (mvad_model_estimate_teacher_norms(model, device, dataset, NULL, NULL, &finished, &error))
        fail_msg("%s", error.message);
    assert_int_equal(finished, 1);
    assert_string_equal(mvad_model_note(model, "mvad.teacher_norm"), "data");
    for (size_t i = 0; i < mvad_model_parameter_count(model); i++) {
        const struct parameter *parameter = &model->table.items[i];
        if (strncmp(parameter->name, "net_t.", 6) != 0 || !parameter->statistic) continue;
        const double *expected = golden_find_double(golden, parameter->name, parameter->count);
        float *values = read_parameter(model, parameter->name, &count), largest = 0;
        for (size_t e = 0; e < count; e++) largest = fmaxf(largest, fabsf((float)expected[e]));
        for (size_t e = 0; e < count; e++)
            if (!(fabs(values[e] - expected[e]) <= 2e-5 * largest))
                fail_msg("%s[%zu] is %.9g, not %.9g", parameter->name, e, values[e], expected[e]);
        free(values);
        compared++;
    }
    assert_int_equal(compared, 30);
    mvad_device_close(device);
    mvad_dataset_close(dataset);
    mvad_model_destroy(model);
    mvad_tensors_destroy(golden);
}

static void norms_are_numbers(void **state)
{
    (void)state;
    mvad_tensors *golden = golden_open(MVAD_TEST_DIR "/golden", "teacher_norms.safetensors");
    mvad_model *model = golden_model(golden);
    mvad_dataset *dataset = write_images();
    mvad_device *device;
    mvad_error error;
    int32_t finished = 1;
    size_t count;
    float *weights = read_parameter(model, "net_t.conv1.weight", &count);
    for (size_t i = 0; i < count; i++) weights[i] = 1e38f;
    assert_int_equal(mvad_model_write_parameter(model, "net_t.conv1.weight", weights, count, NULL),
                     MVAD_OK);
    free(weights);
    float *before = read_parameter(model, "net_t.bn1.running_mean", &count);
    assert_int_equal(mvad_device_open("cpu", 2, &device, NULL), MVAD_OK);
    assert_int_equal(
        mvad_model_estimate_teacher_norms(model, device, dataset, NULL, NULL, &finished, &error),
        MVAD_ERROR_NUMERIC);
    assert_int_equal(finished, 0);
    assert_non_null(strstr(error.message, "net_t.bn1.running"));
    float *after = read_parameter(model, "net_t.bn1.running_mean", &count);
    assert_memory_equal(before, after, count * sizeof *before);
    assert_null(mvad_model_note(model, "mvad.teacher_norm"));
    free(before);
    free(after);
    mvad_device_close(device);
    mvad_dataset_close(dataset);
    mvad_model_destroy(model);
    mvad_tensors_destroy(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtin_teacher_is_the_published_one),
        cmocka_unit_test(other_backbones_are_told_where_weights_are),
        cmocka_unit_test(norms_are_those_of_the_images),
        cmocka_unit_test(norms_are_numbers),
    };
    return cmocka_run_group_tests_name("teacher", tests, tree_make, tree_remove);
}
