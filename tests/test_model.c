/* Model files and teacher files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/model/config.h"
#include "core/model/model.h"
#include "tests/golden_model.h"

#define OK(call)                                 \
    do {                                         \
        if (call) fail_msg("%s", error.message); \
    } while (0)

static char folder[] = "/tmp/mvad_test_model_XXXXXX";
static char path[64];

static int open_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/file.safetensors", folder);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    remove(path);
    return rmdir(folder);
}

static mvad_config small_config(void)
{
    mvad_config config = mvad_config_default();
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.image_size = 64;
    config.views = 2;
    return config;
}

static mvad_model *small_model(uint64_t seed)
{
    mvad_error error = {0};
    mvad_model *model = NULL;
    mvad_config config = small_config();
    OK(mvad_model_create(&config, seed, &model, &error));
    return model;
}

/* The tensors a saved model would have, for tests that leave some out or spoil them. */
static mvad_tensors *tensors_of(const mvad_model *model, const char *prefix, const char *without)
{
    mvad_error error = {0};
    mvad_tensors *tensors = NULL;
    OK(mvad_tensors_create(&tensors, &error));
    OK(config_to_metadata(&model->config, tensors, &error));
    for (size_t i = 0; i < model->table.count; i++) {
        const struct parameter *p = &model->table.items[i];
        if (strncmp(p->name, prefix, strlen(prefix)) != 0 || !strcmp(p->name, without)) continue;
        OK(mvad_tensors_add(tensors, p->name + strlen(prefix), p->rank, p->shape,
                            model->values + p->offset, &error));
    }
    return tensors;
}

static void save(mvad_tensors *tensors)
{
    mvad_error error = {0};
    OK(mvad_tensors_save(tensors, path, &error));
    mvad_tensors_destroy(tensors);
}

static void must_not_load(const mvad_config *config, const char *says)
{
    mvad_error error = {0};
    mvad_model *model = NULL;
    assert_int_equal(mvad_model_load(path, config, &model, &error), MVAD_ERROR_FORMAT);
    assert_null(model);
    if (!strstr(error.message, says) || !strstr(error.message, "file.safetensors"))
        fail_msg("'%s' does not say '%s'", error.message, says);
}

static void a_saved_model_reads_back(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_model *model = small_model(3), *loaded = NULL;
    OK(mvad_model_save(model, path, &error));
    OK(mvad_model_load(path, NULL, &loaded, &error));
    assert_memory_equal(&model->config, &loaded->config, sizeof model->config);
    assert_int_equal(model->table.elements, loaded->table.elements);
    assert_memory_equal(model->values, loaded->values, model->table.elements * sizeof(float));
    mvad_model_destroy(model);
    mvad_model_destroy(loaded);
}

static void seeds_make_different_models(void **state)
{
    (void)state;
    mvad_model *one = small_model(1), *same = small_model(1), *other = small_model(2);
    size_t bytes = one->table.elements * sizeof(float);
    assert_memory_equal(one->values, same->values, bytes);
    assert_true(memcmp(one->values, other->values, bytes) != 0);
    mvad_model_destroy(one);
    mvad_model_destroy(same);
    mvad_model_destroy(other);
}

static void missing_and_unexpected_tensors_are_named(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_model *model = small_model(1);
    save(tensors_of(model, "", "mff_oce.conv2.weight"));
    must_not_load(NULL, "'mff_oce.conv2.weight' is missing (1 missing in all)");

    mvad_tensors *tensors = tensors_of(model, "", "");
    OK(mvad_tensors_add(tensors, "net_t.fc.weight", 1, (int64_t[1]){1}, (float[1]){0}, &error));
    save(tensors);
    must_not_load(NULL, "unexpected tensor 'net_t.fc.weight' (1 unexpected in all)");

    tensors = tensors_of(model, "", "");
    OK(mvad_tensors_add(tensors, "net_t.bn1.num_batches_tracked", 0, NULL, (float[1]){0}, &error));
    save(tensors);
    mvad_model *loaded = NULL;
    OK(mvad_model_load(path, NULL, &loaded, &error));
    mvad_model_destroy(loaded);
    mvad_model_destroy(model);
}

static void shapes_and_numbers_are_checked(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_model *model = small_model(1);
    mvad_tensors *tensors = tensors_of(model, "", "net_t.bn1.bias");
    float values[65] = {0};
    OK(mvad_tensors_add(tensors, "net_t.bn1.bias", 1, (int64_t[1]){65}, values, &error));
    save(tensors);
    must_not_load(NULL, "'net_t.bn1.bias' has shape (65), the model (64)");

    for (int spoiled = 0; spoiled < 2; spoiled++) {
        tensors = tensors_of(model, "", "net_t.bn1.bias");
        values[7] = spoiled ? INFINITY : NAN;
        OK(mvad_tensors_add(tensors, "net_t.bn1.bias", 1, (int64_t[1]){64}, values, &error));
        save(tensors);
        must_not_load(NULL, "'net_t.bn1.bias' has a NaN or an infinity at element 7");
    }
    mvad_model_destroy(model);
}

