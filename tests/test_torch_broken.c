/* Broken and hostile files of torch.save: each rule broken alone is refused with a line that says what
 * is wrong; no file cut off or changed anywhere does harm. */
#include "core/weights/safetensors.h"
#include "make_torch.h"

#define TEXT(s) (s), sizeof(s) - 1

/* A file's bytes in memory of their own, so that a byte read past them is seen by the sanitizer. */
static mvad_status read_exactly(const uint8_t *data, size_t size, mvad_tensors **tensors,
                                mvad_error *error)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    assert_int_equal(mvad_tensors_create(tensors, NULL), MVAD_OK);
    mvad_status status = tensors_read_bytes("f.pth", copy, size, *tensors, error);
    double sum = 0;
    for (size_t i = 0; !status && i < (*tensors)->count; i++) {
        const struct tensor *tensor = &(*tensors)->items[i];
        for (size_t e = 0; tensor->values && e < tensor->count; e++) sum += tensor->values[e] != 0;
    }
    assert_true(sum < 1e6);
    mvad_tensors_destroy(*tensors);
    free(copy);
    return status;
}

static void assert_refused(const uint8_t *data, size_t size, const char *what)
{
    mvad_error error = {0};
    mvad_tensors *tensors;
    assert_int_equal(read_exactly(data, size, &tensors, &error), MVAD_ERROR_FORMAT);
    assert_error(&error, MVAD_ERROR_FORMAT, "f.pth: ", what);
}

/* ---- pickles, in an old stream ---- */

/* Two floats under the key "a", and the id of that storage. */
#define KEYS "\x80\2]U\1aa."
#define REST KEYS "\2\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\x40"
#define STORAGE_OF(class, key, count) "(U\7storage" class "U\1" key "U\3cpu" count "tQ"
#define FLOATS "ctorch\nFloatStorage\n"
#define STORAGE STORAGE_OF(FLOATS, "a", "K\2")
#define REBUILD "ctorch._utils\n_rebuild_tensor\n"
#define TENSOR(offset, sizes, strides) REBUILD "(" STORAGE offset sizes strides "tR"
#define GOOD TENSOR("K\0", "K\2\x85", "K\1\x85")
#define DICT(name, tensor) "\x80\2}" name tensor "s."
#define ORDERED "ccollections\nOrderedDict\n"
#define PARAMETER "ctorch.nn.parameter\nParameter\n"
#define HUGE_SIZE "\x8a\4\xff\xff\xff\x7f"

struct broken {
    const char *name;
    const char *pickle;
    size_t pickle_size;
    const char *rest;
    size_t rest_size;
    const char *what;
};

