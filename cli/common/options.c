#include "cli/common/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/config_file.h"

/* popt returns `val` of an option only where it is not 0: every entry gets a number of its own,
 * above OPTION_LAST_VALUE. */
static void number_entries(struct poptOption *table, int *next)
{
    for (struct poptOption *o = table; o->longName || o->shortName || o->arg; o++) {
        if ((o->argInfo & POPT_ARG_MASK) == POPT_ARG_INCLUDE_TABLE)
            number_entries(o->arg, next);
        else if (o->val <= 0 || o->val > OPTION_LAST_VALUE)
            o->val = ++*next;
    }
}

static struct poptOption *find_entry(struct poptOption *table, int val)
{
    for (struct poptOption *o = table; o->longName || o->shortName || o->arg; o++) {
        struct poptOption *found = NULL;
        if ((o->argInfo & POPT_ARG_MASK) == POPT_ARG_INCLUDE_TABLE)
            found = find_entry(o->arg, val);
        else if (o->val == val)
            found = o;
        if (found) return found;
    }
    return NULL;
}

/* One decimal integer, up to `*end`; popt alone would take 010 for eight and nothing for zero. */
static bool parse_integer(const char *text, const char **end, int32_t *value)
{
    char *stop;
    if (!isdigit((unsigned char)text[text[0] == '-'])) return false;
    errno = 0;
    long number = strtol(text, &stop, 10);
    if (errno || number < INT32_MIN || number > INT32_MAX) return false;
    *value = (int32_t)number;
    *end = stop;
    return true;
}

const char *options_set(const struct poptOption *entry, const char *text, bool check_only)
{
    static const char *const words[] = {"false", "true", "no", "yes", "0", "1"};
    switch (entry->argInfo & POPT_ARG_MASK) {
    case POPT_ARG_STRING: {
        struct text_option *option = entry->arg;
        if (check_only) return NULL;
        char *copy = strdup(text);
        if (!copy) return "does not fit into memory";
        free(option->owned);
        option->value = option->owned = copy;
        return NULL;
    }
    case POPT_ARG_INT: {
        struct number_option *number = entry->arg;
        const char *end;
        int32_t value;
        if (!parse_integer(text, &end, &value) || *end) return "is not a whole number";
        if (check_only) return NULL;
        number->value = value;
        number->given = true;
        return NULL;
    }
    default:
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (strcmp(text, words[i])) continue;
            if (!check_only) *(int *)entry->arg = i % 2;
            return NULL;
        }
        return "is neither true nor false";
    }
}

static int take_value(const struct caller *caller, poptContext context, struct poptOption *entry)
{
    switch (entry->argInfo & POPT_ARG_MASK) {
    case POPT_ARG_STRING: {
        struct text_option *text = entry->arg;
        free(text->owned);
        text->owned = (char *)text->value; /* popt's copy, made just now */
        return OPTIONS_READ;
    }
    case POPT_ARG_INT: {
        char *text = poptGetOptArg(context);
        const char *fault = options_set(entry, text ? text : "", false);
        int code = OPTIONS_READ;
        if (fault)
            code = command_fail(caller, EXIT_USAGE, "--%s: '%s' %s", entry->longName,
                                text ? text : "", fault);
        free(text);
        return code;
    }
    default: return OPTIONS_READ;
    }
}

/* What popt did not like. Of `--views x` popt names the x alone, of `--views=x` both. */
static int report_popt(const struct caller *caller, poptContext context,
                       const char *const *arguments, int reason)
{
    const char *bad = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    for (int i = 1; *bad != '-' && arguments[i]; i++)
        if (*arguments[i - 1] == '-' && !strcmp(arguments[i], bad))
            return command_fail(caller, EXIT_USAGE, "%s '%s': %s", arguments[i - 1], bad,
                                poptStrerror(reason));
    return command_fail(caller, EXIT_USAGE, "%s: %s", bad, poptStrerror(reason));
}

/* The entry of OPTION_ARGUMENTS; NULL where there is none. */
static const struct poptOption *find_arguments(const struct poptOption *table)
{
    for (const struct poptOption *o = table; o->longName || o->shortName || o->arg; o++)
        if (!o->longName && (o->argInfo & POPT_ARG_MASK) == POPT_ARG_ARGV) return o;
    return NULL;
}

/* What is left behind the options. */
static int take_arguments(const struct caller *caller, poptContext context,
                          const struct poptOption *entry)
{
    const char **found = poptGetArgs(context);
    size_t count = 0;
    if (!found) return OPTIONS_READ;
    if (!entry) return command_fail(caller, EXIT_USAGE, "unexpected argument '%s'", found[0]);
    struct argument_list *list = entry->arg;
    while (found[count]) count++;
    list->values = calloc(count, sizeof *list->values);
    while (list->values && list->count < count) {
        char *copy = strdup(found[list->count]);
        if (!copy) break;
        list->values[list->count++] = copy;
    }
    return list->count == count ? OPTIONS_READ : command_fail(caller, EXIT_FAILED, "out of memory");
}

