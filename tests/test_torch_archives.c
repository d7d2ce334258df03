/* Broken zip and tar archives of torch.save, built here: each rule broken alone is refused. */
#include "core/weights/safetensors.h"
#include "make_torch.h"

#define TEXT(s) (s), sizeof(s) - 1
#define ADD(bytes, text) bytes_add((bytes), text, sizeof(text) - 1)

/* What loading these bytes says; "" where it succeeds. */
static void assert_loads(struct bytes *bytes, const char *what)
{
    mvad_error error = {0};
    mvad_tensors *tensors;
    assert_int_equal(mvad_tensors_create(&tensors, NULL), MVAD_OK);
    mvad_status status = tensors_read_bytes("f.pth", bytes->data, bytes->size, tensors, &error);
    if (*what)
        assert_error(&error, MVAD_ERROR_FORMAT, "f.pth: ", what);
    else if (status)
        fail_msg("%s", error.message);
    mvad_tensors_destroy(tensors);
    free(bytes->data);
}

/* ---- zip ---- */

#define STORAGE(key) "(U\7storagectorch\nFloatStorage\nU\1" key "U\3cpuK\2tQ"
#define TENSOR(key) "ctorch._utils\n_rebuild_tensor\n(" STORAGE(key) "K\0K\2\x85K\1\x85tR"
#define PICKLE "\x80\2}U\1w" TENSOR("0") "s."
#define TWO_FLOATS "\0\0\x80\x3f\0\0\0\x40"

struct entry {
    const char *name;
    const char *data;
    size_t size;
    /* What is told otherwise than it is, where not 0. */
    uint32_t crc, method, flags, told_size, told_header;
    const char *local_name; /* in the entry's own header; NULL: the same */
    bool is_large;          /* the numbers stand in the 64-bit field */
    bool lacks_large;       /* which is not there */
};

struct archive {
    const char *name, *what;
    struct entry entries[5];
    uint64_t added_count;              /* to what the end tells */
    uint64_t told_offset, added_bytes; /* of the directory */
    bool has_zip64, lost_zip64, without_end;
    const char *comment;
};

#define GOOD_PICKLE                                                     \
    {                                                                   \
        .name = "r/data.pkl", .data = PICKLE, .size = sizeof PICKLE - 1 \
    }
#define GOOD_DATA                                         \
    {                                                     \
        .name = "r/data/0", .data = TWO_FLOATS, .size = 8 \
    }

