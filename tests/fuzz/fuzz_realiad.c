/* The JSON index of a Real-IAD data set of one class, `c`. */
#include <stdbool.h>

#include "core/data/dataset.h"
#include "tests/fuzz/fuzz_files.h"

/* Where the seeds say an image is, so that the search for images ends. */
static void make_data(void)
{
    fuzz_make_folder("realiad_jsons");
    fuzz_make_folder("realiad_256");
    fuzz_make_folder("realiad_256/c");
    fuzz_write("realiad_256/c/c_1_OK_C1_1.jpg", "", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    struct dataset_options options = {.image_size = 256};
    struct dataset dataset;
    mvad_error error;
    if (!made) make_data();
    made = true;
    fuzz_write("realiad_jsons/c.json", data, size);
    options.root = fuzz_path("");
    dataset_open(&options, &dataset, &error);
    dataset_close(&dataset);
    return 0;
}