static const struct broken pickles[] = {
    {"a function", TEXT("\x80\2cos\nsystem\nU\2ls\x85R."), TEXT(REST), "needs os.system, which"},
    {"a builtin", TEXT("\x80\2cbuiltins\neval\n."), TEXT(REST), "needs builtins.eval"},
    {"a builtin of Python 2", TEXT("\x80\2c__builtin__\nset\n."), TEXT(REST),
     "needs __builtin__.set"},
    {"a class of a network", TEXT("\x80\2ctorchvision.models.resnet\nResNet\n)\x81."), TEXT(REST),
     "needs torchvision.models.resnet.ResNet"},
    {"a type of storage that is not read", TEXT("\x80\2ctorch\nQInt8Storage\n."), TEXT(REST),
     "needs torch.QInt8Storage"},
    {"a longer name", TEXT("\x80\2ctorch\nFloatStorages\n."), TEXT(REST),
     "needs torch.FloatStorages"},
    {"a name of another module", TEXT("\x80\2cnumpy\nFloatStorage\n."), TEXT(REST),
     "needs numpy.FloatStorage"},
    {"a name with control characters", TEXT("\x80\2ctor\x1b[2J\nx\n."), TEXT(REST),
     "other than printable ASCII"},
    {"a name cut off", TEXT("\x80\2ctorch\nFloat"), TEXT(""), "GLOBAL is cut off"},
    {"protocol 4", TEXT("\x80\4\x95\1\0\0\0\0\0\0\0}."), TEXT(REST), "opcode FRAME, which no"},
    {"a name from the stack", TEXT("\x80\2U\2osU\6system\x93."), TEXT(REST), "opcode STACK_GLOBAL"},
    {"an instance", TEXT("\x80\2(ios\nsystem\n."), TEXT(REST), "opcode INST"},
    {"an object", TEXT("\x80\2(cos\nsystem\no."), TEXT(REST), "needs os.system"},
    {"an extension", TEXT("\x80\2\x82\1."), TEXT(REST), "opcode EXT1"},
    {"a text id", TEXT("\x80\2Pabc\n."), TEXT(REST), "opcode PERSID"},
    {"no opcode", TEXT("\x80\2\xff."), TEXT(REST), "0xff is no opcode"},
    {"protocol 1", TEXT("\x80\1}."), TEXT(REST), "protocol 1; known: 2 to 5"},
    {"protocol 6", TEXT("\x80\6}."), TEXT(REST), "protocol 6; known: 2 to 5"},
    {"no end", TEXT("\x80\2}"), TEXT(""), "the pickle is cut off"},
    {"a text cut off", TEXT("\x80\2X\5\0\0\0abc"), TEXT(""), "BINUNICODE is cut off"},
    {"a text's length cut off", TEXT("\x80\2X\5\0"), TEXT(""), "BINUNICODE is cut off"},
    {"a long text", TEXT("\x80\2X\1\0\x10\0"), TEXT(REST), "a text of 1048577 bytes, more than"},
    {"a float cut off", TEXT("\x80\2G\1\2"), TEXT(""), "BINFLOAT is cut off"},
    {"an integer cut off", TEXT("\x80\2J\1\2"), TEXT(""), "BININT is cut off"},
    {"a long integer", TEXT("\x80\2\x8a\x09\1\1\1\1\1\1\1\1\1."), TEXT(REST),
     "an integer of 9 bytes"},
    {"a long integer cut off", TEXT("\x80\2\x8a\5\1\1"), TEXT(""), "LONG1 is cut off"},
    {"a call on nothing", TEXT("\x80\2R."), TEXT(REST), "REDUCE without a value"},
    {"a call across a mark", TEXT("\x80\2}()R."), TEXT(REST), "REDUCE without a value"},
    {"a tuple without a mark", TEXT("\x80\2NNt."), TEXT(REST), "TUPLE without a mark"},
    {"a tuple of too few", TEXT("\x80\2NN\x87."), TEXT(REST), "TUPLE3 without a value"},
    {"a key without a value", TEXT("\x80\2}(Nu."), TEXT(REST), "SETITEMS of a key without"},
    {"items of a list", TEXT("\x80\2]NNs."), TEXT(REST), "SETITEM on something that is no"},
    {"entries of a dictionary", TEXT("\x80\2}(Ne."), TEXT(REST), "APPENDS on something that is no"},
    {"no result", TEXT("\x80\2."), TEXT(REST), "STOP without a value"},
    {"a mark as the result", TEXT("\x80\2(."), TEXT(REST), "STOP without a value"},
    {"two results", TEXT("\x80\2}}."), TEXT(REST), "more than one value"},
    {"a memo of nothing", TEXT("\x80\2q\0."), TEXT(REST), "BINPUT without a value"},
    {"a memo place far away", TEXT("\x80\2}r\xff\xff\xff\xff."), TEXT(REST),
     "memo place 4294967295 behind 0"},
    {"an empty memo place", TEXT("\x80\2h\7."), TEXT(REST), "memo place 7 is empty"},
    {"a memo place passed over", TEXT("\x80\2}q\5h\4."), TEXT(REST), "memo place 4 is empty"},
    {"arguments no tuple", TEXT("\x80\2" ORDERED "}R."), TEXT(REST),
     "REDUCE with arguments that are no tuple"},
    {"a call of a text", TEXT("\x80\2U\1a)R."), TEXT(REST), "a call of something that makes no"},
    {"a call of a class", TEXT("\x80\2" FLOATS ")R."), TEXT(REST), "a call of something that"},
    {"a new dictionary", TEXT("\x80\2" ORDERED ")\x81."), TEXT(REST), "NEWOBJ of something that"},
    {"state of a list", TEXT("\x80\2]}b."), TEXT(REST), "BUILD on something that has no state"},
    {"state of a tensor", TEXT("\x80\2" GOOD "}b."), TEXT(REST), "BUILD on something that has no"},
    {"a dictionary of an integer", TEXT("\x80\2" ORDERED "K\1\x85R."), TEXT(REST),
     "OrderedDict of something not a list"},
    {"a dictionary of no pairs", TEXT("\x80\2" ORDERED "](]e\x85R."), TEXT(REST),
     "not a list of pairs"},
    {"a parameter of a text", TEXT("\x80\2" PARAMETER "U\1a\x85\x81."), TEXT(REST),
     "a Parameter of something that is no tensor"},
    {"a parameter filled with a text", TEXT("\x80\2" PARAMETER ")\x81(U\1aNNNNtb."), TEXT(REST),
     "a Parameter of something that is no tensor"},
    {"a parameter of nothing",
     TEXT("\x80\2"
          "ctorch._utils\n_rebuild_parameter\n)R."),
     TEXT(REST), "a Parameter of nothing"},
    {"a size of an integer",
     TEXT("\x80\2"
          "ctorch\nSize\nK\1\x85R."),
     TEXT(REST), "torch.Size of something not a tuple"},
    {"a tensor without a storage", TEXT("\x80\2" REBUILD "(NK\0))tR."), TEXT(REST),
     "a tensor without a storage"},
    {"a tensor of nothing", TEXT("\x80\2" REBUILD ")R."), TEXT(REST), "a tensor without a storage"},
    {"sizes of texts", TEXT(DICT("U\1w", TENSOR("K\0", "U\1a\x85", "K\1\x85"))), TEXT(REST),
     "are not integers"},
    {"sizes no tuple", TEXT(DICT("U\1w", TENSOR("K\0", "K\2", "K\1\x85"))), TEXT(REST),
     "are not integers"},
    {"sizes and strides of other numbers", TEXT(DICT("U\1w", TENSOR("K\0", "K\2\x85", ")"))),
     TEXT(REST), "are not integers"},
    {"nine dimensions",
     TEXT(DICT("U\1w",
               TENSOR("K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"))),
     TEXT(REST), "of more than 8 dimensions"},
    {"an id that is a text", TEXT("\x80\2U\1aQ."), TEXT(REST), "id that is no storage's"},
    {"an id of a module", TEXT("\x80\2(U\6moduleNNNNtQ."), TEXT(REST), "id that is no storage's"},
    {"a storage without a class", TEXT("\x80\2" STORAGE_OF("N", "a", "K\2") "."), TEXT(REST),
     "whose class, key or size is not one"},
    {"a storage of a negative size", TEXT("\x80\2" STORAGE_OF(FLOATS, "a", "J\xff\xff\xff\xff") "."),
     TEXT(REST), "whose class, key or size is not one"},
    {"a part outside of its storage",
     TEXT("\x80\2" STORAGE_OF(FLOATS, "a", "K\2U\1vK\1K\2\x87") "."), TEXT(REST),
     "a part of a storage that does not lie in it"},
    {"a part that is none", TEXT("\x80\2" STORAGE_OF(FLOATS, "a", "K\2K\1") "."), TEXT(REST),
     "a part of a storage"},
    {"no dictionary", TEXT("\x80\2]."), TEXT("\x80\2]."), "is no dictionary of tensors"},
    {"no tensors", TEXT("\x80\2}U\1aK\1s."), TEXT("\x80\2]."), "no tensors among the 1 entries"},
    {"a number as a name", TEXT(DICT("K\1", GOOD)), TEXT(REST), "whose name is no text"},
    {"a name not UTF-8", TEXT(DICT("U\1\xff", GOOD)), TEXT(REST), "name is not UTF-8"},
    {"a name with a control character", TEXT(DICT("U\1\n", GOOD)), TEXT(REST), "name is not UTF-8"},
    {"a name with a NUL", TEXT(DICT("U\3a\0b", GOOD)), TEXT(REST), "name is not UTF-8"},
    {"the metadata's name",
     TEXT(DICT("U\x0c"
               "__metadata__",
               GOOD)),
     TEXT(REST), "'__metadata__'"},
    {"an offset behind the storage", TEXT(DICT("U\1w", TENSOR("K\3", ")", ")"))), TEXT(REST),
     "tensor 'w' does not lie within its storage"},
    {"one element too many", TEXT(DICT("U\1w", TENSOR("K\1", "K\2\x85", "K\1\x85"))), TEXT(REST),
     "does not lie within its storage"},
    {"a stride too large", TEXT(DICT("U\1w", TENSOR("K\0", "K\2\x85", "K\2\x85"))), TEXT(REST),
     "does not lie within its storage"},
    {"a negative stride", TEXT(DICT("U\1w", TENSOR("K\1", "K\2\x85", "J\xff\xff\xff\xff\x85"))),
     TEXT(REST), "does not lie within its storage"},
    {"a negative offset", TEXT(DICT("U\1w", TENSOR("J\xff\xff\xff\xff", "K\2\x85", "K\1\x85"))),
     TEXT(REST), "does not lie within its storage"},
    {"a negative size", TEXT(DICT("U\1w", TENSOR("K\0", "J\xff\xff\xff\xff\x85", "K\1\x85"))),
     TEXT(REST), "a size is negative"},
    {"sizes that overflow",
     TEXT(DICT("U\1w", TENSOR("K\0", HUGE_SIZE HUGE_SIZE HUGE_SIZE "\x87", "K\0K\0K\0\x87"))),
     TEXT(REST), "all are too large"},
    {"a stride that overflows",
     TEXT(DICT("U\1w", TENSOR("K\0", "K\3\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85"))),
     TEXT(REST), "does not lie within its storage"},
    {"an element repeated too often", TEXT(DICT("U\1w", TENSOR("K\0", HUGE_SIZE "\x85", "K\0\x85"))),
     TEXT(REST), "repeat its elements too often"},
    {"keys no list", TEXT(DICT("U\1w", GOOD)), TEXT("\x80\2}."), "keys of the storages are no list"},
    {"a key no text", TEXT(DICT("U\1w", GOOD)), TEXT("\x80\2]K\1a."), "key that is no text"},
    {"a key of no storage", TEXT(DICT("U\1w", GOOD)), TEXT("\x80\2]U\1ba."),
     "storage 'b' belongs to no tensor"},
    {"a key missing", TEXT(DICT("U\1w", GOOD)), TEXT("\x80\2]."), "storage 'a' is not in the file"},
    {"a key twice", TEXT(DICT("U\1w", GOOD)),
     TEXT("\x80\2](U\1aU\1ae.\2\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\x40"), "is listed twice"},
    {"another size", TEXT(DICT("U\1w", GOOD)), TEXT(KEYS "\3\0\0\0\0\0\0\0"),
     "storage 'a' has 3 elements, not 2"},
    {"elements cut off", TEXT(DICT("U\1w", GOOD)), TEXT(KEYS "\2\0\0\0\0\0\0\0\0\0\x80\x3f"),
     "storage 'a' is cut off"},
    {"no elements", TEXT(DICT("U\1w", GOOD)), TEXT(KEYS "\2\0\0"), "cut off before storage 'a'"},
    {"a storage of two types",
     TEXT("\x80\2}U\1w" GOOD "sU\1v" STORAGE_OF("ctorch\nHalfStorage\n", "a", "K\2") "s."),
     TEXT(REST), "storage 'a' has two types or sizes"},
};

