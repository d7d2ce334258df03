/* Checks on the text of a safetensors header that the JSON library does not make: it takes text
 * that is not UTF-8, control characters, bad hexadecimal escapes and sloppy numbers, and ends a
 * string at an escaped NUL. */
#ifndef WEIGHTS_HEADER_TEXT_H
#define WEIGHTS_HEADER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER_TEXT_MAX_NUMBER \
    (INT64_C(1) << 53) /* integers up to here survive the JSON library's doubles */

/* Checks a header of `length` bytes. Where one cannot stand, returns what is wrong with it (a
 * static string, the end of a sentence) and sets *position to its place in the text; NULL where the
 * text may go to the JSON library. After it: the text is UTF-8 without NUL, no string in it has
 * one, every number is an integer from 0 to 2^53, and nothing is nested deeper than the library's
 * recursion can stand. */
const char *header_text_check(const char *text, size_t length, size_t *position);

/* Whether the bytes are UTF-8: no overlong forms, surrogates or code points above U+10FFFF.
 * *position is set to the first bad byte where they are not. */
bool header_text_is_utf8(const char *text, size_t length, size_t *position);

/* Makes every byte that is not a question mark: names of folders may be anything. */
void header_text_make_utf8(char *text);

/* Whether a UTF-8 string holds a control character (U+0000 to U+001F, U+007F to U+009F). */
bool header_text_has_control(const char *text);

#endif
