/* Broken tensor files: each rule of the format, broken alone, is refused with a line that says what
 * is wrong. */
#include "core/weights/safetensors.h"
#include "make_safetensors.h"

#define PYTHON_FILE MVAD_TEST_DIR "/data/python.safetensors"

#define TEXT(s) (s), sizeof(s) - 1
#define F32(shape, offsets) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE F32("[1]", "[0,4]")
#define NEST8 "[[[[[[[["

/* A header, zeros for data, and what the message says. */
struct broken {
    const char *name;
    const char *header;
    size_t header_bytes;
    size_t data_bytes;
    const char *what;
};

static const struct broken cases[] = {
    {"header does not start with a brace", TEXT(" {\"a\":" ONE "}"), 4, "does not start with '{'"},
    {"header is not UTF-8", TEXT("{\"\xFF\":" ONE "}"), 4, "byte 2 of the header is not UTF-8"},
    {"overlong UTF-8", TEXT("{\"\xC0\xAF\":" ONE "}"), 4, "byte 2 of the header is not UTF-8"},
    {"overlong UTF-8 of three bytes", TEXT("{\"\xE0\x9F\xBF\":" ONE "}"), 4,
     "byte 2 of the header is not UTF-8"},
    {"overlong UTF-8 of four bytes", TEXT("{\"\xF0\x8F\xBF\xBF\":" ONE "}"), 4,
     "byte 2 of the header is not UTF-8"},
    {"surrogate in UTF-8", TEXT("{\"\xED\xA0\x80\":" ONE "}"), 4,
     "byte 2 of the header is not UTF-8"},
    {"UTF-8 above U+10FFFF", TEXT("{\"\xF4\x90\x80\x80\":" ONE "}"), 4,
     "byte 2 of the header is not UTF-8"},
    {"UTF-8 cut off", TEXT("{\"a\":" ONE "}\xC3"), 4, "is not UTF-8"},
    {"invalid JSON", TEXT("{\"a\":" ONE ",}"), 4, "not valid JSON"},
    {"JSON never ends", TEXT("{\"a\":" ONE), 4, "not valid JSON"},
    {"JSON ends after a comma", TEXT("{\"a\":" ONE ","), 4, "not valid JSON"},
    {"string never ends", TEXT("{\"a"), 0, "ends inside a string"},
    {"escape never ends", TEXT("{\"a\\"), 0, "ends inside a string"},
    {"bad escape", TEXT("{\"\\x\":" ONE "}"), 4, "not valid JSON"},
    {"bad hexadecimal escape", TEXT("{\"\\u00g0\":" ONE "}"), 4, "is not a JSON escape"},
    {"hexadecimal escape never ends", TEXT("{\"\\u00"), 0, "is not a JSON escape"},
    {"lone surrogate escape", TEXT("{\"\\ud800\":" ONE "}"), 4, "not valid JSON"},
    {"trailing garbage", TEXT("{\"a\":" ONE "}  x"), 4, "follows its end"},
    {"second object", TEXT("{\"a\":" ONE "}{}"), 4, "follows its end"},
    {"trailing line feed", TEXT("{\"a\":" ONE "} \n"), 4, "follows its end"},
    {"NUL after the header", TEXT("{\"a\":" ONE "}\0"), 4, "is a control character"},
    {"NUL in a name", TEXT("{\"a\0b\":" ONE "}"), 4, "is a control character"},
    {"line feed in a name", TEXT("{\"a\nb\":" ONE "}"), 4, "is a control character"},
    {"escaped NUL in a name", TEXT("{\"a\\u0000b\":" ONE "}"), 4, "is an escaped NUL"},
    {"escaped control character in a name", TEXT("{\"a\\u0007b\":" ONE "}"), 4,
     "name has a control character"},
    {"escaped line feed in a name", TEXT("{\"a\\nb\":" ONE "}"), 4, "name has a control character"},
    {"C1 control character in a name", TEXT("{\"a\\u0085b\":" ONE "}"), 4,
     "name has a control character"},
    {"deep nesting", TEXT("{\"a\":" NEST8 NEST8 NEST8), 0, "is nested too deep"},
    {"tensor twice", TEXT("{\"a\":" ONE ",\"b\":" F32("[1]", "[4,8]") ",\"\\u0061\":" ONE "}"), 8,
     "names 'a' twice"},
    {"metadata twice", TEXT("{\"__metadata__\":{},\"__metadata__\":{}}"), 0,
     "names '__metadata__' twice"},
    {"metadata key twice", TEXT("{\"__metadata__\":{\"k\":\"v\",\"l\":\"v\",\"k\":\"w\"}}"), 0,
     "'k' twice"},
    {"metadata not an object", TEXT("{\"__metadata__\":[\"k\",\"v\"]}"), 0,
     "__metadata__ is not a JSON object"},
    {"metadata value not a string", TEXT("{\"__metadata__\":{\"k\":5}}"), 0,
     "value of 'k' is not a string"},
    {"metadata key with control character", TEXT("{\"__metadata__\":{\"\\t\":\"\"}}"), 0,
     "control character"},
    {"escaped NUL in metadata", TEXT("{\"__metadata__\":{\"k\":\"\\u0000\"}}"), 0,
     "is an escaped NUL"},
    {"entry not an object", TEXT("{\"a\":[]}"), 0, "tensor 'a': not a JSON object"},
    {"key twice",
     TEXT("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"), 4,
     "tensor 'a': key 'dtype' twice"},
    {"unknown key",
     TEXT("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"Shape\":[1]}}"), 4,
     "tensor 'a': unknown key 'Shape'"},
    {"no dtype", TEXT("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}"), 4,
     "tensor 'a': no 'dtype'"},
    {"no shape", TEXT("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}"), 4,
     "tensor 'a': no 'shape'"},
    {"no offsets", TEXT("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}"), 4,
     "tensor 'a': no 'data_offsets'"},
    {"dtype not a string", TEXT("{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}"), 4,
     "dtype is not a string"},
    {"unknown dtype", TEXT("{\"a\":{\"dtype\":\"F8_E5M2\",\"shape\":[4],\"data_offsets\":[0,4]}}"),
     4, "tensor 'a': unknown dtype 'F8_E5M2'"},
    {"shape not an array", TEXT("{\"a\":" F32("1", "[0,4]") "}"), 4,
     "tensor 'a': shape is not an array"},
    {"shape of strings", TEXT("{\"a\":" F32("[\"1\"]", "[0,4]") "}"), 4,
     "tensor 'a': shape is not an array"},
    {"nested shape", TEXT("{\"a\":" F32("[[1]]", "[0,4]") "}"), 4,
     "tensor 'a': shape is not an array"},
    {"rank 9", TEXT("{\"a\":" F32("[1,1,1,1,1,1,1,1,1]", "[0,4]") "}"), 4, "more than 8 dimensions"},
    {"fraction", TEXT("{\"a\":" F32("[1.5]", "[0,6]") "}"), 6, "not a non-negative integer"},
    {"whole number with a point", TEXT("{\"a\":" F32("[1.0]", "[0,4]") "}"), 4,
     "not a non-negative integer"},
    {"exponent", TEXT("{\"a\":" F32("[1e0]", "[0,4]") "}"), 4, "not a non-negative integer"},
    {"negative number", TEXT("{\"a\":" F32("[-1]", "[0,4]") "}"), 4, "not a non-negative integer"},
    {"negative zero", TEXT("{\"a\":" F32("[-0]", "[0,0]") "}"), 0, "not a non-negative integer"},
    {"leading zero", TEXT("{\"a\":" F32("[01]", "[0,4]") "}"), 4, "leading zero"},
    {"number above 2^53", TEXT("{\"a\":" F32("[9007199254740993]", "[0,4]") "}"), 4, "above 2^53"},
    {"number above 2^64", TEXT("{\"a\":" F32("[18446744073709551617]", "[0,4]") "}"), 4,
     "above 2^53"},
    {"shape product overflows", TEXT("{\"a\":" F32("[4294967296,4294967296,1]", "[0,0]") "}"), 0,
     "tensor 'a': the size of shape [4294967296,4294967296,1] overflows"},
    {"size in bytes overflows", TEXT("{\"a\":" F32("[4294967296,1073741824]", "[0,0]") "}"), 0,
     "overflows"},
    {"offsets not an array", TEXT("{\"a\":" F32("[1]", "4") "}"), 4,
     "data_offsets are not two integers"},
    {"one offset", TEXT("{\"a\":" F32("[1]", "[4]") "}"), 4, "data_offsets are not two integers"},
    {"three offsets", TEXT("{\"a\":" F32("[1]", "[0,4,8]") "}"), 4,
     "data_offsets are not two integers"},
    {"offset not a number", TEXT("{\"a\":" F32("[1]", "[0,null]") "}"), 4,
     "data_offsets are not two integers"},
    {"offsets backwards", TEXT("{\"a\":" F32("[1]", "[4,0]") "}"), 4,
     "data_offsets [4, 0) do not match"},
    {"offsets too few bytes", TEXT("{\"a.b\":" F32("[2,3]", "[0,16]") "}"), 16,
     ": tensor 'a.b': data_offsets [0, 16) do not match shape [2,3] of F32 (24 bytes)"},
    {"offsets too many bytes", TEXT("{\"a\":" F32("[1]", "[0,8]") "}"), 8,
     "do not match shape [1] of F32 (4 bytes)"},
    {"hole at the start", TEXT("{\"a\":" F32("[1]", "[4,8]") "}"), 8,
     "tensor 'a': data_offsets [4, 8) leave a hole from byte 0"},
    {"hole between", TEXT("{\"a\":" ONE ",\"b\":" F32("[1]", "[8,12]") "}"), 12,
     "tensor 'b': data_offsets [8, 12) leave a hole from byte 4"},
    {"overlap", TEXT("{\"a\":" F32("[2]", "[0,8]") ",\"b\":" F32("[1]", "[4,8]") "}"), 8,
     "tensor 'b': data_offsets [4, 8) overlap other data up to byte 8"},
    {"same place twice", TEXT("{\"a\":" ONE ",\"b\":" ONE "}"), 4,
     "overlap other data up to byte 4"},
    {"data too short", TEXT("{\"a\":" F32("[2]", "[0,8]") "}"), 7,
     "describes 8 bytes of data, the file has 7: it is cut off"},
    {"data too long", TEXT("{\"a\":" ONE "}"), 5, "describes 4 bytes of data, the file has 5"},
    {"data of no tensor", TEXT("{}"), 1, "describes 0 bytes of data, the file has 1"},
};

