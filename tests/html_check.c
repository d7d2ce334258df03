#include "html_check.h"

#include <ctype.h>
#include <stdbool.h>

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wunused-function" /* of the readers that are not used here */
#include <stb/stb_image.h>

enum { MAX_DEPTH = 64, MAX_NAME = 32, MAX_ATTRIBUTES = 16 };

/* Text up to one of `stops`: its entities, and no other tag. */
static const char *check_text(const char **at, const char *stops)
{
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (; **at && !strchr(stops, **at); ++*at) {
        if (**at == '<') return "a < in a text";
        if (**at != '&') continue;
        bool known = false;
        for (size_t i = 0; i < 5; i++) known |= !strncmp(*at, entities[i], strlen(entities[i]));
        if (!known) return "an & that begins no entity";
    }
    return **at ? NULL : "an end within a text";
}

static size_t take_name(const char **at, char name[MAX_NAME])
{
    size_t length = 0;
    while (isalnum((unsigned char)**at) || **at == '-' || **at == ':') {
        if (length + 1 < MAX_NAME)
            name[length++] = *(*at)++;
        else
            return 0;
    }
    name[length] = 0;
    return length;
}

static const char *check_attribute(const char *element, const char *name, const char *value)
{
    if (!strncmp(name, "on", 2)) return "an attribute that runs a script";
    if (!strcmp(name, "src") && strncmp(value, "data:image/", 11)) return "a src outside the page";
    if (!strcmp(name, "href") && (strcmp(element, "a") || *value != '#'))
        return "a link out of the page";
    return NULL;
}

/* The attributes of a tag up to its > or />. */
static const char *check_attributes(const char **at, const char *element)
{
    char names[MAX_ATTRIBUTES][MAX_NAME];
    size_t count = 0;
    for (;;) {
        const bool blank = isspace((unsigned char)**at);
        while (isspace((unsigned char)**at)) ++*at;
        if (**at == '>' || !strncmp(*at, "/>", 2)) return NULL;
        if (!blank || count == MAX_ATTRIBUTES || !take_name(at, names[count]))
            return "a tag with something that is no attribute";
        for (size_t i = 0; i < count; i++)
            if (!strcmp(names[i], names[count])) return "an attribute twice";
        if (strncmp(*at, "=\"", 2)) return "an attribute without quotes";
        *at += 2;
        const char *value = *at, *fault = check_text(at, "\"");
        if (!fault) fault = check_attribute(element, names[count], value);
        if (fault) return fault;
        ++*at;
        count++;
    }
}

/* What the page says in UTF-8, by a decoder that knows nothing but the table of Unicode 15, 3-7. */
static const char *check_characters(const char *page)
{
    for (const unsigned char *c = (const unsigned char *)page; *c;) {
        if (*c < 0x20 && !strchr("\t\n\r", *c)) return "a control character";
        const bool two = *c >= 0xC2 && *c <= 0xDF, three = (*c & 0xF0) == 0xE0,
                   four = *c >= 0xF0 && *c <= 0xF4;
        const int more = two ? 1 : three ? 2 : four ? 3 : 0;
        if (*c >= 0x80 && !more) return "a byte that begins no UTF-8";
        const unsigned char low = *c == 0xE0 ? 0xA0 : *c == 0xF0 ? 0x90 : 0x80;
        const unsigned char high = *c == 0xED ? 0x9F : *c == 0xF4 ? 0x8F : 0xBF;
        if (more && (c[1] < low || c[1] > high)) return "UTF-8 that is too long or a surrogate";
        for (int i = 1; i <= more; i++)
            if ((c[i] & 0xC0) != 0x80) return "UTF-8 that is cut off";
        if (three && c[0] == 0xEF && c[1] == 0xBF && c[2] >= 0xBE) return "U+FFFE or U+FFFF";
        c += more + 1;
    }
    return NULL;
}

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(name, *list)) return true;
    return false;
}