static void pickle_is_refused(void **state)
{
    const struct broken *broken = *state;
    struct bytes bytes =
        make_stream(broken->pickle, broken->pickle_size, broken->rest, broken->rest_size);
    assert_refused(bytes.data, bytes.size, broken->what);
    free(bytes.data);
}

/* So that the refusals above are those of what is wrong in them. */
static void unbroken_pickle_is_read(void **state)
{
    (void)state;
    mvad_tensors *tensors;
    mvad_error error;
    struct bytes bytes = make_stream(TEXT(DICT("U\1w", GOOD)), TEXT(REST));
    if (read_exactly(bytes.data, bytes.size, &tensors, &error)) fail_msg("%s", error.message);
    free(bytes.data);
}

static void stream_needs_its_facts(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *what;
    } heads[] = {
        {TEXT("\x80\2M\xea\3."), "another protocol than 1001"},
        {TEXT("\x80\2M\xe9\3.\x80\2}."), "does not tell its byte order"},
        {TEXT("\x80\2M\xe9\3.\x80\2K\1."), "does not tell its byte order"},
        {TEXT("\x80\2M\xe9\3.\x80\2}U\x0dlittle_endian\x89s."), "from a big-endian machine"},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct bytes bytes = {0};
        bytes_add(&bytes, TEXT("\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19."));
        bytes_add(&bytes, heads[i].bytes, heads[i].size);
        assert_refused(bytes.data, bytes.size, heads[i].what);
        free(bytes.data);
    }
}

