/* The tar archive of PyTorch 0.1. */
#include "core/weights/torch_file.h"
#include "tests/fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!torch_tar_is(data, size)) return -1; /* another reader's */
    fuzz_read_torch(data, size);
    return 0;
}
