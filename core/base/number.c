#include "core/base/number.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* Of this thread alone: other threads of the host program keep their locale. */
struct c_locale {
    locale_t own, before;
};

static struct c_locale enter(void)
{
    struct c_locale locale = {.own = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0)};
    locale.before = uselocale(locale.own);
    return locale;
}

static void leave(struct c_locale locale)
{
    uselocale(locale.before);
    if (locale.own) freelocale(locale.own);
}

void number_to_text(double value, int digits, char text[NUMBER_TEXT])
{
    struct c_locale locale = enter();
    snprintf(text, NUMBER_TEXT, "%.*g", digits, value);
    leave(locale);
}

double number_from_text(const char *text, const char **end)
{
    char *stop;
    struct c_locale locale = enter();
    const double value = strtod(text, &stop);
    leave(locale);
    *end = stop;
    return value;
}