/* A style sheet loads nothing. */
static const char *check_style(const char *at)
{
    const char *end = strstr(at, "</style>");
    for (const char *c = at; end && c < end; c++)
        if (!strncmp(c, "url", 3) || !strncmp(c, "@import", 7) || *c == '<' || *c == '&')
            return "a style sheet that loads something or is no text";
    return NULL;
}

const char *html_fault(const char *page)
{
    static const char *const forbidden[] = {"script", "link",   "iframe", "object", "embed",
                                            "base",   "image",  "use",    "video",  "audio",
                                            "source", "applet", "form",   "input",  NULL};
    /* Without a / in their tag, HTML would take what follows to be inside them. */
    static const char *const filled[] = {"div", "p",   "span", "i",  "b",
                                         "a",   "svg", "td",   "th", NULL};
    static const char begin[] = "<!DOCTYPE html>\n";
    char open[MAX_DEPTH][MAX_NAME], name[MAX_NAME];
    size_t depth = 0;
    const char *fault = check_characters(page);
    if (fault) return fault;
    if (strncmp(page, begin, strlen(begin))) return "no DOCTYPE";
    for (const char *at = page + strlen(begin); *at;) {
        if (*at != '<') {
            if (!depth && !isspace((unsigned char)*at)) return "text outside of the page";
            if (!depth)
                at++;
            else if ((fault = check_text(&at, "<")))
                return fault;
            continue;
        }
        const bool closing = at[1] == '/';
        at += closing ? 2 : 1;
        if (!take_name(&at, name)) return "a < that begins no tag";
        if (closing) {
            if (!depth || strcmp(open[--depth], name) || *at++ != '>') return "tags do not nest";
            continue;
        }
        if (is_one_of(name, forbidden)) return "an element that does not belong here";
        if ((fault = check_attributes(&at, name))) return fault;
        if (*at == '/') {
            if (is_one_of(name, filled)) return "an element closed in a way HTML does not know";
            at += 2;
            continue;
        }
        at++;
        if (!strcmp(name, "style") && (fault = check_style(at))) return fault;
        if (depth == MAX_DEPTH) return "too deep";
        strcpy(open[depth++], name);
    }
    return depth ? "an element is not closed" : NULL;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* The bytes of base64 up to a quote, every character of which counts. */
static uint8_t *decode_base64(const char *text, size_t *count)
{
    const size_t length = strcspn(text, "\"");
    uint8_t *bytes = malloc(length + 1);
    uint32_t bits = 0;
    int held = 0;
    size_t digits = 0;
    assert_non_null(bytes);
    assert_int_equal(length % 4, 0);
    *count = 0;
    for (; base64_digit(text[digits]) >= 0; digits++) {
        bits = bits << 6 | (uint32_t)base64_digit(text[digits]);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes[(*count)++] = (uint8_t)(bits >> held);
    }
    for (; digits < length; digits++) assert_int_equal(text[digits], '=');
    assert_in_range(3 * length / 4 - *count, 0, 2);
    return bytes;
}

uint8_t *html_next_picture(const char **at, char alt[128], int *width, int *height)
{
    static const char src[] = " src=\"data:image/jpeg;base64,";
    const char *tag = strstr(*at, "<img ");
    if (!tag) return NULL;
    const char *text = strstr(tag, "alt=\""), *data = strstr(tag, src);
    assert_true(text && data);
    snprintf(alt, 128, "%.*s", (int)strcspn(text + 5, "\""), text + 5);
    size_t count;
    int channels;
    uint8_t *bytes = decode_base64(data + strlen(src), &count);
    uint8_t *pixels = stbi_load_from_memory(bytes, (int)count, width, height, &channels, 3);
    assert_non_null(pixels);
    free(bytes);
    *at = data + strlen(src);
    return pixels;
}

size_t html_count(const char *page, const char *text)
{
    size_t count = 0;
    while ((page = strstr(page, text))) {
        count++;
        page += strlen(text);
    }
    return count;
}
