#include "make_torch.h"

void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size);
        bytes->data = realloc(bytes->data, bytes->capacity);
        assert_non_null(bytes->data);
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void bytes_add_number(struct bytes *bytes, uint64_t number, int size)
{
    for (int i = 0; i < size; i++)
        bytes_add(bytes, &(uint8_t){i < 8 ? (uint8_t)(number >> 8 * i) : 0}, 1);
}

#define ADD(bytes, text) bytes_add((bytes), text, sizeof(text) - 1)

struct bytes make_stream(const void *pickle, size_t pickle_size, const void *rest, size_t rest_size)
{
    struct bytes bytes = {0};
    ADD(&bytes, "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19."); /* the magic number */
    ADD(&bytes, "\x80\2M\xe9\3.");                            /* protocol 1001 */
    ADD(&bytes, "\x80\2}X\x0d\0\0\0little_endian\x88s.");
    bytes_add(&bytes, pickle, pickle_size);
    bytes_add(&bytes, rest, rest_size);
    return bytes;
}

static void add_text(struct bytes *bytes, const char *text)
{
    ADD(bytes, "X");
    bytes_add_number(bytes, strlen(text), 4);
    bytes_add(bytes, text, strlen(text));
}

/* An integer, as BININT. */
static void add_integer(struct bytes *bytes, int64_t value)
{
    assert_in_range(value, 0, INT32_MAX);
    ADD(bytes, "J");
    bytes_add_number(bytes, (uint64_t)value, 4);
}

/* _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()) */
static void add_tensor(struct bytes *bytes, const char *key, const mvad_tensor_view *view)
{
    ADD(bytes, "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n");
    add_text(bytes, key);
    add_text(bytes, "cpu");
    add_integer(bytes, (int64_t)view->count);
    ADD(bytes, "NtQK\0(");
    for (int32_t i = 0; i < view->rank; i++) add_integer(bytes, view->shape[i]);
    ADD(bytes, "t(");
    for (int32_t i = 0; i < view->rank; i++) {
        int64_t stride = 1;
        for (int32_t k = i + 1; k < view->rank; k++) stride *= view->shape[k];
        add_integer(bytes, stride);
    }
    ADD(bytes, "t\x89"
               "ccollections\nOrderedDict\n)RtR");
}

void write_stream(const char *path, const char *from, const char *prefix, const char *wrapper)
{
    mvad_tensors *tensors;
    struct bytes pickle = {0}, keys = {0}, data = {0};
    assert_int_equal(mvad_tensors_load(from, &tensors, NULL), MVAD_OK);
    ADD(&pickle, "\x80\2");
    if (wrapper) {
        ADD(&pickle, "}X\5\0\0\0epochK\2s");
        add_text(&pickle, wrapper);
    }
    ADD(&pickle, "}");
    ADD(&keys, "\x80\2](");
    for (size_t i = 0; i < mvad_tensors_count(tensors); i++) {
        mvad_tensor_view view;
        char key[24];
        assert_int_equal(mvad_tensors_at(tensors, i, &view, NULL), MVAD_OK);
        if (strncmp(view.name, prefix, strlen(prefix)) != 0) continue;
        snprintf(key, sizeof key, "%zu", i);
        add_text(&pickle, view.name + strlen(prefix));
        add_tensor(&pickle, key, &view);
        ADD(&pickle, "s");
        add_text(&keys, key);
        bytes_add_number(&data, view.count, 8);
        bytes_add(&data, view.data, view.count * sizeof *view.data);
    }
    bytes_add(&pickle, wrapper ? "s." : ".", wrapper ? 2 : 1);
    ADD(&keys, "e.");
    bytes_add(&keys, data.data, data.size);
    struct bytes all = make_stream(pickle.data, pickle.size, keys.data, keys.size);
    write_bytes(path, all.data, all.size);
    mvad_tensors_destroy(tensors);
    free(pickle.data);
    free(keys.data);
    free(data.data);
    free(all.data);
}
