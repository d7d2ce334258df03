/* What is behind mvad_tensors, and the reading and writing of safetensors files.
 *
 * The format: 8 bytes little-endian header length N; N bytes of JSON that name each tensor's type,
 * shape and place; the tensors' bytes, one after the other without holes to the end of the file. */
#ifndef WEIGHTS_SAFETENSORS_H
#define WEIGHTS_SAFETENSORS_H

#include <stdbool.h>

#include "core/base/file.h"
#include "core/weights/stored_type.h"
#include "mvad.h"

#define SAFETENSORS_MAX_HEADER 100000000 /* bytes, the format's own limit */
#define SAFETENSORS_MAX_RANK 8

struct tensor {
    char *name; /* owned; UTF-8 without control characters */
    enum stored_type type;
    int32_t rank;
    int64_t shape[SAFETENSORS_MAX_RANK];
    size_t count; /* elements */
    size_t bytes; /* of `stored` */
    const void *
        stored; /* the elements as in the file: in the mapping or in owned_stored; aligned for F32 and F64 */
    const float *
        values; /* the elements as float: `stored` itself for F32, else owned_values; NULL for no float type */
    void *owned_stored;  /* NULL where `stored` is in the mapping */
    float *owned_values; /* NULL where no conversion was needed */
};

struct metadata_entry {
    char *key, *value; /* owned */
};

struct mvad_tensors {
    char *path; /* the file it was read from, owned; NULL for a set made in memory */
    struct file_mapping mapping; /* that file, as long as the set lives */
    struct tensor *items;
    size_t count, capacity;
    struct metadata_entry *metadata;
    size_t metadata_count, metadata_capacity;
};

/* Elements of a shape and their bytes. False where a dimension is negative or above 2^53 (which no
 * header can say), the rank is not 0 to 8 or a product overflows. */
bool tensor_measure(enum stored_type type, int32_t rank, const int64_t *shape, size_t *count,
                    size_t *bytes);

#define TENSOR_SHAPE_TEXT 192 /* bytes: room for 8 dimensions of 20 digits */

/* "[2,3]", as in the header and in messages. */
void tensor_shape_text(int32_t rank, const int64_t *shape, char text[TENSOR_SHAPE_TEXT]);

/* Whether a tensor may bear this name, a string of `length` bytes and a NUL: UTF-8 without control
 * characters, and not that of the metadata. */
bool tensor_name_is_allowed(const char *name, size_t length);

/* Adds copies of a key that the set does not have and of its value, without checking either. */
mvad_status tensors_append_metadata(mvad_tensors *tensors, const char *key, const char *value,
                                    mvad_error *error);

/* Gives a tensor with its type, shape and count the elements at `stored`, `bytes` bytes little-endian
 * and at any alignment, and the float types their values. They stay where they are, and have to
 * outlive the tensor, where that will do; otherwise they are copied. `path` names the file in a
 * message about memory. */
mvad_status tensor_attach(struct tensor *tensor, const uint8_t *stored, const char *path,
                          mvad_error *error);

/* Fills an empty set from a safetensors file's bytes, which outlive the set; `name` stands for the
 * file in messages. MVAD_ERROR_FORMAT where a rule of the format is broken. Nothing is allocated for
 * the data before all rules hold; until then the memory is at most some 40 times the header's length,
 * which the file really has. On failure the set may hold part of the file and is good for
 * mvad_tensors_destroy only. */
mvad_status safetensors_read_bytes(const char *name, const uint8_t *data, size_t size,
                                   mvad_tensors *tensors, mvad_error *error);

/* Fills an empty set from a file's bytes, which outlive the set: PyTorch's containers
 * (core/weights/torch.h) are known by their content, everything else is taken for safetensors. */
mvad_status tensors_read_bytes(const char *name, const uint8_t *data, size_t size,
                               mvad_tensors *tensors, mvad_error *error);

/* Writes the set, each tensor in the type it is stored in, widest types first and by name among
 * equals: equal content gives equal bytes. Errors and guarantees of file_replace;
 * MVAD_ERROR_INVALID_ARGUMENT where the header would exceed the format's limit. */
mvad_status safetensors_write(const mvad_tensors *tensors, const char *path, mvad_error *error);

/* The elements of an F64 tensor as they are in the file; *values is owned by the set.
 * MVAD_ERROR_FORMAT naming the file and the tensor where it is missing or of another type. */
mvad_status tensors_find_double(const mvad_tensors *tensors, const char *name,
                                const double **values, size_t *count, mvad_error *error);

#endif
