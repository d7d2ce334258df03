/* Tensor files: what is read from them and what is written. The expected bits are worked out by
 * hand; one file comes from the Python library. */
#include "core/weights/safetensors.h"
#include "make_safetensors.h"

#define PYTHON_FILE MVAD_TEST_DIR "/data/python.safetensors"

static int make_path(void **state)
{
    *state = scratch_path("a.safetensors");
    return 0;
}

static int remove_path(void **state)
{
    free(*state);
    return scratch_empty() < 0 ? -1 : 0;
}

static mvad_tensors *load(const char *file)
{
    mvad_error error;
    mvad_tensors *tensors = NULL;
    if (mvad_tensors_load(file, &tensors, &error)) fail_msg("%s", error.message);
    assert_int_equal(error.status, MVAD_OK);
    return tensors;
}

static mvad_tensors *create(void)
{
    mvad_tensors *tensors = NULL;
    assert_int_equal(mvad_tensors_create(&tensors, NULL), MVAD_OK);
    return tensors;
}

static void add(mvad_tensors *tensors, const char *name, int32_t rank, const int64_t *shape,
                const float *data)
{
    assert_int_equal(mvad_tensors_add(tensors, name, rank, shape, data, NULL), MVAD_OK);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The tensor is there with this shape and these bit patterns. */
static void assert_tensor(const mvad_tensors *tensors, const char *name, int32_t rank,
                          const int64_t *shape, const uint32_t *bits)
{
    mvad_error error;
    mvad_tensor_view view;
    size_t count = 1;
    if (mvad_tensors_find(tensors, name, &view, &error)) fail_msg("%s", error.message);
    assert_string_equal(view.name, name);
    assert_int_equal(view.rank, rank);
    for (int32_t i = 0; i < rank; i++) {
        assert_int_equal(view.shape[i], shape[i]);
        count *= (size_t)shape[i];
    }
    assert_int_equal(view.count, count);
    assert_non_null(view.data);
    for (size_t i = 0; i < count; i++) assert_int_equal(bits_of(view.data[i]), bits[i]);
}

/* ---- reading ---- */

static void python_file_is_read(void **state)
{
    (void)state;
    static const char *order[] = {"i64",  "f64", "empty", "f32", "größe",
                                  "bf16", "f16", "u8",    "bool"};
    mvad_error error;
    mvad_tensor_view view;
    const double *doubles;
    size_t count;
    mvad_tensors *tensors = load(PYTHON_FILE);

    assert_int_equal(mvad_tensors_count(tensors), 9);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(mvad_tensors_at(tensors, i, &view, NULL), MVAD_OK);
        assert_string_equal(view.name, order[i]);
    }
    assert_int_equal(mvad_tensors_at(tensors, 9, &view, &error), MVAD_ERROR_INVALID_ARGUMENT);
    assert_string_equal(mvad_tensors_metadata(tensors, "format"), "pt");
    assert_string_equal(mvad_tensors_metadata(tensors, "note"), "two\nlines, \"quotes\" and ü");
    assert_null(mvad_tensors_metadata(tensors, "Format"));

    assert_tensor(tensors, "f64", 2, (int64_t[]){2, 3},
                  (uint32_t[]){0x3DCCCCCD, 0xC0200000, 0x7F800000, 0, 0, 0x3EAAAAAB});
    assert_tensor(tensors, "f32", 2, (int64_t[]){2, 2},
                  (uint32_t[]){0x3DCCCCCD, 0xC0200000, 0x40400000, 0x000116C2});
    assert_tensor(tensors, "f16", 1, (int64_t[]){3},
                  (uint32_t[]){0x3F800000, 0x33800000, 0xC77FE000});
    assert_tensor(tensors, "bf16", 1, (int64_t[]){3},
                  (uint32_t[]){0x3F800000, 0x40490000, 0xFE960000});
    assert_tensor(tensors, "größe", 0, NULL, (uint32_t[]){0x42280000});
    assert_tensor(tensors, "empty", 2, (int64_t[]){0, 3}, NULL);

    assert_int_equal(tensors_find_double(tensors, "f64", &doubles, &count, NULL), MVAD_OK);
    assert_int_equal(count, 6);
    const double expected[] = {0.1, -2.5, 1e300, 5e-324, 0.0, 1.0 / 3};
    assert_memory_equal(doubles, expected, sizeof expected);
    assert_int_equal(tensors_find_double(tensors, "f32", &doubles, &count, &error),
                     MVAD_ERROR_FORMAT);
    assert_error(&error, MVAD_ERROR_FORMAT, PYTHON_FILE, "tensor 'f32' is F32, not F64");

    /* An integer tensor is listed, but has no floats. */
    assert_int_equal(mvad_tensors_at(tensors, 0, &view, NULL), MVAD_OK);
    assert_null(view.data);
    assert_int_equal(view.count, 1);
    assert_int_equal(mvad_tensors_find(tensors, "i64", &view, &error), MVAD_ERROR_FORMAT);
    assert_error(&error, MVAD_ERROR_FORMAT, PYTHON_FILE, "tensor 'i64' is I64, not a float type");
    assert_int_equal(mvad_tensors_find(tensors, "f3", &view, &error), MVAD_ERROR_FORMAT);
    assert_error(&error, MVAD_ERROR_FORMAT, PYTHON_FILE, "no tensor 'f3'");
    mvad_tensors_destroy(tensors);
    mvad_tensors_destroy(NULL);
}

