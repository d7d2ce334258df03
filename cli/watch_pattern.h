/* Names of photographs taken apart by a pattern such as "{part}_{view}.jpg". */
#ifndef CLI_WATCH_PATTERN_H
#define CLI_WATCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

enum watch_field { WATCH_CLASS, WATCH_PART, WATCH_VIEW, WATCH_FIELDS };

/* Where the fields lie in a name; `length` is 0 for one the pattern does not have. */
struct watch_fields {
    size_t begin[WATCH_FIELDS], length[WATCH_FIELDS];
};

/* What is wrong with a pattern, as the end of a sentence; NULL where it has {part} and {view} once,
 * {class} and * once at most, and text between any two fields. */
const char *watch_pattern_fault(const char *pattern);

/* Whether a name fits. Fields are not empty; the part is as long, class and view are as short as they
 * can be: whichever side the view is on, of A_1_C2.jpg and C2_A_1.jpg the part is A_1. */
bool watch_pattern_match(const char *pattern, const char *name, struct watch_fields *fields);

#endif
