#include "cli/common/table_text.h"

#include <string.h>

int table_text_width(const char *text)
{
    int width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

void table_text_padded(const char *text, int width, FILE *file)
{
    fprintf(file, "%s%*s", text, width - table_text_width(text), "");
}

void table_text_markdown(const char *text, FILE *file)
{
    for (; *text; text++) fprintf(file, strchr("|\\`*_<", *text) ? "\\%c" : "%c", *text);
}

void table_text_csv(const char *text, FILE *file)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text; text++) fprintf(file, *text == '"' ? "\"%c" : "%c", *text);
    fputc('"', file);
}
