/* Files of torch.save built by hand, right and wrong ones. */
#ifndef TESTS_MAKE_TORCH_H
#define TESTS_MAKE_TORCH_H

#include "make_safetensors.h"

struct bytes {
    uint8_t *data; /* freed by the caller */
    size_t size, capacity;
};

void bytes_add(struct bytes *bytes, const void *data, size_t size);

/* An integer of `size` bytes, any number of them, little-endian. */
void bytes_add_number(struct bytes *bytes, uint64_t number, int size);

/* An old stream: its first three pickles, the object's `pickle`, and what follows (the keys of the
 * storages, and they). */
struct bytes make_stream(const void *pickle, size_t pickle_size, const void *rest, size_t rest_size);

/* Writes the float tensors of a file as an old stream, those whose names begin with `prefix` and
 * without it, in a dictionary, and that in another one under `wrapper` if it is not NULL. */
void write_stream(const char *path, const char *from, const char *prefix, const char *wrapper);

#endif