static const struct archive archives[] = {
    {"unbroken zip", "", .entries = {GOOD_PICKLE, GOOD_DATA}},
    {"comment", "", .entries = {GOOD_PICKLE, GOOD_DATA},
     .comment = "PK\5\6 and more than twenty-two bytes"},
    {"64-bit numbers", "",
     .entries = {GOOD_PICKLE, {.name = "r/data/0", .data = TWO_FLOATS, .size = 8, .is_large = true}},
     .has_zip64 = true},
    {"root with slashes", "",
     .entries = {{.name = "a/b/data.pkl", .data = PICKLE, .size = sizeof PICKLE - 1},
                 {.name = "a/b/data/0", .data = TWO_FLOATS, .size = 8}}},
    {"no pickle", "without data.pkl", .entries = {GOOD_DATA}},
    {"pickle without a folder", "without data.pkl",
     .entries = {{.name = "data.pkl", .data = PICKLE, .size = sizeof PICKLE - 1}, GOOD_DATA}},
    {"two pickles", "two data.pkl",
     .entries = {GOOD_PICKLE,
                 {.name = "s/data.pkl", .data = PICKLE, .size = sizeof PICKLE - 1},
                 GOOD_DATA}},
    {"no storage", "lacks storage '0'", .entries = {GOOD_PICKLE}},
    {"storage of another folder", "lacks storage '0'",
     .entries = {GOOD_PICKLE, {.name = "s/data/0", .data = TWO_FLOATS, .size = 8}}},
    {"short storage", "storage '0' has 4 bytes, which are not 2 of F32",
     .entries = {GOOD_PICKLE, {.name = "r/data/0", .data = TWO_FLOATS, .size = 4}}},
    {"compressed", "'r/data/0' is compressed (method 8)",
     .entries = {GOOD_PICKLE, {.name = "r/data/0", .data = TWO_FLOATS, .size = 8, .method = 8}}},
    {"compressed pickle", "'r/data.pkl' is compressed",
     .entries = {{.name = "r/data.pkl", .data = PICKLE, .size = sizeof PICKLE - 1, .method = 8},
                 GOOD_DATA}},
    {"encrypted", "'r/data/0' is encrypted",
     .entries = {GOOD_PICKLE, {.name = "r/data/0", .data = TWO_FLOATS, .size = 8, .flags = 1}}},
    {"wrong checksum", "'r/data/0' is damaged",
     .entries = {GOOD_PICKLE, {.name = "r/data/0", .data = TWO_FLOATS, .size = 8, .crc = 1}}},
    {"right checksum", "",
     .entries = {GOOD_PICKLE,
                 {.name = "r/data/0", .data = TWO_FLOATS, .size = 8, .crc = 0x2e3fa576}}},
    {"byte order", "byteorder is neither",
     .entries = {GOOD_PICKLE, GOOD_DATA, {.name = "r/byteorder", .data = "middle", .size = 6}}},
    {"byte order is told", "",
     .entries = {GOOD_PICKLE, GOOD_DATA, {.name = "r/byteorder", .data = "little", .size = 6}}},
    {"two entries of one name", "two entries of one name",
     .entries = {GOOD_PICKLE, GOOD_DATA, GOOD_DATA}},
    {"other name in its header", "called otherwise",
     .entries = {GOOD_PICKLE,
                 {.name = "r/data/0", .data = TWO_FLOATS, .size = 8, .local_name = "r/data/1"}}},
    {"longer name in its header", "called otherwise",
     .entries = {GOOD_PICKLE,
                 {.name = "r/data/0", .data = TWO_FLOATS, .size = 8, .local_name = "r/data/00"}}},
    {"header elsewhere", "not where it should be",
     .entries = {GOOD_PICKLE,
                 {.name = "r/data/0", .data = TWO_FLOATS, .size = 8, .told_header = 1}}},
    {"header behind the file", "not where it should be",
     .entries = {GOOD_PICKLE,
                 {.name = "r/data/0", .data = TWO_FLOATS, .size = 8, .told_header = 1u << 30}}},
    {"content behind the file", "which the file does not have",
     .entries =
         {{.name = "r/data.pkl", .data = PICKLE, .size = sizeof PICKLE - 1, .told_size = 1u << 30},
          GOOD_DATA}},
    {"64-bit numbers missing", "lacks its 64-bit numbers",
     .entries = {GOOD_PICKLE,
                 {.name = "r/data/0",
                  .data = TWO_FLOATS,
                  .size = 8,
                  .is_large = true,
                  .lacks_large = true}}},
    {"no end", "without its end", .entries = {GOOD_PICKLE, GOOD_DATA}, .without_end = true},
    {"too many entries told", "entry 2 of the zip is broken", .entries = {GOOD_PICKLE, GOOD_DATA},
     .added_count = 1, .added_bytes = 0},
    {"far too many entries told", "cannot have 1002 entries", .entries = {GOOD_PICKLE, GOOD_DATA},
     .added_count = 1000},
    {"directory behind the file", "does not lie in the file", .entries = {GOOD_PICKLE, GOOD_DATA},
     .told_offset = 1u << 30},
    {"directory too long", "does not lie in the file", .entries = {GOOD_PICKLE, GOOD_DATA},
     .added_bytes = 1000},
    {"64-bit record lost", "the zip64 record is not where it should be",
     .entries = {GOOD_PICKLE, GOOD_DATA}, .has_zip64 = true, .lost_zip64 = true},
};

