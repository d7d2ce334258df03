/* PyTorch's files where the program takes weights: convert, --model, --teacher. */
#include "make_torch.h"
#include "small_model.h"

static mvad_tensors *load(const char *file)
{
    mvad_tensors *tensors;
    mvad_error error;
    char *path = scratch_path(file);
    if (mvad_tensors_load(path, &tensors, &error)) fail_msg("%s", error.message);
    free(path);
    return tensors;
}

/* The same tensors, whatever their order and beside what metadata. */
static void assert_same_tensors(const char *file, const char *expected_file)
{
    mvad_tensors *tensors = load(file), *expected = load(expected_file);
    assert_int_equal(mvad_tensors_count(tensors), mvad_tensors_count(expected));
    for (size_t i = 0; i < mvad_tensors_count(expected); i++) {
        mvad_tensor_view view, found;
        assert_int_equal(mvad_tensors_at(expected, i, &view, NULL), MVAD_OK);
        assert_int_equal(mvad_tensors_find(tensors, view.name, &found, NULL), MVAD_OK);
        assert_int_equal(found.rank, view.rank);
        assert_memory_equal(found.shape, view.shape, (size_t)view.rank * sizeof *view.shape);
        assert_memory_equal(found.data, view.data, view.count * sizeof *view.data);
    }
    mvad_tensors_destroy(tensors);
    mvad_tensors_destroy(expected);
}

static int make_files(void **state)
{
    if (small_model_make(state)) return -1;
    char *model = scratch_path("m.safetensors"), *path = scratch_path("m.pth");
    write_stream(path, model, "", "net");
    free(path);
    path = scratch_path("teacher.pth");
    write_stream(path, model, "net_t.", NULL);
    free(path);
    free(model);
    return 0;
}

static void a_checkpoint_becomes_a_model_file(void **state)
{
    (void)state;
    expect_run_quietly(0, MVAD " convert @m.pth @c.safetensors " SMALL);
    assert_same_tensors("c.safetensors", "m.safetensors");
    struct output output = expect_run(0, MVAD " info --model @c.safetensors");
    assert_non_null(strstr(output.out, "resnet18, projection qkv, 2 views, 64x64"));
    output_free(&output);
}

static void without_options_only_tensors_are_converted(void **state)
{
    (void)state;
    struct output output = expect_run(0, MVAD " convert @m.pth @t.safetensors");
    assert_one_line(&output, "mvad: note: ", "does not tell its configuration");
    output_free(&output);
    assert_same_tensors("t.safetensors", "m.safetensors");
    expect_run_quietly(0, MVAD " convert @teacher.pth @tt.safetensors");
    mvad_tensors *tensors = load("tt.safetensors");
    mvad_tensor_view view;
    assert_int_equal(mvad_tensors_find(tensors, "layer3.1.bn2.running_var", &view, NULL), MVAD_OK);
    mvad_tensors_destroy(tensors);
    expect_run_quietly(0, MVAD " convert @m.safetensors @again.safetensors");
    assert_same_tensors("again.safetensors", "m.safetensors");
    output = expect_run(0, MVAD " info --model @again.safetensors"); /* metadata went along */
    output_free(&output);
}

static void a_model_is_read_from_a_checkpoint(void **state)
{
    (void)state;
    struct output expected = expect_run(
        0, MVAD " predict --model @m.safetensors --tensor @in.safetensors --dump @a.safetensors");
    struct output output = expect_run(0, MVAD " predict --model @m.pth " SMALL
                                              " --tensor @in.safetensors --dump @b.safetensors");
    assert_string_equal(output.out, expected.out);
    assert_same_tensors("b.safetensors", "a.safetensors");
    output_free(&output);
    output_free(&expected);
    expect_error(3, MVAD " info --model @m.pth", "give the configuration as options");
    expect_error(3, MVAD " info --model @m.pth --backbone resnet34", "m.pth: tensor 'net_t.");
}

static void a_teacher_is_read_from_a_state_dict(void **state)
{
    (void)state;
    mvad_config config = mvad_config_default();
    config.backbone = MVAD_BACKBONE_RESNET18;
    mvad_model *model;
    mvad_error error;
    assert_int_equal(mvad_model_create(&config, 99, &model, NULL), MVAD_OK);
    char *path = scratch_path("teacher.pth");
    if (mvad_model_load_teacher(model, path, &error)) fail_msg("%s", error.message);
    free(path);
    assert_string_equal(mvad_model_note(model, "mvad.teacher"), "teacher.pth");
    mvad_tensors *expected = load("m.safetensors");
    size_t compared = 0;
    for (size_t i = 0; i < mvad_tensors_count(expected); i++) {
        mvad_tensor_view view;
        assert_int_equal(mvad_tensors_at(expected, i, &view, NULL), MVAD_OK);
        if (strncmp(view.name, "net_t.", 6) != 0) continue;
        float *values = malloc(view.count * sizeof *values);
        assert_int_equal(mvad_model_read_parameter(model, view.name, values, view.count, NULL),
                         MVAD_OK);
        assert_memory_equal(values, view.data, view.count * sizeof *values);
        free(values);
        compared++;
    }
    assert_int_equal(compared, 75); /* 15 convolutions, 15 norms of four */
    mvad_tensors_destroy(expected);
    mvad_model_destroy(model);
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    char *path = scratch_path("evil.pth"), *out = scratch_path("out.safetensors");
    static const char pickle[] = "\x80\2cos\nsystem\nX\4\0\0\0true\x85R.";
    struct bytes evil = make_stream(pickle, sizeof pickle - 1, "\x80\2].", 4);
    write_bytes(path, evil.data, evil.size);
    free(evil.data);
    expect_error(3, MVAD " convert @evil.pth @out.safetensors", "needs os.system");
    expect_error(3, MVAD " convert @missing.pth @out.safetensors", "missing.pth: cannot open");
    expect_error(3, MVAD " convert @teacher.pth @out.safetensors " SMALL, "is missing");
    assert_int_not_equal(access(out, F_OK), 0);
    expect_error(1, MVAD " convert @teacher.pth @no/folder.safetensors", "folder");
    expect_error(2, MVAD " convert @teacher.pth", "IN and OUT");
    expect_error(2, MVAD " convert @m.pth @out.safetensors x", "IN and OUT");
    expect_error(2, MVAD " convert @m.safetensors @out.safetensors --size 96", "--size contradicts");
    assert_int_not_equal(access(out, F_OK), 0);
    free(path);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_becomes_a_model_file),
        cmocka_unit_test(without_options_only_tensors_are_converted),
        cmocka_unit_test(a_model_is_read_from_a_checkpoint),
        cmocka_unit_test(a_teacher_is_read_from_a_state_dict),
        cmocka_unit_test(failures_leave_nothing),
    };
    return cmocka_run_group_tests_name("convert", tests, make_files, scratch_remove);
}