static void rule_is_checked(void **state)
{
    const struct broken *broken = *state;
    char *path = scratch_path("broken.safetensors");
    write_safetensors(path, broken->header, broken->header_bytes, broken->header_bytes, NULL,
                      broken->data_bytes);
    assert_load_fails(path, MVAD_ERROR_FORMAT, broken->what);
    free(path);
}

/* The table's headers are broken in one place only: this one, in none, is read. */
static void unbroken_header_is_read(void **state)
{
    (void)state;
    static const char header[] =
        "{\"a\":" ONE ",\"b\":" F32("[1]", "[4,8]") ",\"__metadata__\":{\"k\":\"v\"}}";
    mvad_error error;
    mvad_tensors *tensors;
    char *path = scratch_path("good.safetensors"), padded[0x0280];
    write_safetensors(path, TEXT(header), sizeof header - 1, NULL, 8);
    if (mvad_tensors_load(path, &tensors, &error)) fail_msg("%s", error.message);
    mvad_tensors_destroy(tensors);

    /* A header of 0x0280 bytes starts the file as a pickle starts: it is no pickle for that. */
    memset(padded, ' ', sizeof padded);
    memcpy(padded, TEXT(header));
    write_safetensors(path, padded, sizeof padded, sizeof padded, NULL, 8);
    if (mvad_tensors_load(path, &tensors, &error)) fail_msg("%s", error.message);
    mvad_tensors_destroy(tensors);
    free(path);
}

