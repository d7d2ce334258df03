/* The three containers of torch.save. */
#include <stdlib.h>

#include "core/weights/torch.h"
#include "tests/fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mvad_tensors *tensors;
    mvad_error error;
    if (!torch_is(data, size)) return -1; /* the safetensors reader's */
    if (mvad_tensors_create(&tensors, &error)) abort();
    if (!torch_read_bytes("fuzz", data, size, tensors, &error)) fuzz_touch(tensors);
    mvad_tensors_destroy(tensors);
    return 0;
}
