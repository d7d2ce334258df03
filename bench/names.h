/* Lists of names with commas between. */
#ifndef BENCH_NAMES_H
#define BENCH_NAMES_H

#include <stdbool.h>

/* Whether the list, which may be NULL, has this name. */
bool names_have(const char *list, const char *name);

#endif