/* `head`, `count` times `repeated`, and a STOP. */
static void assert_too_much(const char *head, size_t head_size, const char *repeated,
                            size_t repeated_size, size_t count, const char *what)
{
    struct bytes pickle = {0};
    bytes_add(&pickle, head, head_size);
    for (size_t i = 0; i < count; i++) bytes_add(&pickle, repeated, repeated_size);
    struct bytes bytes = make_stream(pickle.data, pickle.size, TEXT(REST));
    assert_refused(bytes.data, bytes.size, what);
    free(pickle.data);
    free(bytes.data);
}

static void limits_are_kept(void **state)
{
    (void)state;
    assert_too_much(TEXT("\x80\2"), TEXT("N"), 65537, "more than 65536 values on the stack");
    assert_too_much(TEXT("\x80\2]"), TEXT("(NNNNNNNNNNNNNNNe"), 70000, "more than 1048576 values");
    assert_too_much(TEXT("\x80\2]Nq\0a"), TEXT("(h\0h\0h\0h\0h\0h\0h\0e"), 150000,
                    "more than 1048576 entries");
    assert_too_much(TEXT("\x80\2]"), TEXT(STORAGE "a"), 65537, "more than 65536 storages");
    assert_too_much(TEXT("\x80\2]" STORAGE "q\0a" REBUILD "q\1a"), TEXT("h\1(h\0K\0))tRa"), 65537,
                    "more than 65536 tensors");
}