static void header_length_is_checked(void **state)
{
    (void)state;
    static const char header[] = "{\"a\":" ONE "}";
    static const struct {
        uint64_t declared;
        const char *what;
    } lengths[] = {
        {0, "does not start with '{'"},
        {sizeof header - 2, "not valid JSON"},
        {sizeof header + 3 + 1, "the header should have"},
        {100000000, "the header should have 100000000 bytes"},
        {100000001, "header would have 100000001 bytes, more than 100000000"},
        {UINT64_MAX, "more than 100000000"},
        {UINT64_MAX - 7, "more than 100000000"},
    };
    char *path = scratch_path("broken.safetensors");
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        write_safetensors(path, TEXT(header), lengths[i].declared, NULL, 4);
        assert_load_fails(path, MVAD_ERROR_FORMAT, lengths[i].what);
    }
    free(path);
}

/* A header that ends inside a character or an escape, which the data behind it would complete. */
static void nothing_is_read_past_the_header(void **state)
{
    (void)state;
    char *path = scratch_path("broken.safetensors");
    write_safetensors(path, TEXT("{\"\xF0\x9F\x98"), 5, "\x80\":{}}", 6);
    assert_load_fails(path, MVAD_ERROR_FORMAT, "byte 2 of the header is not UTF-8");
    write_safetensors(path, TEXT("{\"\\u00"), 6, "e4\":{}}", 7);
    assert_load_fails(path, MVAD_ERROR_FORMAT, "is not a JSON escape");
    free(path);
}