static void add_record(struct bytes *bytes, const struct entry *entry, uint64_t header)
{
    const uint64_t size = entry->told_size ? entry->told_size : entry->size;
    const uint32_t large = UINT32_MAX;
    ADD(bytes, "PK\1\2\0\0\0\0");
    bytes_add_number(bytes, entry->flags, 2);
    bytes_add_number(bytes, entry->method, 2);
    bytes_add_number(bytes, 0, 4);
    bytes_add_number(bytes, entry->crc, 4);
    bytes_add_number(bytes, entry->is_large ? large : size, 4);
    bytes_add_number(bytes, entry->is_large ? large : size, 4);
    bytes_add_number(bytes, strlen(entry->name), 2);
    bytes_add_number(bytes, entry->is_large && !entry->lacks_large ? 34 : 0, 2);
    bytes_add_number(bytes, 0, 10);
    bytes_add_number(bytes, entry->is_large ? large : header, 4);
    bytes_add(bytes, entry->name, strlen(entry->name));
    if (!entry->is_large || entry->lacks_large) return;
    ADD(bytes, "FB\2\0ZZ\1\0\x18\0"); /* a field to be passed over, and the one of 24 bytes */
    bytes_add_number(bytes, size, 8);
    bytes_add_number(bytes, size, 8);
    bytes_add_number(bytes, header, 8);
}

static void zip_is_judged(void **state)
{
    const struct archive *archive = *state;
    struct bytes bytes = {0};
    uint64_t headers[5], count = 0;
    for (const struct entry *entry = archive->entries; entry->name; entry++) {
        const char *name = entry->local_name ? entry->local_name : entry->name;
        headers[count++] = entry->told_header ? entry->told_header : bytes.size;
        ADD(&bytes, "PK\3\4");
        bytes_add_number(&bytes, 0, 22);
        bytes_add_number(&bytes, strlen(name), 2);
        bytes_add_number(&bytes, 3, 2);
        bytes_add(&bytes, name, strlen(name));
        ADD(&bytes, "FBZ");
        bytes_add(&bytes, entry->data, entry->size);
    }
    const uint64_t begin = bytes.size;
    for (uint64_t i = 0; i < count; i++) add_record(&bytes, &archive->entries[i], headers[i]);
    const uint64_t end = bytes.size, told = count + archive->added_count;
    const uint64_t offset = archive->told_offset ? archive->told_offset : begin;
    const uint64_t directory_bytes = end - begin + archive->added_bytes;
    if (archive->added_count == 1) /* a record's worth of something else */
        for (int i = 0; i < 46; i++) ADD(&bytes, "?");
    if (archive->has_zip64) {
        ADD(&bytes, "PK\6\6");
        bytes_add_number(&bytes, 44, 28);
        bytes_add_number(&bytes, told, 8);
        bytes_add_number(&bytes, directory_bytes, 8);
        bytes_add_number(&bytes, offset, 8);
        ADD(&bytes, "PK\6\7\0\0\0\0");
        bytes_add_number(&bytes, end + archive->lost_zip64, 8);
        bytes_add_number(&bytes, 1, 4);
    }
    ADD(&bytes, "PK\5\6\0\0\0\0");
    bytes_add_number(&bytes, told, 2);
    bytes_add_number(&bytes, archive->has_zip64 ? UINT16_MAX : told, 2);
    bytes_add_number(&bytes,
                     archive->has_zip64 ? UINT32_MAX
                                        : directory_bytes + (archive->added_count == 1 ? 46 : 0),
                     4);
    bytes_add_number(&bytes, archive->has_zip64 ? UINT32_MAX : offset, 4);
    const char *comment = archive->comment ? archive->comment : "";
    bytes_add_number(&bytes, strlen(comment), 2);
    bytes_add(&bytes, comment, strlen(comment));
    if (archive->without_end) bytes.size -= 1;
    assert_loads(&bytes, archive->what);
}

/* ---- tar ---- */

