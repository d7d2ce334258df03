#include "core/weights/header_text.h"

#include <ctype.h>
#include <string.h>

#define MAX_DEPTH \
    16 /* a valid header has 3 levels; a few more let the later messages name what is wrong */

bool header_text_is_utf8(const char *text, size_t length, size_t *position)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t i = 0;
    while (i < length) {
        unsigned char lead = bytes[i];
        size_t more;                           /* bytes that follow */
        unsigned char low = 0x80, high = 0xBF; /* what the first of them may be */
        *position = i;
        if (lead < 0x80)
            more = 0;
        else if (lead >= 0xC2 && lead <= 0xDF)
            more = 1;
        else if (lead >= 0xE0 && lead <= 0xEF)
            more = 2;
        else if (lead >= 0xF0 && lead <= 0xF4)
            more = 3;
        else
            return false;
        if (lead == 0xE0) low = 0xA0;  /* below are overlong forms */
        if (lead == 0xED) high = 0x9F; /* above are surrogates */
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F; /* above is past U+10FFFF */
        if (more > length - i - 1) return false;
        for (size_t k = 1; k <= more; k++) {
            if (bytes[i + k] < low || bytes[i + k] > high) return false;
            low = 0x80;
            high = 0xBF;
        }
        i += 1 + more;
    }
    return true;
}

void header_text_make_utf8(char *text)
{
    size_t position;
    while (!header_text_is_utf8(text, strlen(text), &position)) text[position] = '?';
}

bool header_text_has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7F) return true;
        if (c[0] == 0xC2 && c[1] < 0xA0) return true; /* U+0080 to U+009F */
    }
    return false;
}

/* From the byte after an opening quote to the closing one, *i. */
static const char *check_string(const char *text, size_t length, size_t *i)
{
    for (; *i < length && text[*i] != '"'; ++*i) {
        if ((unsigned char)text[*i] < 0x20) return "is a control character";
        if (text[*i] != '\\') continue;
        ++*i; /* the escaped character, which may be a quote */
        if (*i == length) break;
        if ((unsigned char)text[*i] < 0x20) return "is a control character";
        if (text[*i] != 'u') continue;
        for (size_t k = 1; k <= 4; k++)
            if (length - *i <= k || !isxdigit((unsigned char)text[*i + k]))
                return "is not a JSON escape";
        if (memcmp(text + *i, "u0000", 5) == 0) return "is an escaped NUL";
    }
    return *i < length ? NULL : "ends inside a string";
}

/* From the first character of a number to its last, *i. */
static const char *check_number(const char *text, size_t length, size_t *i)
{
    uint64_t value = 0;
    size_t start = *i, end = start;
    while (end < length && isdigit((unsigned char)text[end]) && value <= HEADER_TEXT_MAX_NUMBER)
        value = value * 10 + (uint64_t)(text[end++] - '0');
    if (end == start || (end < length && memchr("+-.eE", text[end], 5)))
        return "is a number that is not a non-negative integer";
    if (value > HEADER_TEXT_MAX_NUMBER) return "is a number above 2^53";
    if (text[start] == '0' && end > start + 1) return "is a number with a leading zero";
    *i = end - 1;
    return NULL;
}

const char *header_text_check(const char *text, size_t length, size_t *position)
{
    size_t depth = 0;
    if (!header_text_is_utf8(text, length, position)) return "is not UTF-8";
    for (size_t i = 0; i < length; i++) {
        const char *problem = NULL;
        unsigned char c = (unsigned char)text[i];
        *position = i;
        if (c == '"') {
            i++;
            problem = check_string(text, length, &i);
        } else if (isdigit(c) || c == '-') {
            problem = check_number(text, length, &i);
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH) problem = "is nested too deep";
        } else if (c == '}' || c == ']') {
            if (depth) depth--; /* one too many is the JSON library's to report */
        } else if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
            problem = "is a control character";
        }
        if (problem) {
            if (c == '"' && i < length) *position = i;
            return problem;
        }
    }
    return NULL;
}
