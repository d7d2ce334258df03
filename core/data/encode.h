/* Pixels as the bytes of image files. */
#ifndef DATA_ENCODE_H
#define DATA_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The encoder counts bytes in an int, in buffers that double: no more than so many bytes of pixels. */
#define ENCODE_MAX_BYTES ((size_t)1 << 28)

/* A growing array; free(data) when done. Start from {0}. */
struct byte_buffer {
    uint8_t *data;
    size_t size, capacity;
    bool failed; /* out of memory: what it holds is not complete */
};

/* width * height pixels of 3 (RGB) or 1 (grey) channels of 8 bits, innermost, as JPEG of a quality of 1 to
 * 100. Replaces what the buffer holds. False when out of memory. */
bool encode_jpeg(const uint8_t *pixels, int width, int height, int channels, int quality,
                 struct byte_buffer *out);

/* The same as PNG. */
bool encode_png(const uint8_t *pixels, int width, int height, int channels, struct byte_buffer *out);

#endif