#define NUMBER_64(n) n "\0\0\0\0\0\0\0"
#define FLOAT_CLASS "ctorch\nFloatStorage\n"
#define STORAGES \
    "\x80\2K\1." \
    "\x80\2K\7U\3cpu" FLOAT_CLASS "\x87." NUMBER_64("\2") TWO_FLOATS
#define TENSOR_CLASS "ctorch\nFloatTensor\n"
#define TENSORS_HEAD "\x80\2K\1.\x80\2K\x09K\7" TENSOR_CLASS "\x87."
#define TENSORS TENSORS_HEAD NUMBER_64("\1") NUMBER_64("\2") NUMBER_64("\1") NUMBER_64("\0")
#define TAR_PICKLE "\x80\2}U\1wU\0019Qs."

struct member {
    const char *name;
    const char *data;
    size_t size;
};

struct tape {
    const char *name, *what;
    struct member members[3];
    size_t broken_header; /* whose checksum is wrong, from 1 */
    size_t told_size;     /* of the last member, where not 0 */
};

#define MEMBER(name, text)               \
    {                                    \
        (name), (text), sizeof(text) - 1 \
    }

static const struct tape tapes[] = {
    {"unbroken tar", "",
     .members = {MEMBER("pickle", TAR_PICKLE), MEMBER("storages", STORAGES "\x80\2]."),
                 MEMBER("./tensors", TENSORS)}},
    {"no storages", "a tar archive without 'storages'",
     .members = {MEMBER("pickle", TAR_PICKLE), MEMBER("tensors", TENSORS)}},
    {"no tensors", "a tar archive without 'tensors'",
     .members = {MEMBER("pickle", TAR_PICKLE), MEMBER("storages", STORAGES "\x80\2].")}},
    {"no pickle", "a tar archive without 'pickle'",
     .members = {MEMBER("storages", STORAGES "\x80\2]."), MEMBER("tensors", TENSORS)}},
    {"broken header", "the tar archive is broken at byte 1024",
     .members = {MEMBER("pickle", TAR_PICKLE), MEMBER("storages", STORAGES "\x80\2]."),
                 MEMBER("tensors", TENSORS)},
     .broken_header = 2},
    {"member longer than the file", "is cut off: 1000000 bytes",
     .members = {MEMBER("storages", STORAGES "\x80\2].")}, .told_size = 1000000},
    {"a negative number of storages", "a number of storages or tensors that is none",
     .members = {MEMBER("storages", "\x80\2J\xff\xff\xff\xff.")}},
    {"a text for the number", "a number of storages or tensors that is none",
     .members = {MEMBER("storages", "\x80\2U\1a.")}},
    {"a storage that is none", "an entry of storages or tensors that is not one",
     .members = {MEMBER("storages", "\x80\2K\1.\x80\2K\7U\3cpu\x86.")}},
    {"a storage without a class", "a storage without a class",
     .members = {MEMBER("storages", "\x80\2K\1.\x80\2K\7U\3cpuN\x87.")}},
    {"a storage without its size", "a table of the tar archive is cut off",
     .members = {MEMBER("storages", "\x80\2K\1.\x80\2K\7U\3cpu" FLOAT_CLASS "\x87.\2")}},
    {"a storage cut off", "storage 7 is cut off",
     .members = {MEMBER("storages",
                        "\x80\2K\1.\x80\2K\7U\3cpu" FLOAT_CLASS "\x87." NUMBER_64("\3"))}},
    {"two storages of one key", "two storages or tensors of one key",
     .members = {MEMBER("storages", "\x80\2K\2.\x80\2K\7U\3cpu" FLOAT_CLASS
                                    "\x87." NUMBER_64("\0") "\x80\2K\7U\3cpu" FLOAT_CLASS
                                                            "\x87." NUMBER_64("\0"))}},
    {"no parts", "the pickle is cut off", .members = {MEMBER("storages", STORAGES)}},
    {"parts no list", "the parts of storages are no list",
     .members = {MEMBER("storages", STORAGES "\x80\2}.")}},
    {"a part that is none", "a part of a storage that is not one",
     .members = {MEMBER("storages", STORAGES "\x80\2]K\1a.")}},
    {"a part outside", "does not lie in it",
     .members = {MEMBER("storages", STORAGES "\x80\2](K\1K\7K\1K\2ta.")}},
    {"a part of nothing", "does not lie in it",
     .members = {MEMBER("storages", STORAGES "\x80\2](K\1K\6K\0K\1ta.")}},
    {"a part with the key of the whole", "two storages or tensors of one key",
     .members = {MEMBER("storages", STORAGES "\x80\2](K\7K\7K\0K\1ta.")}},
    {"a tensor of no storage", "tensor 9 has a storage that is not there",
     .members = {MEMBER("storages", STORAGES "\x80\2]."),
                 MEMBER("tensors", "\x80\2K\1.\x80\2K\x09K\6" TENSOR_CLASS "\x87.")}},
    {"nine dimensions", "tensor 9 has 9 dimensions",
     .members = {MEMBER("storages", STORAGES "\x80\2]."),
                 MEMBER("tensors", TENSORS_HEAD NUMBER_64("\x09"))}},
    {"a tensor cut off", "a table of the tar archive is cut off",
     .members = {MEMBER("storages", STORAGES "\x80\2]."),
                 MEMBER("tensors", TENSORS_HEAD NUMBER_64("\1") NUMBER_64("\2") NUMBER_64("\1"))}},
    {"a key that is no number", "key that is no number",
     .members = {MEMBER("pickle", "\x80\2}U\1wU\0029aQs."), MEMBER("storages", STORAGES "\x80\2]."),
                 MEMBER("tensors", TENSORS)}},
    {"a key that is no text", "that the table of tensors lacks",
     .members = {MEMBER("pickle", "\x80\2}U\1wK\x09Qs."), MEMBER("storages", STORAGES "\x80\2]."),
                 MEMBER("tensors", TENSORS)}},
    {"a key of no tensor", "that the table of tensors lacks",
     .members = {MEMBER("pickle", "\x80\2}U\1wU\0018Qs."), MEMBER("storages", STORAGES "\x80\2]."),
                 MEMBER("tensors", TENSORS)}},
};

