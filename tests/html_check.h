/* A strict look at an HTML page that is to be well-formed XML with nothing outside itself. */
#ifndef TESTS_HTML_CHECK_H
#define TESTS_HTML_CHECK_H

#include "make_safetensors.h"

/* What is wrong with the page, or NULL: tags nest, every attribute is quoted and there once, &
 * stands before one of XML's entities only, the text is UTF-8 of characters that XML allows, no
 * element runs anything or loads anything, and every src is a data URI. */
const char *html_fault(const char *page);

/* The next picture after *at, decoded; *at moves behind it. `alt` gets its text as it stands.
 * NULL where there is none; to be freed. A picture that cannot be decoded fails the test. */
uint8_t *html_next_picture(const char **at, char alt[128], int *width, int *height);

/* How often a text occurs. */
size_t html_count(const char *page, const char *text);

#endif