static void other_files_are_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *what;
    } files[] = {
        {TEXT(""), "the file is empty"},
        {TEXT("\2\0\0\0\0\0\0"), "7 bytes are too few"},
        {TEXT("\2\0\0\0\0\0\0\0"), "the header should have 2 bytes, only 0 follow"},
        {TEXT("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
         "a Git LFS pointer"},
        {TEXT("<!DOCTYPE html>\n<html>"), "an HTML page"},
        {TEXT("\n <HTML><head>"), "an HTML page"},
        {TEXT("\x80\2}q\0X\1\0\0\0aK\1s."), "a pickle, but not of torch.save"},
        {TEXT("some text that is none of these"), "neither a PyTorch nor a safetensors file"},
    };
    char *path = scratch_path("broken.safetensors");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        write_bytes(path, files[i].bytes, files[i].size);
        assert_load_fails(path, MVAD_ERROR_FORMAT, files[i].what);
    }
    free(path);
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = read_bytes(PYTHON_FILE, &size);
    char *path = scratch_path("broken.safetensors");
    for (size_t cut = 0; cut < size; cut++) {
        write_bytes(path, bytes, cut);
        assert_load_fails(path, MVAD_ERROR_FORMAT, "");
        assert_int_equal(mvad_tensors_load(path, &(mvad_tensors *){NULL}, NULL), MVAD_ERROR_FORMAT);
    }
    bytes = realloc(bytes, size + 1);
    assert_non_null(bytes);
    bytes[size] = 0;
    write_bytes(path, bytes, size + 1);
    assert_load_fails(path, MVAD_ERROR_FORMAT, "describes 93 bytes of data, the file has 94");
    free(path);
    free(bytes);
}

/* A changed byte is either refused, or the file means something else that is read in full. */
static void a_changed_byte_does_no_harm(void **state)
{
    (void)state;
    static const uint8_t changes[] = {0x01, 0x02, 0x20, 0x80, 0xFF};
    size_t size, refused = 0;
    uint8_t *bytes = read_bytes(PYTHON_FILE, &size);
    size_t header_end = 8 + bytes[0] + 256u * bytes[1];
    char *path = scratch_path("broken.safetensors");
    for (size_t i = 0; i < header_end; i++) {
        for (size_t k = 0; k < sizeof changes; k++) {
            mvad_error error;
            mvad_tensors *tensors;
            double sum = 0;
            bytes[i] ^= changes[k];
            write_bytes(path, bytes, size);
            bytes[i] ^= changes[k];
            if (mvad_tensors_load(path, &tensors, &error)) {
                assert_error(&error, MVAD_ERROR_FORMAT, path, "");
                refused++;
                continue;
            }
            for (size_t t = 0; t < mvad_tensors_count(tensors); t++) {
                mvad_tensor_view view;
                assert_int_equal(mvad_tensors_at(tensors, t, &view, NULL), MVAD_OK);
                for (size_t e = 0; view.data && e < view.count; e++) sum += view.data[e] != 0;
            }
            assert_true(sum <= 21); /* the values of the file's float tensors */
            mvad_tensors_destroy(tensors);
        }
    }
    assert_true(refused > header_end * sizeof changes / 2);
    free(path);
    free(bytes);
}

int main(void)
{
    enum { TABLE = sizeof cases / sizeof cases[0] };
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(unbroken_header_is_read),
        cmocka_unit_test(header_length_is_checked),
        cmocka_unit_test(nothing_is_read_past_the_header),
        cmocka_unit_test(other_files_are_recognised),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_changed_byte_does_no_harm),
    };
    struct CMUnitTest tests[TABLE + sizeof others / sizeof others[0]];
    for (size_t i = 0; i < TABLE; i++)
        tests[i] = (struct CMUnitTest){cases[i].name, rule_is_checked, NULL, NULL,
                                       (void *)(uintptr_t)&cases[i]};
    memcpy(tests + TABLE, others, sizeof others);
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
