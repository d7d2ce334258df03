/* A manifest: JSON lines where the first byte that is no blank is a brace, else comma-separated. */
#include <string.h>

#include "core/data/dataset.h"
#include "tests/fuzz/fuzz_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t blank = 0;
    while (blank < size && memchr(" \t\r\n", data[blank], 4)) blank++;
    const char *name = blank < size && data[blank] == '{' ? "m.jsonl" : "m.csv";
    struct dataset_options options = {0};
    struct dataset dataset;
    mvad_error error;
    fuzz_write(name, data, size);
    options.root = fuzz_path(name);
    dataset_open(&options, &dataset, &error);
    dataset_close(&dataset);
    return 0;
}
