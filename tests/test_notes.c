/* What a model carries beside its parameters. */
#include <math.h>
#include <string.h>

#include "make_safetensors.h"
#include "mvad.h"

static mvad_model *make_model(void)
{
    mvad_config config = mvad_config_default();
    config.backbone = MVAD_BACKBONE_RESNET18;
    config.image_size = 32;
    for (int s = 0; s < MVAD_SCALES; s++) config.blocks[s] = 1;
    mvad_model *model;
    assert_int_equal(mvad_model_create(&config, 1, &model, NULL), MVAD_OK);
    return model;
}

static mvad_model *save_and_load(const mvad_model *model)
{
    mvad_model *loaded;
    mvad_error error;
    char *path = scratch_path("notes.safetensors");
    if (mvad_model_save(model, path, &error)) fail_msg("%s", error.message);
    if (mvad_model_load(path, NULL, &loaded, &error)) fail_msg("%s", error.message);
    free(path);
    return loaded;
}

static void notes_outlive_the_file(void **state)
{
    (void)state;
    mvad_model *model = make_model();
    assert_null(mvad_model_note(model, "mvad.classes"));
    assert_int_equal(mvad_model_set_note(model, "mvad.classes", "cup", NULL), MVAD_OK);
    assert_int_equal(mvad_model_set_note(model, "mvad.classes", "cup,\"fr\xc3\xb6g\"", NULL),
                     MVAD_OK);
    assert_int_equal(mvad_model_set_note(model, "mvad.teacher", "", NULL), MVAD_OK);
    mvad_model *loaded = save_and_load(model);
    assert_string_equal(mvad_model_note(loaded, "mvad.classes"), "cup,\"fr\xc3\xb6g\"");
    assert_string_equal(mvad_model_note(loaded, "mvad.teacher"), "");
    assert_null(mvad_model_note(loaded, "mvad.backbone"));
    const mvad_config before = mvad_model_config(model), after = mvad_model_config(loaded);
    assert_memory_equal(&before, &after, sizeof before);
    mvad_model_destroy(loaded);
    mvad_model_destroy(model);
}

static void keys_and_values_have_rules(void **state)
{
    (void)state;
    static const char *const keys[] = {"classes",         "",          "mvad.backbone",
                                       "mvad.projection", "mvad.topk", "mvad.views",
                                       "mvad.a\nb",       "mvad.\xff"};
    mvad_model *model = make_model();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(mvad_model_set_note(model, keys[i], "1", NULL),
                         MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(mvad_model_set_note(model, "mvad.x", "\xff", NULL),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(mvad_model_set_note(model, "mvad.x", NULL, NULL), MVAD_ERROR_INVALID_ARGUMENT);
    assert_null(mvad_model_note(model, "mvad.x"));
    mvad_model_destroy(model);
}

static void scales_are_kept_exactly(void **state)
{
    (void)state;
    mvad_model *model = make_model();
    mvad_score_scale scale;
    mvad_error error;
    assert_int_equal(mvad_model_scale(model, &scale, &error), MVAD_ERROR_FORMAT);
    const mvad_score_scale given = {0.1f, nextafterf(0.3f, 1), 1e-3f + 0.5f};
    assert_int_equal(mvad_model_set_scale(model, &given, NULL), MVAD_OK);
    mvad_model *loaded = save_and_load(model);
    assert_int_equal(mvad_model_scale(loaded, &scale, NULL), MVAD_OK);
    assert_memory_equal(&scale, &given, sizeof scale);
    mvad_model_destroy(loaded);
    mvad_model_destroy(model);
}

static void broken_scales_are_refused(void **state)
{
    (void)state;
    static const mvad_score_scale wrong[] = {{0, 0, 1},   {0, 1, 1},         {1, 0.5f, 2},
                                             {0, NAN, 1}, {-INFINITY, 0, 1}, {0, 1, INFINITY}};
    static const char *const texts[] = {"",        "0.1 0.2",     "0.1 0.2 0.3 0.4", "a b c",
                                        "1 2 nan", "0.3 0.2 0.1", "0.1,0.2,0.3"};
    mvad_model *model = make_model();
    mvad_score_scale scale;
    mvad_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(mvad_model_set_scale(model, &wrong[i], NULL), MVAD_ERROR_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(mvad_model_set_note(model, "mvad.scale", texts[i], NULL), MVAD_OK);
        assert_int_equal(mvad_model_scale(model, &scale, &error), MVAD_ERROR_FORMAT);
        assert_non_null(strstr(error.message, "mvad.scale"));
    }
    mvad_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_outlive_the_file),
        cmocka_unit_test(keys_and_values_have_rules),
        cmocka_unit_test(scales_are_kept_exactly),
        cmocka_unit_test(broken_scales_are_refused),
    };
    return cmocka_run_group_tests_name("notes", tests, scratch_make, scratch_remove);
}
