/* Files of torch.save, element by element against what PyTorch itself reads from them. The files and
 * the numbers come from tests/golden/make_torch_files.py. */
#include <math.h>

#include "core/weights/safetensors.h"
#include "make_safetensors.h"

#define GOLDEN MVAD_TEST_DIR "/golden/"

static mvad_tensors *load(const char *path)
{
    mvad_error error;
    mvad_tensors *tensors = NULL;
    if (mvad_tensors_load(path, &tensors, &error)) fail_msg("%s", error.message);
    return tensors;
}

static mvad_tensors *load_golden(const char *file)
{
    char path[512];
    snprintf(path, sizeof path, GOLDEN "torch/%s.pth", file);
    return load(path);
}

static const struct tensor *find(const mvad_tensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->count; i++)
        if (!strcmp(tensors->items[i].name, name)) return &tensors->items[i];
    fail_msg("no tensor '%s'", name);
    return NULL;
}

/* The same shape, and bit by bit the same elements, but for what kind of NaN one is: floats as
 * float32, others in their own type. */
static void assert_same(const struct tensor *tensor, const struct tensor *expected)
{
    assert_int_equal(tensor->rank, expected->rank);
    assert_int_equal(tensor->count, expected->count);
    for (int32_t i = 0; i < tensor->rank; i++)
        assert_int_equal(tensor->shape[i], expected->shape[i]);
    if (expected->values) {
        assert_non_null(tensor->values);
        for (size_t i = 0; i < expected->count; i++)
            if (!isnan(expected->values[i]) || !isnan(tensor->values[i]))
                assert_memory_equal(&tensor->values[i], &expected->values[i], sizeof(float));
    } else {
        assert_int_equal(tensor->type, expected->type);
        assert_memory_equal(tensor->stored, expected->stored, expected->bytes);
    }
}

static void elements_are_those_pytorch_reads(void **state)
{
    const char *file = *state;
    const size_t length = strlen(file);
    mvad_tensors *tensors = load_golden(file);
    mvad_tensors *all = load(GOLDEN "torch_files.safetensors");
    size_t compared = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct tensor *expected = &all->items[i];
        if (strncmp(expected->name, file, length) != 0 || expected->name[length] != ':') continue;
        assert_same(find(tensors, expected->name + length + 1), expected);
        compared++;
    }
    assert_int_equal(compared, tensors->count);
    assert_true(compared > 0);
    mvad_tensors_destroy(tensors);
    mvad_tensors_destroy(all);
}

/* Weights of hundreds of megabytes are neither read nor copied before they are asked for. */
static void what_can_stay_in_the_file_stays_there(void **state)
{
    (void)state;
    mvad_tensors *tensors = load_golden("zip_strided");
    assert_null(find(tensors, "base")->owned_stored);
    assert_ptr_equal(find(tensors, "same")->stored, find(tensors, "base")->stored);
    assert_non_null(find(tensors, "transposed")->owned_stored);
    mvad_tensors_destroy(tensors);
}

static void order_and_types_are_the_files(void **state)
{
    (void)state;
    static const char *const names[] = {"f64", "f32", "f16", "bf16", "i64",   "i32",
                                        "i16", "i8",  "u8",  "bool", "empty", "größe"};
    mvad_tensors *tensors = load_golden("zip_types");
    assert_int_equal(tensors->count, sizeof names / sizeof *names);
    for (size_t i = 0; i < tensors->count; i++)
        assert_string_equal(tensors->items[i].name, names[i]);
    assert_int_equal(find(tensors, "f16")->type, STORED_F16);
    assert_int_equal(find(tensors, "f64")->type, STORED_F64);
    mvad_tensors_destroy(tensors);
}

/* What a file is, its content says. */
static void names_of_files_do_not_matter(void **state)
{
    (void)state;
    size_t size;
    char *path = scratch_path("model.safetensors");
    uint8_t *bytes = read_bytes(GOLDEN "torch/tar.pth", &size);
    write_bytes(path, bytes, size);
    free(bytes);
    mvad_tensors *tensors = load(path);
    assert_int_equal(tensors->count, 4);
    mvad_tensors_destroy(tensors);

    bytes = read_bytes(GOLDEN "torch_files.safetensors", &size);
    free(path);
    path = scratch_path("weights.pth");
    write_bytes(path, bytes, size);
    free(bytes);
    mvad_tensors_destroy(load(path));
    free(path);
}

static void float32_is_what_conversion_leaves(void **state)
{
    (void)state;
    mvad_error error;
    mvad_tensors *all = load(GOLDEN "torch_files.safetensors"), *tensors = load_golden("zip_types");
    char *path = scratch_path("converted.safetensors");
    mvad_tensors_make_float32(tensors);
    if (mvad_tensors_save(tensors, path, &error)) fail_msg("%s", error.message);
    mvad_tensors_destroy(tensors);
    tensors = load(path);
    assert_int_equal(tensors->count, 12);
    for (size_t i = 0; i < tensors->count; i++) {
        char name[64];
        const struct tensor *tensor = &tensors->items[i];
        snprintf(name, sizeof name, "zip_types:%s", tensor->name);
        assert_same(tensor, find(all, name));
        assert_int_equal(tensor->type, find(all, name)->type);
    }
    free(path);
    mvad_tensors_destroy(tensors);
    mvad_tensors_destroy(all);
}

int main(void)
{
    static const char *const files[] = {
        "zip_types",      "zip_strided",    "zip_module",        "zip_parameters",
        "zip_checkpoint", "zip_protocol3",  "zip_unchecked",     "zip_big_endian",
        "zip_plain",      "stream_types",   "stream_strided",    "stream_module",
        "stream_views",   "stream_python2", "stream_checkpoint", "tar",
    };
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(what_can_stay_in_the_file_stays_there),
        cmocka_unit_test(order_and_types_are_the_files),
        cmocka_unit_test(names_of_files_do_not_matter),
        cmocka_unit_test(float32_is_what_conversion_leaves),
    };
    enum { FILES = sizeof files / sizeof *files };
    struct CMUnitTest tests[FILES + sizeof others / sizeof *others];
    for (size_t i = 0; i < FILES; i++)
        tests[i] = (struct CMUnitTest){files[i], elements_are_those_pytorch_reads, NULL, NULL,
                                       (void *)(uintptr_t)files[i]};
    memcpy(tests + FILES, others, sizeof others);
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
