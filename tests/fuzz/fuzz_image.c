/* Photographs and masks: JPEG, PNG, BMP. Measuring and loading agree. */
#include <stdlib.h>
#include <string.h>

#include "core/base/checksum.h"
#include "core/data/image.h"
#include "tests/fuzz/fuzz_files.h"

/* Larger images only take longer. */
#define MAX_PIXELS (1 << 20)

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* The usual mutations, and then right checksums in a PNG, which it would not be decoded without. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 == 0 || size < 8 || memcmp(data, "\x89PNG", 4) != 0) return size;
    for (size_t at = 8; size - at >= 12;) { /* length, type, content, checksum */
        uint32_t length = 0, sum;
        for (int i = 0; i < 4; i++) length = length << 8 | data[at + (size_t)i];
        if (length > size - at - 12) break;
        sum = checksum_crc32(data + at + 4, 4 + (size_t)length);
        for (int i = 0; i < 4; i++)
            data[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += 12 + (size_t)length;
    }
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int32_t width, height;
    struct image image, mask;
    mvad_error error;
    fuzz_write("image", data, size);
    const char *path = fuzz_path("image");
    if (image_measure(path, &width, &height, &error)) {
        if (!image_load(path, &image, &error)) abort();
        return 0;
    }
    if ((int64_t)width * height > MAX_PIXELS) return -1;
    if (!image_load(path, &image, &error) &&
        (image.width != width || image.height != height || image.channels != 3))
        abort();
    image_load_mask(path, &mask, &error);
    image_free(&image);
    image_free(&mask);
    return 0;
}
