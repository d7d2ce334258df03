#include "core/data/csv.h"

#include <stdlib.h>
#include <string.h>

void csv_begin(struct csv *csv, const char *text, size_t length)
{
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, length -= 3;
    *csv = (struct csv){.text = text, .end = text + length, .next_line = 1};
}

void csv_end(struct csv *csv)
{
    free(csv->buffer);
    *csv = (struct csv){0};
}

/* Where the row that begins at the text ends: at its line end outside quotes, or at the text's. */
static const char *row_end(const struct csv *csv)
{
    bool quoted = false;
    const char *p = csv->text;
    for (; p < csv->end && (quoted || *p != '\n'); p++)
        if (*p == '"') quoted = !quoted;
    return p;
}

/* Copies one field from *text to *out, NUL-terminated; leaves *text behind it. */
static const char *read_field(const char **text, const char *end, char **out)
{
    const char *p = *text;
    if (p < end && *p == '"') {
        for (p++;; p++) {
            if (p == end) return "a quoted field has no end";
            if (*p == '"') {
                p++;
                if (p == end || *p != '"') break;
            }
            *(*out)++ = *p;
        }
        if (p < end && *p != ',') return "text follows a quoted field";
    } else {
        for (; p < end && *p != ','; p++) {
            if (*p == '"') return "a quote inside a field that does not begin with one";
            *(*out)++ = *p;
        }
    }
    *(*out)++ = 0;
    *text = p;
    return NULL;
}

bool csv_next(struct csv *csv, const char **fault)
{
    *fault = NULL;
    while (csv->text < csv->end) {
        const char *text = csv->text, *end = row_end(csv);
        csv->line = csv->next_line;
        for (const char *p = text; p < end; p++) csv->next_line += *p == '\n';
        csv->next_line++;
        csv->text = end + (end < csv->end);
        if (end > text && end[-1] == '\r') end--;
        if (end == text) continue;
        if (memchr(text, 0, (size_t)(end - text))) {
            *fault = "a NUL byte";
            return false;
        }

        /* A field and its NUL take no more than it and its comma did, but for the last. */
        size_t bytes = (size_t)(end - text) + 1;
        if (bytes > csv->capacity) {
            free(csv->buffer);
            csv->capacity = 0;
            if (!(csv->buffer = malloc(bytes))) {
                *fault = "out of memory";
                return false;
            }
            csv->capacity = bytes;
        }
        char *out = csv->buffer;
        for (csv->count = 0;; text++) {
            if (csv->count == CSV_MAX_FIELDS) {
                *fault = "too many fields";
                return false;
            }
            csv->fields[csv->count++] = out;
            if ((*fault = read_field(&text, end, &out))) return false;
            if (text == end) return true;
        }
    }
    return false;
}
