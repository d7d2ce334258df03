/* Pixels as the bytes of image files. */
#ifndef SYNTH_ENCODE_H
#define SYNTH_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing array; free(data) when done. Start from {0}. */
struct byte_buffer {
    uint8_t *data;
    size_t size, capacity;
    bool failed; /* out of memory: what it holds is not complete */
};

/* A square image, 8-bit RGB, as JPEG of quality 95. Replaces what the buffer holds. False when out
 * of memory. */
bool encode_jpeg(const uint8_t *rgb, int size, struct byte_buffer *out);

/* A square image, 8-bit grey, as PNG. */
bool encode_png(const uint8_t *grey, int size, struct byte_buffer *out);

#endif
