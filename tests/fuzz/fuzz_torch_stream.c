/* The stream of pickles of torch.save before PyTorch 1.6. */
#include "core/weights/torch_file.h"
#include "tests/fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!torch_stream_is(data, size)) return -1; /* another reader's */
    fuzz_read_torch(data, size);
    return 0;
}
