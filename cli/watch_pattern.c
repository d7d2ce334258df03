#include "cli/watch_pattern.h"

#include <string.h>

static const char *const names[WATCH_FIELDS] = {
    [WATCH_CLASS] = "{class}", [WATCH_PART] = "{part}", [WATCH_VIEW] = "{view}"};

/* The field that a pattern begins with; WATCH_FIELDS: none. */
static int field_at(const char *pattern)
{
    int field = 0;
    while (field < WATCH_FIELDS && strncmp(pattern, names[field], strlen(names[field]))) field++;
    return field;
}

const char *watch_pattern_fault(const char *pattern)
{
    int count[WATCH_FIELDS] = {0}, stars = 0;
    for (const char *p = pattern; *p;) {
        const int field = field_at(p);
        if (*p == '/') return "has a slash: it is for names in one folder";
        stars += *p == '*';
        if (field == WATCH_FIELDS && (*p == '{' || *p == '}'))
            return "has braces that are none of {part}, {view} and {class}";
        p += field < WATCH_FIELDS ? strlen(names[field]) : 1;
        if (field == WATCH_FIELDS) continue;
        count[field]++;
        if (*p == '{') return "has two fields without a text between";
    }
    if (count[WATCH_PART] != 1 || count[WATCH_VIEW] != 1)
        return "must have {part} and {view}, each once";
    if (count[WATCH_CLASS] > 1) return "has {class} more than once";
    return stars > 1 ? "has * more than once" : NULL;
}

/* `at`: how far in the name the pattern's begin is. */
static bool match(const char *pattern, const char *name, size_t at, struct watch_fields *fields)
{
    while (*pattern && *pattern != '*' && field_at(pattern) == WATCH_FIELDS)
        if (*pattern++ != name[at++]) return false;
    if (!*pattern) return !name[at];
    const int field = field_at(pattern);
    const bool is_field = field < WATCH_FIELDS;
    const size_t shortest = is_field ? 1 : 0, longest = strlen(name + at);
    const char *behind = pattern + (is_field ? strlen(names[field]) : 1);
    for (size_t i = shortest; i <= longest; i++) {
        const size_t length = field == WATCH_PART ? longest + shortest - i : i;
        if (!match(behind, name, at + length, fields)) continue;
        if (is_field) fields->begin[field] = at;
        if (is_field) fields->length[field] = length;
        return true;
    }
    return false;
}

bool watch_pattern_match(const char *pattern, const char *name, struct watch_fields *fields)
{
    *fields = (struct watch_fields){0};
    return match(pattern, name, 0, fields);
}
