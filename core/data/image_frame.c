#include "core/data/image_frame.h"

#include <string.h>

#include "core/base/checksum.h"
#include "core/base/little_endian.h"

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t big16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static bool begins(const uint8_t *data, size_t size, const void *start, size_t length)
{
    return size >= length && memcmp(data, start, length) == 0;
}

/* ---- PNG ---- */

static bool is_type(const uint8_t *type, const char *name)
{
    return memcmp(type, name, 4) == 0;
}

static const char *check_png(const uint8_t *data, size_t size)
{
    bool header = false, pixels = false;
    size_t position = 8;
    for (;;) {
        if (size - position < 12) return "cut off";
        const uint8_t *type = data + position + 4;
        size_t length = big32(data + position);
        if (length > INT32_MAX) return "a chunk with an impossible length";
        if (size - position - 12 < length) return "cut off";
        if (big32(type + 4 + length) != checksum_crc32(type, 4 + length))
            return "a chunk with a wrong checksum";

        if (!header && (!is_type(type, "IHDR") || length != 13))
            return "does not begin with a header chunk";
        header = true;
        if (is_type(type, "IEND")) return pixels ? NULL : "no pixels";
        if (is_type(type, "IDAT")) {
            pixels = true;
        } else if (!(type[0] & 0x20) && !is_type(type, "IHDR") && !is_type(type, "PLTE")) {
            return "a critical chunk of an unknown type"; /* lower case: may be ignored */
        }
        position += 12 + length;
    }
}

/* ---- BMP ---- */

static const char *check_bmp(const uint8_t *data, size_t size)
{
    if (size < 30) return "cut off";
    uint64_t offset = little32(data + 10), bits, width, height;
    if (little32(data + 14) == 12) { /* the header of OS/2: 16-bit numbers */
        width = little16(data + 18);
        height = little16(data + 20);
        bits = little16(data + 24);
    } else {
        int64_t rows = (int32_t)little32(data + 22); /* negative: from the top */
        int64_t columns = (int32_t)little32(data + 18);
        if (columns < 0) return "a negative width";
        width = (uint64_t)columns;
        height = (uint64_t)(rows < 0 ? -rows : rows);
        bits = little16(data + 28);
    }
    if (bits > 32) return "an unknown pixel size";
    /* Rows are padded to four bytes. 2^31 columns of 32 bits times 2^31 rows do not fit 64 bits. */
    uint64_t row = (width * bits + 31) / 32 * 4;
    if (offset > size || (height && row > (size - offset) / height)) return "cut off";
    return NULL;
}

/* ---- JPEG ---- */

#define MARKER_TABLES 0xC4 /* of Huffman codes */
#define MARKER_END 0xD9
#define MARKER_SCAN 0xDA
#define MARKER_EXIF 0xE1

/* One marker segment. */
struct segment {
    uint8_t marker;
    const uint8_t *data;
    size_t size; /* bytes of data, 0 for markers without any */
};

/* Finds the next marker from *position on, as the decoder does: bytes that are none, among them the
 * coded pixels, are passed over. False at the end of the file, and where a segment is cut off. */
static bool next_segment(const uint8_t *data, size_t size, size_t *position, struct segment *segment)
{
    while (*position + 1 < size) {
        size_t place = (*position)++;
        uint8_t marker = data[place + 1];
        /* 0 stands for a byte FF of the pixels, FF is a fill byte, D0 to D7 restart the coder. */
        if (data[place] != 0xFF || marker == 0 || marker == 0xFF) continue;
        if (marker >= 0xD0 && marker <= 0xD8) continue;
        *segment = (struct segment){.marker = marker};
        *position = place + 2;
        if (marker == MARKER_END) return true;
        if (size - *position < 2) return false;
        size_t length = big16(data + *position);
        if (length < 2 || size - *position < length) return false;
        segment->data = data + *position + 2;
        segment->size = length - 2;
        *position += length;
        return true;
    }
    return false;
}

/* The counts of codes in each table of a segment: one byte of class and number, 16 of counts, then
 * the symbols. The decoder has room for the 256 codes that a table can have, and trusts that. */
static bool tables_fit(const struct segment *segment)
{
    const uint8_t *table = segment->data, *end = table + segment->size;
    while (table < end) {
        ptrdiff_t codes = 0;
        if (end - table < 17) return false;
        for (int i = 1; i <= 16; i++) codes += table[i];
        if (codes > 256) return false;
        if (end - table - 17 < codes) return true;
        table += 17 + codes;
    }
    return true;
}

static const char *check_jpeg(const uint8_t *data, size_t size)
{
    struct segment segment;
    size_t position = 2;
    while (next_segment(data, size, &position, &segment)) {
        if (segment.marker == MARKER_END) return NULL;
        if (segment.marker == MARKER_TABLES && !tables_fit(&segment))
            return "a Huffman table of an impossible size";
    }
    return "cut off (no end marker)";
}

/* Orientation from the TIFF structure inside an EXIF segment: tag 0x0112 of its first folder. */
static int tiff_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8) return 1;
    bool big = begins(tiff, size, "MM\0*", 4);
    if (!big && !begins(tiff, size, "II*\0", 4)) return 1;
    uint32_t (*read16)(const uint8_t *) = big ? big16 : little16;
    uint32_t folder = big ? big32(tiff + 4) : little32(tiff + 4);
    if (folder > size - 2) return 1;
    uint32_t count = read16(tiff + folder);
    const uint8_t *entry = tiff + folder + 2; /* tag, type, count of values, value */
    for (; count > 0 && (size_t)(tiff + size - entry) >= 12; count--, entry += 12) {
        if (read16(entry) != 0x0112 || read16(entry + 2) != 3) continue; /* 3: 16-bit number */
        uint32_t value = read16(entry + 8);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

int image_frame_orientation(const uint8_t *data, size_t size)
{
    struct segment segment;
    size_t position = 2;
    while (next_segment(data, size, &position, &segment)) {
        if (segment.marker == MARKER_SCAN || segment.marker == MARKER_END) break;
        if (segment.marker == MARKER_EXIF && begins(segment.data, segment.size, "Exif\0", 6))
            return tiff_orientation(segment.data + 6, segment.size - 6);
    }
    return 1;
}

/* ---- all ---- */

const char *image_frame_check(const uint8_t *data, size_t size, enum image_kind *kind)
{
    static const struct {
        const char *start;
        size_t length;
        const char *what;
    } others[] = {
        {"GIF8", 4, "a GIF, not a JPEG, PNG or BMP image"},
        {"II*\0", 4, "a TIFF, not a JPEG, PNG or BMP image"},
        {"MM\0*", 4, "a TIFF, not a JPEG, PNG or BMP image"},
        {"RIFF", 4, "a WebP or another RIFF file, not a JPEG, PNG or BMP image"},
        {"version https://git-lfs", 23, "a Git LFS pointer: fetch the image with 'git lfs pull'"},
    };
    if (size == 0) return "the file is empty";
    if (begins(data, size, "\xFF\xD8\xFF", 3)) {
        *kind = IMAGE_KIND_JPEG;
        return check_jpeg(data, size);
    }
    if (begins(data, size, "\x89PNG\r\n\x1A\n", 8)) {
        *kind = IMAGE_KIND_PNG;
        return check_png(data, size);
    }
    if (begins(data, size, "BM", 2)) {
        *kind = IMAGE_KIND_BMP;
        return check_bmp(data, size);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (begins(data, size, others[i].start, others[i].length)) return others[i].what;
    return "not a JPEG, PNG or BMP image";
}