static void configurations_are_checked(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_model *model = small_model(1);
    mvad_config config = model->config;
    OK(mvad_model_save(model, path, &error));
    config.topk[1]++;
    must_not_load(&config, "contradicts the file's metadata");

    mvad_tensors *tensors = tensors_of(model, "", "");
    OK(mvad_tensors_set_metadata(tensors, "mvad.windows", "8,8", &error));
    save(tensors);
    must_not_load(NULL, "metadata mvad.windows is '8,8', not 3 integers");

    tensors = tensors_of(model, "", "");
    OK(mvad_tensors_set_metadata(tensors, "mvad.image_size", "100", &error));
    save(tensors);
    must_not_load(NULL, "image size is 100; it must be a multiple of 32");

    config = model->config;
    config.views = 0;
    assert_int_equal(mvad_config_check(&config, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "views is 0"));
    mvad_model_destroy(model);
}

/* A file without metadata needs the configuration from the caller. */
static void a_file_without_metadata_needs_a_configuration(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_model *model = small_model(1), *loaded = NULL;
    mvad_tensors *bare = NULL;
    OK(mvad_tensors_create(&bare, &error));
    for (size_t i = 0; i < model->table.count; i++) {
        const struct parameter *p = &model->table.items[i];
        OK(mvad_tensors_add(bare, p->name, p->rank, p->shape, model->values + p->offset, &error));
    }
    save(bare);
    must_not_load(NULL, "metadata mvad.backbone is missing (8 missing in all)");
    OK(mvad_model_load(path, &model->config, &loaded, &error));
    mvad_model_destroy(loaded);
    mvad_model_destroy(model);
}

static void a_teacher_replaces_the_teacher_only(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_model *model = small_model(1), *other = small_model(2);
    save(tensors_of(other, "net_t.", ""));
    OK(mvad_model_load_teacher(model, path, &error));
    mvad_model *untouched = small_model(1);
    int replaced = 0;
    for (size_t i = 0; i < model->table.count; i++) {
        const struct parameter *p = &model->table.items[i];
        bool teacher = !strncmp(p->name, "net_t.", 6);
        const mvad_model *expected = teacher ? other : untouched;
        assert_memory_equal(model->values + p->offset, expected->values + p->offset,
                            p->count * sizeof(float));
        replaced += teacher;
    }
    assert_true(replaced > 50);
    mvad_model_destroy(untouched);
    mvad_model_destroy(model);
    mvad_model_destroy(other);
}

/* A file that does not fit changes nothing and says for what backbone it was meant to be. */
static void a_wrong_teacher_changes_nothing(void **state)
{
    (void)state;
    mvad_error error = {0};
    mvad_model *model = small_model(1), *untouched = small_model(1), *other = small_model(2);
    save(tensors_of(other, "net_t.", "net_t.layer3.1.bn2.bias"));
    assert_int_equal(mvad_model_load_teacher(model, path, &error), MVAD_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "layer3.1.bn2.bias"));
    assert_non_null(strstr(error.message, "as a teacher for resnet18"));
    assert_memory_equal(model->values, untouched->values, model->table.elements * sizeof(float));
    mvad_model_destroy(model);
    mvad_model_destroy(untouched);
    mvad_model_destroy(other);
}

static void the_reference_teacher_loads(void **state)
{
    (void)state;
    const char *file = MVAD_REFERENCE_DIR "/teachers/formula-resnet18.safetensors";
    if (access(file, F_OK)) skip();
    mvad_error error = {0};
    mvad_model *model = small_model(1);
    OK(mvad_model_load_teacher(model, file, &error));
    mvad_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_model_reads_back),
        cmocka_unit_test(seeds_make_different_models),
        cmocka_unit_test(missing_and_unexpected_tensors_are_named),
        cmocka_unit_test(shapes_and_numbers_are_checked),
        cmocka_unit_test(configurations_are_checked),
        cmocka_unit_test(a_file_without_metadata_needs_a_configuration),
        cmocka_unit_test(a_teacher_replaces_the_teacher_only),
        cmocka_unit_test(a_wrong_teacher_changes_nothing),
        cmocka_unit_test(the_reference_teacher_loads),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