/* Loads one tensor of this type and these elements from a file whose data lies `shift` bytes off an
 * 8-byte boundary. */
static mvad_tensors *load_elements(const char *path, const char *type, size_t count,
                                   const void *stored, size_t bytes, int shift)
{
    char header[128];
    int length = snprintf(header, sizeof header,
                          "{\"x\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}",
                          type, count, bytes);
    while (length % 8 != shift) header[length++] = ' ';
    write_safetensors(path, header, (size_t)length, (uint64_t)length, stored, bytes);
    return load(path);
}

static void small_floats_are_converted(void **state)
{
    const char *path = *state;
    static const uint16_t half[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3555,
                                    0x3C00, 0xC500, 0x7BFF, 0x7C00, 0xFC00, 0x7E00, 0xFC01};
    static const uint32_t half_bits[] = {0x00000000, 0x80000000, 0x33800000, 0xB3800000, 0x387FC000,
                                         0x38800000, 0x3EAAA000, 0x3F800000, 0xC0A00000, 0x477FE000,
                                         0x7F800000, 0xFF800000, 0x7FC00000, 0xFF802000};
    static const uint16_t brain[] = {0x0000, 0x8000, 0x0001, 0x3F80, 0xC0A0,
                                     0x7F7F, 0x7F80, 0xFF80, 0x7FC1};
    static const uint32_t brain_bits[] = {0x00000000, 0x80000000, 0x00010000,
                                          0x3F800000, 0xC0A00000, 0x7F7F0000,
                                          0x7F800000, 0xFF800000, 0x7FC10000};
    for (int shift = 0; shift < 2; shift++) {
        mvad_tensors *tensors = load_elements(path, "F16", 14, half, sizeof half, shift);
        assert_tensor(tensors, "x", 1, (int64_t[]){14}, half_bits);
        mvad_tensors_destroy(tensors);
        tensors = load_elements(path, "BF16", 9, brain, sizeof brain, shift);
        assert_tensor(tensors, "x", 1, (int64_t[]){9}, brain_bits);
        mvad_tensors_destroy(tensors);
    }
}

static void doubles_are_rounded_to_nearest(void **state)
{
    const char *path = *state;
    static const uint64_t stored[] = {
        0x3FF0000010000000, 0x3FF0000010000001,
        0x3FF0000030000000,                     /* 1 + 2^-24, a tie; a bit more; 1 + 3 * 2^-24 */
        0x47EFFFFFEFFFFFFF, 0x47EFFFFFF0000000, /* below and at the limit that rounds to infinity */
        0x36A0000000000000, 0x3690000000000000,
        0x3690000000000001, /* 2^-149; 2^-150, a tie; a bit more */
        0x8000000000000000, 0xFFF0000000000000,
        0xC000000000000000};
    static const uint32_t bits[] = {0x3F800000, 0x3F800001, 0x3F800002, 0x7F7FFFFF,
                                    0x7F800000, 0x00000001, 0x00000000, 0x00000001,
                                    0x80000000, 0xFF800000, 0xC0000000};
    const double *doubles;
    size_t count;
    for (int shift = 0; shift < 8; shift++) {
        mvad_tensors *tensors = load_elements(path, "F64", 11, stored, sizeof stored, shift);
        assert_tensor(tensors, "x", 1, (int64_t[]){11}, bits);
        assert_int_equal(tensors_find_double(tensors, "x", &doubles, &count, NULL), MVAD_OK);
        assert_int_equal((uintptr_t)doubles % sizeof *doubles, 0);
        assert_memory_equal(doubles, stored, sizeof stored);
        mvad_tensors_destroy(tensors);
    }
}

static void floats_are_read_at_any_offset(void **state)
{
    const char *path = *state;
    static const uint32_t bits[] = {0x3F800000, 0x80000000, 0x7FC00001, 0x00000001};
    for (int shift = 0; shift < 8; shift++) {
        mvad_tensors *tensors = load_elements(path, "F32", 4, bits, sizeof bits, shift);
        mvad_tensor_view view;
        assert_tensor(tensors, "x", 1, (int64_t[]){4}, bits);
        assert_int_equal(mvad_tensors_find(tensors, "x", &view, NULL), MVAD_OK);
        assert_int_equal((uintptr_t)view.data % sizeof *view.data, 0);
        /* Aligned data is used where it lies. */
        bool is_mapped = (const uint8_t *)view.data >= tensors->mapping.data &&
                         (const uint8_t *)view.data < tensors->mapping.data + tensors->mapping.size;
        assert_int_equal(is_mapped, shift % 4 == 0);
        mvad_tensors_destroy(tensors);
    }
}

