/* What the readers of PyTorch's containers share: storages, the tensors in them, and the objects of a
 * pickle that stand for both. Functions fail with MVAD_ERROR_FORMAT and a message that begins with
 * the file. */
#ifndef WEIGHTS_TORCH_FILE_H
#define WEIGHTS_TORCH_FILE_H

#include "core/weights/pickle.h"
#include "core/weights/safetensors.h"

#define TORCH_MAX_TENSORS 65536 /* and as many storages */

/* A part of a stored array of elements, as a pickle or a table names it. */
struct torch_storage {
    int64_t number;  /* where keys are numbers */
    const char *key; /* in the file, where they are texts */
    size_t key_length;
    enum stored_type type;
    uint64_t count;                  /* elements of the whole array */
    uint64_t view_first, view_count; /* the part that this is */
    const uint8_t *data;             /* the whole array; NULL until it has been found */
};

struct torch_tensor {
    int64_t number; /* where keys are numbers */
    size_t storage;
    int64_t offset; /* elements, from view_first */
    int32_t rank;
    int64_t sizes[SAFETENSORS_MAX_RANK], strides[SAFETENSORS_MAX_RANK]; /* elements */
};

struct torch_file {
    const char *path;
    const uint8_t *data;
    size_t size;
    mvad_error *error;
    bool has_numbers;   /* keys are numbers, and a pickle names tensors by them: the tar archive */
    bool is_big_endian; /* elements are */
    struct pickle pickle;
    struct torch_storage *storages;
    struct torch_tensor *tensors;
    size_t storage_count, storage_capacity, tensor_count, tensor_capacity;
};

/* The types of objects in the pickle; `index` is a tensor or storage. */
enum torch_object {
    TORCH_STORAGE,
    TORCH_TENSOR,
    TORCH_PARAMETER, /* a tensor as nn.Parameter; index SIZE_MAX: none so far */
    TORCH_OPAQUE
};

/* What pickle_run asks; `user` is the struct torch_file. */
extern const struct pickle_host torch_host;

#define torch_fail(file, ...) file_bad_format((file)->path, (file)->error, __VA_ARGS__)

/* Appends a copy; *index may be NULL. */
mvad_status torch_add_storage(struct torch_file *file, const struct torch_storage *storage,
                              size_t *index);
mvad_status torch_add_tensor(struct torch_file *file, const struct torch_tensor *tensor,
                             size_t *index);

/* The stored type of a storage's or tensor's class. False where the value is no such class. */
bool torch_class_type(const struct pickle_value *value, enum stored_type *type);

/* The tensor that a value is; SIZE_MAX where it is none. */
size_t torch_tensor_of(const struct pickle_value *value);

/* The storages' indices, equal keys (texts) one after the other; freed by the caller, NULL after a
 * failure, which two storages of one key with other elements are. */
mvad_status torch_storages_by_key(const struct torch_file *file, size_t **order);
/* By key, as strcmp. */
int torch_compare_keys(const struct torch_storage *a, const struct torch_storage *b);

/* The tensor with this number in a tar archive; SIZE_MAX where there is none. */
size_t torch_tar_tensor(const struct torch_file *file, int64_t number);

/* The three containers: fill storages with their data and tensors, and say which value of the pickle
 * is the object saved. */
mvad_status torch_zip_read(struct torch_file *file, uint32_t *root);
mvad_status torch_stream_read(struct torch_file *file, uint32_t *root);
mvad_status torch_tar_read(struct torch_file *file, uint32_t *root);
bool torch_stream_is(const uint8_t *data, size_t size);
bool torch_tar_is(const uint8_t *data, size_t size);

/* Gives `tensor` the shape and the elements of `from`, in row-major order. *elements_left: how many
 * all tensors of the file may still have. */
mvad_status torch_extract(const struct torch_file *file, const struct torch_tensor *from,
                          const char *name, uint64_t *elements_left, struct tensor *tensor);

/* Adds the tensors of the state dict in `root` to the set. */
mvad_status torch_collect(struct torch_file *file, uint32_t root, mvad_tensors *set);

#endif
