/* The zip archive of torch.save, PyTorch 1.6 and later. */
#include "core/weights/zip_index.h"
#include "tests/fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!zip_is(data, size)) return -1; /* another reader's */
    fuzz_read_torch(data, size);
    return 0;
}
