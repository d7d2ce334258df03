/* The safetensors reader. */
#include <stdlib.h>

#include "core/weights/safetensors.h"
#include "tests/fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mvad_tensors *tensors;
    mvad_error error;
    if (mvad_tensors_create(&tensors, &error)) abort();
    if (!safetensors_read_bytes("fuzz", data, size, tensors, &error)) fuzz_touch(tensors);
    mvad_tensors_destroy(tensors);
    return 0;
}
