/* What an image file is, judged by its frame, before its pixels are decoded. */
#ifndef DATA_IMAGE_FRAME_H
#define DATA_IMAGE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum image_kind { IMAGE_KIND_JPEG, IMAGE_KIND_PNG, IMAGE_KIND_BMP };

/* Recognises the file by its first bytes and checks the frame around its pixels, as far as the
 * decoder leaves it unchecked: all chunks of a PNG with their checksums up to the last one, the extent of a
 * BMP's rows, the sizes of a JPEG's Huffman tables and its end marker. Returns what is wrong as the
 * end of a sentence (a static string), or NULL. */
const char *image_frame_check(const uint8_t *data, size_t size, enum image_kind *kind);

/* The EXIF orientation of a JPEG, 1 to 8; 1 (upright) where there is none, or none that can be
 * read. */
int image_frame_orientation(const uint8_t *data, size_t size);

#endif