static int read_all(const struct caller *caller, poptContext context, const char *const *arguments,
                    struct poptOption *table, struct config_request *request)
{
    const struct poptOption *plain = find_arguments(table);
    int val;
    while ((val = poptGetNextOpt(context)) > 0) {
        if (val == OPTION_HELP_VALUE) {
            if (plain) poptSetOtherOptionHelp(context, plain->argDescrip);
            printf("%s %s: %s\n", caller->program, caller->command->name, caller->command->summary);
            poptPrintHelp(context, stdout, 0);
            return EXIT_DONE;
        }
        request->given[val] = true;
        if (val == OPTION_VERBOSE_VALUE) command_show_log(caller);
        if (val == OPTION_CONFIG_VALUE) request->paths[request->count++] = poptGetOptArg(context);
        if (val <= OPTION_LAST_VALUE) continue;
        int code = take_value(caller, context, find_entry(table, val));
        if (code != OPTIONS_READ) return code;
    }
    if (val < -1) return report_popt(caller, context, arguments, val);
    return take_arguments(caller, context, plain);
}

/* argv first, so that the files know what it overrides. */
static int parse(const struct caller *caller, struct poptOption *table, int argc,
                 const char **arguments, struct config_request *request)
{
    poptContext context = poptGetContext(NULL, argc, arguments, table, 0);
    if (!context) return command_fail(caller, EXIT_FAILED, "out of memory");
    int code = read_all(caller, context, arguments, table, request);
    poptFreeContext(context);
    if (code == OPTIONS_READ) code = config_file_read(caller, request, table);
    if (code == OPTIONS_READ && request->given[OPTION_DUMP_VALUE])
        code = config_file_print(caller, request, table);
    return code;
}

int options_parse(const struct caller *caller, struct poptOption *table, int argc, char **argv)
{
    int last = OPTION_LAST_VALUE, code;
    number_entries(table, &last);
    char title[64];
    snprintf(title, sizeof title, "%s %s", caller->program, caller->command->name);
    struct config_request request = {.entry_count = (size_t)last + 1};
    const char **arguments = calloc((size_t)argc + 1, sizeof *arguments);
    request.paths = calloc((size_t)argc + 1, sizeof *request.paths);
    request.given = calloc(request.entry_count, sizeof *request.given);
    if (arguments && request.paths && request.given) {
        for (int i = 0; i < argc; i++) arguments[i] = argv[i];
        arguments[0] = title; /* the name in the help's first line */
        code = parse(caller, table, argc, arguments, &request);
    } else {
        code = command_fail(caller, EXIT_FAILED, "out of memory");
    }
    for (size_t i = 0; i < request.count; i++) free(request.paths[i]);
    free(request.paths);
    free(request.given);
    free(arguments);
    return code;
}

void options_free(struct poptOption *table)
{
    for (struct poptOption *o = table; o->longName || o->shortName || o->arg; o++) {
        if ((o->argInfo & POPT_ARG_MASK) == POPT_ARG_INCLUDE_TABLE)
            options_free(o->arg);
        else if ((o->argInfo & POPT_ARG_MASK) == POPT_ARG_STRING && o->arg)
            free(((struct text_option *)o->arg)->owned);
    }
    const struct poptOption *plain = find_arguments(table);
    struct argument_list *list = plain ? plain->arg : NULL;
    for (size_t i = 0; list && i < list->count; i++) free((char *)(uintptr_t)list->values[i]);
    if (list) free(list->values);
}

int options_integers(const struct caller *caller, const char *name, const char *text, int count,
                     int32_t *values)
{
    const char *at = text;
    bool good = true;
    for (int i = 0; i < count && good; i++) {
        const char separator = i + 1 < count ? ',' : 0;
        good = parse_integer(at, &at, &values[i]) && *at == separator;
        at++;
    }
    if (good) return OPTIONS_READ;
    return command_fail(caller, EXIT_USAGE,
                        "--%s: '%s' is not %d whole numbers with commas between", name, text, count);
}

int options_seed(const struct caller *caller, const char *name, const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (isdigit((unsigned char)*text) && !errno && !*end) return OPTIONS_READ;
    return command_fail(caller, EXIT_USAGE, "--%s: '%s' is not a whole number from 0 to 2^64 - 1",
                        name, text);
}

int options_count(const struct caller *caller, const char *name, int value, int high)
{
    if (value >= 1 && value <= high) return OPTIONS_READ;
    return command_fail(caller, EXIT_USAGE, "--%s is %d; it must be 1 to %d", name, value, high);
}

int options_required(const struct caller *caller, const char *name, const struct text_option *text)
{
    if (text->value && *text->value) return OPTIONS_READ;
    return command_fail(caller, EXIT_USAGE, "--%s is missing", name);
}
