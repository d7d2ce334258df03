/* Texts in tables of three forms: columns of equal width, Markdown, comma-separated. */
#ifndef CLI_COMMON_TABLE_TEXT_H
#define CLI_COMMON_TABLE_TEXT_H

#include <stdio.h>

/* Characters, not bytes: what follows the first byte of a UTF-8 character has no width. */
int table_text_width(const char *text);

/* `text`, filled up with blanks to `width` characters. */
void table_text_padded(const char *text, int width, FILE *file);

/* With a backslash before what Markdown would take for its own. */
void table_text_markdown(const char *text, FILE *file);

/* In quotes where it holds a comma, a quote or the end of a line. */
void table_text_csv(const char *text, FILE *file);

#endif
