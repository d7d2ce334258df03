/* Tensor files: safetensors, and PyTorch's read. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_TENSORS_H
#define MVAD_TENSORS_H

#include <mvad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Named float32 tensors and string metadata in memory, as read from a .safetensors file or one of
 * PyTorch's, or to be written to a .safetensors file. */
typedef struct mvad_tensors mvad_tensors;

typedef struct mvad_tensor_view {
    const char *name;  /* owned by the set */
    const float *data; /* row-major, owned by the set */
    int32_t rank;      /* 0 to 8 */
    int64_t shape[8];
    size_t count; /* elements: the product of shape, 1 for rank 0 */
    uint64_t reserved[4];
} mvad_tensor_view;

/* An empty set. */
MVAD_API mvad_status mvad_tensors_create(mvad_tensors **tensors, mvad_error *error);

/* Reads a file: safetensors, or a state dict of torch.save in its zip archive, its old stream or its
 * oldest tar archive, which the content tells, not the name. F32 is taken as it is; F64, F16 and BF16
 * are converted; integer tensors are an error when they are asked for, not when the file is read. A
 * state dict may lie under `state_dict`, `net` or `model` of what was saved; where all names begin
 * with `module.`, that is taken off. Nothing in a file is executed, and every rule of a format is
 * checked before data are used: MVAD_ERROR_IO or MVAD_ERROR_FORMAT with the file's name. */
MVAD_API mvad_status mvad_tensors_load(const char *path, mvad_tensors **tensors, mvad_error *error);

/* Writes to a temporary file beside `path`, syncs it and renames it over `path`: a failure leaves
 * the old file. */
MVAD_API mvad_status mvad_tensors_save(const mvad_tensors *tensors, const char *path,
                                       mvad_error *error);

/* Makes every tensor of a float type F32, so that it is saved as such. Other types stay. */
MVAD_API void mvad_tensors_make_float32(mvad_tensors *tensors);

/* Copies a tensor in. A name already present is MVAD_ERROR_INVALID_ARGUMENT. */
MVAD_API mvad_status mvad_tensors_add(mvad_tensors *tensors, const char *name, int32_t rank,
                                      const int64_t *shape, const float *data, mvad_error *error);

/* Number of tensors, and the i-th in the order of the file's header (or of adding). `data` is NULL
 * for a tensor that is not of a float type. */
MVAD_API size_t mvad_tensors_count(const mvad_tensors *tensors);
MVAD_API mvad_status mvad_tensors_at(const mvad_tensors *tensors, size_t index,
                                     mvad_tensor_view *view, mvad_error *error);

/* The tensor of that name; MVAD_ERROR_FORMAT naming the file and the tensor where it is missing or
 * not a float type. */
MVAD_API mvad_status mvad_tensors_find(const mvad_tensors *tensors, const char *name,
                                       mvad_tensor_view *view, mvad_error *error);

/* Metadata: the value, or NULL; set copies both strings and replaces an old value. */
MVAD_API const char *mvad_tensors_metadata(const mvad_tensors *tensors, const char *key);
MVAD_API mvad_status mvad_tensors_set_metadata(mvad_tensors *tensors, const char *key,
                                               const char *value, mvad_error *error);

MVAD_API void mvad_tensors_destroy(mvad_tensors *tensors);

#ifdef __cplusplus
}
#endif
#endif
