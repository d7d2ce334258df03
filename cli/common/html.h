/* Text and pictures in an HTML page that is well-formed XML as well. */
#ifndef CLI_COMMON_HTML_H
#define CLI_COMMON_HTML_H

#include <stddef.h>
#include <stdio.h>

/* Writes any bytes as text or as the value of an attribute: <, >, &, " and ' as entities; what
 * is no UTF-8 or no character of XML as U+FFFD. */
void html_text(FILE *file, const char *text);

/* Writes bytes as a URI, "data:TYPE;base64,..". */
void html_data_uri(FILE *file, const char *type, const unsigned char *bytes, size_t count);

/* The style sheet, without its element. */
void html_style(FILE *file);

#endif