static void tar_is_judged(void **state)
{
    const struct tape *tape = *state;
    struct bytes bytes = {0};
    for (size_t i = 0; i < 3 && tape->members[i].name; i++) {
        const struct member *member = &tape->members[i];
        uint8_t block[513] = {0};
        unsigned sum = i + 1 == tape->broken_header;
        snprintf((char *)block, 100, "%s", member->name);
        snprintf((char *)block + 124, 12, "%011zo",
                 tape->told_size ? tape->told_size : member->size);
        memset(block + 148, ' ', 8);
        block[156] = '0';
        for (int k = 0; k < 512; k++) sum += block[k];
        snprintf((char *)block + 148, 8, "%06o", sum);
        bytes_add(&bytes, block, 512);
        bytes_add(&bytes, member->data, member->size);
        while (bytes.size % 512) ADD(&bytes, "\0");
    }
    bytes_add_number(&bytes, 0, 1024);
    assert_loads(&bytes, tape->what);
}

int main(void)
{
    enum { ARCHIVES = sizeof archives / sizeof *archives, TAPES = sizeof tapes / sizeof *tapes };
    struct CMUnitTest tests[ARCHIVES + TAPES];
    for (size_t i = 0; i < ARCHIVES; i++)
        tests[i] = (struct CMUnitTest){archives[i].name, zip_is_judged, NULL, NULL,
                                       (void *)(uintptr_t)&archives[i]};
    for (size_t i = 0; i < TAPES; i++)
        tests[ARCHIVES + i] = (struct CMUnitTest){tapes[i].name, tar_is_judged, NULL, NULL,
                                                  (void *)(uintptr_t)&tapes[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
