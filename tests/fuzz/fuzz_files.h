/* What the fuzz targets share: libFuzzer's entry points, and files for readers that open their own. */
#ifndef TESTS_FUZZ_FILES_H
#define TESTS_FUZZ_FILES_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every float of a set, so that a pointer out of bounds is seen. */
struct mvad_tensors;
void fuzz_touch(const struct mvad_tensors *tensors);

/* Reads a file of torch.save, and every float in it. */
void fuzz_read_torch(const uint8_t *data, size_t size);

/* The path of an entry of a folder of this process's own, which is made with the first call and
 * removed at exit. The string is valid until the next call. */
const char *fuzz_path(const char *name);

/* Makes a folder there. */
void fuzz_make_folder(const char *name);

/* Replaces a file there by these bytes. */
void fuzz_write(const char *name, const void *data, size_t size);

#endif