static void tensors_may_lie_in_another_order_than_the_header(void **state)
{
    const char *path = *state;
    static const char header[] =
        "{\"b\" : {\"shape\":[1],\"data_offsets\":[4,8],\"dtype\":\"F32\"},\n"
        "\t\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
        "\"e\":{\"dtype\":\"I8\",\"shape\":[0,9007199254740992],\"data_offsets\":[4,4]},"
        "\"\\u00e4\\ud83d\\ude00\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[8,12]}}   ";
    static const uint32_t data[] = {0x3F800000, 0x40000000, 0};
    mvad_tensor_view view;
    write_safetensors(path, header, sizeof header - 1, sizeof header - 1, data, sizeof data);
    mvad_tensors *tensors = load(path);
    assert_tensor(tensors, "a", 0, NULL, &data[0]);
    assert_tensor(tensors, "b", 1, (int64_t[]){1}, &data[1]);
    assert_int_equal(mvad_tensors_at(tensors, 0, &view, NULL), MVAD_OK);
    assert_string_equal(view.name, "b");
    assert_int_equal(mvad_tensors_at(tensors, 3, &view, NULL), MVAD_OK);
    assert_string_equal(view.name, "\xC3\xA4\xF0\x9F\x98\x80");
    mvad_tensors_destroy(tensors);
}

/* ---- writing ---- */

static void written_bytes_are_the_format(void **state)
{
    const char *path = *state;
    static const char header[] =
        "{\"__metadata__\":{\"a\":\"1\\n\\\"\",\"k\":\"v\"},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[4,12]},"
        "\"c\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[12,12]}}";
    static const float values[] = {1.0f, -0.0f, 2.0f};
    uint8_t expected[256] = {0};
    size_t length = sizeof header - 1, padded = (length + 7) / 8 * 8, size;

    expected[0] = (uint8_t)padded;
    memset(expected + 8, ' ', padded);
    memcpy(expected + 8, header, length);
    memcpy(expected + 8 + padded, values, sizeof values);

    for (int order = 0; order < 2; order++) { /* the order of adding leaves no trace */
        mvad_tensors *tensors = create();
        if (order) add(tensors, "c", 1, (int64_t[]){0}, NULL);
        add(tensors, order ? "a" : "b", order ? 0 : 2, (int64_t[]){2, 1}, values + (order ? 0 : 1));
        add(tensors, order ? "b" : "a", order ? 2 : 0, (int64_t[]){2, 1}, values + (order ? 1 : 0));
        if (!order) add(tensors, "c", 1, (int64_t[]){0}, NULL);
        mvad_tensors_set_metadata(tensors, order ? "a" : "k", order ? "1\n\"" : "old", NULL);
        mvad_tensors_set_metadata(tensors, order ? "k" : "a", order ? "v" : "1\n\"", NULL);
        assert_int_equal(mvad_tensors_set_metadata(tensors, "k", "v", NULL), MVAD_OK);
        assert_int_equal(mvad_tensors_save(tensors, path, NULL), MVAD_OK);
        mvad_tensors_destroy(tensors);

        uint8_t *bytes = read_bytes(path, &size);
        assert_int_equal(size, 8 + padded + sizeof values);
        assert_memory_equal(bytes, expected, size);
        free(bytes);
    }
    assert_int_equal(scratch_empty(), 1);
}

