#include "core/data/encode.h"

#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>

static void append(void *context, void *data, int size)
{
    struct byte_buffer *buffer = context;
    size_t bytes = (size_t)size;
    if (buffer->failed) return;
    if (buffer->capacity - buffer->size < bytes) {
        size_t capacity = buffer->capacity * 2 + bytes + 4096;
        uint8_t *grown = realloc(buffer->data, capacity);
        if (!grown) {
            buffer->failed = true;
            return;
        }
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->data + buffer->size, data, bytes);
    buffer->size += bytes;
}

bool encode_jpeg(const uint8_t *pixels, int width, int height, int channels, int quality,
                 struct byte_buffer *out)
{
    out->size = 0;
    return stbi_write_jpg_to_func(append, out, width, height, channels, pixels, quality) &&
           !out->failed;
}

bool encode_png(const uint8_t *pixels, int width, int height, int channels, struct byte_buffer *out)
{
    out->size = 0;
    return stbi_write_png_to_func(append, out, width, height, channels, pixels, width * channels) &&
           !out->failed;
}