/* ---- whole files ---- */

static const char *const files[] = {
    "zip_types",    "zip_checkpoint", "zip_unchecked",  "zip_big_endian",    "zip_plain",
    "stream_types", "stream_views",   "stream_python2", "stream_checkpoint", "tar"};

static uint8_t *read_golden(const char *file, size_t *size)
{
    char path[512];
    snprintf(path, sizeof path, MVAD_TEST_DIR "/golden/torch/%s.pth", file);
    return read_bytes(path, size);
}

/* Everywhere but in the padding at a tar archive's end. */
static void a_file_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t size, end;
        uint8_t *bytes = read_golden(files[i], &size);
        for (end = size; !strcmp(files[i], "tar") && !bytes[end - 1];) end--;
        for (size_t cut = 0; cut < end; cut++) {
            mvad_error error;
            mvad_tensors *tensors;
            if (read_exactly(bytes, cut, &tensors, &error) != MVAD_ERROR_FORMAT)
                fail_msg("%s of %zu bytes was read", files[i], cut);
            assert_error(&error, MVAD_ERROR_FORMAT, "f.pth: ", "");
        }
        free(bytes);
    }
}

/* A changed byte is either refused, or the file means something else that is read in full. */
static void a_changed_byte_does_no_harm(void **state)
{
    (void)state;
    static const uint8_t changes[] = {0x01, 0x20, 0x80, 0xFF};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t size, refused = 0;
        uint8_t *bytes = read_golden(files[i], &size);
        for (size_t at = 0; at < size; at++) {
            for (size_t k = 0; k < sizeof changes; k++) {
                mvad_error error;
                mvad_tensors *tensors;
                bytes[at] ^= changes[k];
                if (read_exactly(bytes, size, &tensors, &error)) {
                    assert_error(&error, MVAD_ERROR_FORMAT, "f.pth: ", "");
                    refused++;
                }
                bytes[at] ^= changes[k];
            }
        }
        assert_true(refused > size / 4);
        free(bytes);
    }
}

int main(void)
{
    enum { TABLE = sizeof pickles / sizeof *pickles };
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(unbroken_pickle_is_read),
        cmocka_unit_test(stream_needs_its_facts),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_changed_byte_does_no_harm),
    };
    struct CMUnitTest tests[TABLE + sizeof others / sizeof *others];
    for (size_t i = 0; i < TABLE; i++)
        tests[i] = (struct CMUnitTest){pickles[i].name, pickle_is_refused, NULL, NULL,
                                       (void *)(uintptr_t)&pickles[i]};
    memcpy(tests + TABLE, others, sizeof others);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