static void everything_survives_a_round_trip(void **state)
{
    const char *path = *state;
    static const float added = 7.5f;
    static const char *order[] = {"f64",   "i64",  "added", "empty", "f32",
                                  "größe", "bf16", "f16",   "bool",  "u8"};
    mvad_tensor_view view;
    const double *doubles, *before;
    size_t count, size, second_size;

    mvad_tensors *tensors = load(PYTHON_FILE);
    add(tensors, "added", 0, NULL, &added);
    assert_int_equal(mvad_tensors_save(tensors, path, NULL), MVAD_OK);
    mvad_tensors *copy = load(path);
    assert_int_equal(mvad_tensors_count(copy), 10);
    assert_tensor(copy, "added", 0, NULL, (uint32_t[]){0x40F00000});
    assert_string_equal(mvad_tensors_metadata(copy, "note"),
                        mvad_tensors_metadata(tensors, "note"));
    for (size_t i = 0; i < tensors->count; i++) { /* integer tensors too */
        const struct tensor *from = &tensors->items[i];
        for (size_t k = 0; k < copy->count; k++) {
            const struct tensor *to = &copy->items[k];
            if (strcmp(from->name, to->name) != 0) continue;
            assert_int_equal(from->type, to->type);
            assert_int_equal(from->rank, to->rank);
            assert_memory_equal(from->shape, to->shape, sizeof from->shape);
            assert_int_equal(from->bytes, to->bytes);
            if (from->bytes) assert_memory_equal(from->stored, to->stored, from->bytes);
        }
        assert_int_equal(mvad_tensors_at(copy, i, &view, NULL), MVAD_OK);
        assert_string_equal(view.name, order[i]); /* wide types first, then by name */
    }
    assert_int_equal(tensors_find_double(tensors, "f64", &before, &count, NULL), MVAD_OK);

    /* A set may be saved over the file it came from, and lives on. */
    uint8_t *first = read_bytes(path, &size);
    assert_int_equal(mvad_tensors_save(copy, path, NULL), MVAD_OK);
    uint8_t *second = read_bytes(path, &second_size);
    assert_int_equal(size, second_size);
    assert_memory_equal(first, second, size);
    assert_int_equal(tensors_find_double(copy, "f64", &doubles, &count, NULL), MVAD_OK);
    assert_memory_equal(doubles, before, count * sizeof *doubles);
    free(first);
    free(second);
    mvad_tensors_destroy(copy);
    mvad_tensors_destroy(tensors);

    tensors = create(); /* nothing at all is a valid file */
    assert_int_equal(mvad_tensors_save(tensors, path, NULL), MVAD_OK);
    mvad_tensors_destroy(tensors);
    tensors = load(path);
    assert_int_equal(mvad_tensors_count(tensors), 0);
    mvad_tensors_destroy(tensors);
}

/* Whether some mapping of this process is of this file; skips the test where that cannot be told.
 * */
static bool is_mapped_file(const char *path)
{
    char line[1024];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (!maps) skip();
    while (!found && fgets(line, sizeof line, maps)) found = strstr(line, path) != NULL;
    fclose(maps);
    return found;
}

static void a_destroyed_set_lets_its_file_go(void **state)
{
    const char *path = *state;
    mvad_tensors *tensors = load_elements(path, "F32", 1, "\0\0\0\0", 4, 0);
    assert_true(is_mapped_file(path));
    mvad_tensors_destroy(tensors);
    assert_false(is_mapped_file(path));
    write_bytes(path, "{", 1);
    assert_load_fails(path, MVAD_ERROR_FORMAT, "too few");
    assert_false(is_mapped_file(path));
}

static void what_cannot_be_written_is_not_added(void **state)
{
    (void)state;
    static const float value = 1.0f;
    static const struct {
        const char *name;
        int32_t rank;
        int64_t shape[2];
        const char *what;
    } cases[] = {
        {"a", 0, {0}, "'a' is already in the set"},
        {"__metadata__", 0, {0}, "cannot be named"},
        {"\xFF", 0, {0}, "not UTF-8 at byte 0"},
        {"x\n", 0, {0}, "control character"},
        {"b", 9, {1, 1}, "rank 9"},
        {"b", -1, {1, 1}, "rank -1"},
        {"b", 1, {-1}, "shape [-1]"},
        {"b", 2, {INT64_C(1) << 40, INT64_C(1) << 40}, "too large"},
        {"b", 2, {(INT64_C(1) << 53) + 1, 0}, "too large"},
    };
    mvad_error error;
    mvad_tensors *tensors = create();
    add(tensors, "a", 0, NULL, &value);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            mvad_tensors_add(tensors, cases[i].name, cases[i].rank, cases[i].shape, &value, &error),
            MVAD_ERROR_INVALID_ARGUMENT);
        assert_error(&error, MVAD_ERROR_INVALID_ARGUMENT, "", cases[i].what);
        assert_int_equal(mvad_tensors_count(tensors), 1);
    }
    assert_int_equal(mvad_tensors_set_metadata(tensors, "k", "\xC0\x80", &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_int_equal(mvad_tensors_set_metadata(tensors, "\x7F", "v", &error),
                     MVAD_ERROR_INVALID_ARGUMENT);
    assert_null(mvad_tensors_metadata(tensors, "k"));
    mvad_tensors_destroy(tensors);
}

#define WITH_PATH(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(python_file_is_read),
        WITH_PATH(small_floats_are_converted),
        WITH_PATH(doubles_are_rounded_to_nearest),
        WITH_PATH(floats_are_read_at_any_offset),
        WITH_PATH(tensors_may_lie_in_another_order_than_the_header),
        WITH_PATH(written_bytes_are_the_format),
        WITH_PATH(everything_survives_a_round_trip),
        WITH_PATH(a_destroyed_set_lets_its_file_go),
        cmocka_unit_test(what_cannot_be_written_is_not_added),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
