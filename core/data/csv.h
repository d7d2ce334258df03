/* Comma-separated values as RFC 4180 has them: fields in quotes may hold commas, line ends and
 * doubled quotes; lines end with LF or CRLF. */
#ifndef DATA_CSV_H
#define DATA_CSV_H

#include <stdbool.h>
#include <stddef.h>

#define CSV_MAX_FIELDS 64

struct csv {
    const char *text, *end; /* what is left to read */
    size_t line;            /* of the row read last, from 1 */
    size_t next_line;
    char *buffer; /* owned: the fields of the row read last */
    size_t capacity;
    const char *fields[CSV_MAX_FIELDS];
    size_t count;
};

/* A byte order mark in front of the text is skipped. */
void csv_begin(struct csv *csv, const char *text, size_t length);

/* Reads the next row that is not empty. False at the end of the text, *fault NULL, and on an error,
 * when *fault says what is wrong with the row at csv->line. */
bool csv_next(struct csv *csv, const char **fault);

void csv_end(struct csv *csv);

#endif
