/* Numbers in files. printf and strtod write and read the decimal sign of the host program's locale,
 * which a file that goes to another program must not depend on. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#define NUMBER_TEXT 32 /* bytes that hold any number of 17 digits */

/* `value` with `digits` significant digits, 17 at most, as "%.*g" has it in the C locale. */
void number_to_text(double value, int digits, char text[NUMBER_TEXT]);

/* The number that `text` begins with, as strtod reads it in the C locale. *end: behind it, or `text`
 * where there is none. */
double number_from_text(const char *text, const char **end);

#endif
