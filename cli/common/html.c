#include "cli/common/html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the UTF-8 character that begins here; 0 where none does that XML allows. */
static size_t character_bytes(const unsigned char *text)
{
    const unsigned char first = *text;
    if (first < 0x80) return first >= 0x20 || strchr("\t\n\r", first) ? 1 : 0;
    const size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (first < 0xC2 || first > 0xF4) return 0;
    uint32_t code = first & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xC0) != 0x80) return 0;
        code = code << 6 | (text[i] & 0x3Fu);
    }
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    bool outside = code > 0x10FFFF || code == 0xFFFE || code == 0xFFFF;
    return code < least[bytes] || surrogate || outside ? 0 : bytes;
}

void html_text(FILE *file, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        const size_t bytes = character_bytes(at);
        switch (*at) {
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        case '&': fputs("&amp;", file); break;
        case '"': fputs("&quot;", file); break;
        case '\'': fputs("&#39;", file); break;
        default:
            if (bytes)
                fwrite(at, 1, bytes, file);
            else
                fputs("\xEF\xBF\xBD", file);
        }
        at += bytes ? bytes : 1;
    }
}

void html_data_uri(FILE *file, const char *type, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    fprintf(file, "data:%s;base64,", type);
    for (size_t i = 0; i < count; i += 3) {
        const size_t left = count - i;
        const uint32_t three = (uint32_t)bytes[i] << 16 |
                               (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        const char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                              left > 1 ? digits[three >> 6 & 63] : '=',
                              left > 2 ? digits[three & 63] : '='};
        fwrite(four, 1, 4, file);
    }
}
