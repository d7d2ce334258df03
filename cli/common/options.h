/* Option tables on top of popt. Tables live on the stack of a verb, so that nothing is global:
 *
 *     struct text_option out = {0};
 *     struct number_option seed = {.value = 1};
 *     struct poptOption table[] = {
 *         {"out", 'o', POPT_ARG_STRING, &out, 0, "Model file to write", "FILE"},
 *         {"seed", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &seed, 0, "Seed", "N"},
 *         OPTION_HELP,
 *         POPT_TABLEEND};
 *     int code = options_parse(&caller, table, argc, argv);
 *     if (code == OPTIONS_READ) ...
 *     options_free(table);
 */
#ifndef CLI_COMMON_OPTIONS_H
#define CLI_COMMON_OPTIONS_H

#include <popt.h>
#include <stdbool.h>

#include "cli/common/command.h"

/* `arg` of every POPT_ARG_STRING entry points to one of these, initialised with the default (or
 * NULL). */
struct text_option {
    const char *value;
    char *owned; /* NULL until the option is given */
};

/* And of every POPT_ARG_INT entry to one of these. */
struct number_option {
    int value;
    bool given;
};

/* `arg` of a POPT_ARG_NONE entry points to an int: 0, and 1 where the option is given.
 *
 * Options can also stand in a file, see cli/common/config_file.h: the long name is the key. Those of
 * OPTION_HELP cannot, nor one that takes several arguments, which its verb picks out of argv before
 * options_parse: it is known by a blank in its argDescrip. */

/* Prints the library's messages. */
#define OPTION_VERBOSE                                                      \
    {                                                                       \
        "verbose", 0, POPT_ARG_NONE, NULL, OPTION_VERBOSE_VALUE,            \
            "Say on standard error what goes on: devices, caches, ..", NULL \
    }

/* The options of every verb; without the one above, for a verb with a --verbose of its own. */
#define OPTION_HELP OPTION_VERBOSE, OPTION_HELP_QUIET
#define OPTION_HELP_QUIET                                                           \
    {"config",                                                                      \
     0,                                                                             \
     POPT_ARG_STRING,                                                               \
     NULL,                                                                          \
     OPTION_CONFIG_VALUE,                                                           \
     "Options from a file of lines key = value; the command line overrides them",   \
     "FILE"},                                                                       \
        {"dump-config",                                                             \
         0,                                                                         \
         POPT_ARG_NONE,                                                             \
         NULL,                                                                      \
         OPTION_DUMP_VALUE,                                                         \
         "Print all options as such a file and do nothing else",                    \
         NULL},                                                                     \
    {                                                                               \
        "help", 'h', POPT_ARG_NONE, NULL, OPTION_HELP_VALUE, "Show this help", NULL \
    }
enum { OPTION_HELP_VALUE = 1, OPTION_CONFIG_VALUE, OPTION_DUMP_VALUE, OPTION_VERBOSE_VALUE };
#define OPTION_LAST_VALUE OPTION_VERBOSE_VALUE

/* Arguments that are no options, where a verb takes some. */
struct argument_list {
    const char **values; /* each, and the array, is freed by options_free */
    size_t count;
};

/* The entry that takes them into `list`; `about` is how the help's first line names them, with a
 * blank. It has no name, so popt and the help pass it over. Without it such an argument is
 * EXIT_USAGE. */
#define OPTION_ARGUMENTS(list, about)                    \
    {                                                    \
        NULL, 0, POPT_ARG_ARGV, (list), 0, NULL, (about) \
    }

/* A table within a table, under a heading of its own in the help. */
#define OPTION_GROUP(table, heading)                                 \
    {                                                                \
        NULL, 0, POPT_ARG_INCLUDE_TABLE, (table), 0, (heading), NULL \
    }

/* Not an exit code: the options have been read, the verb may go on. */
#define OPTIONS_READ (-1)

/* Reads argv and the files of --config into the table's variables. `val` of its entries is used
 * here and is to be 0. Returns OPTIONS_READ, or the exit code to end with: EXIT_DONE where help or
 * the options were asked for and printed, EXIT_USAGE after a message about an unknown option, a
 * missing value, something that is no decimal number, or an argument that is no option;
 * EXIT_UNREADABLE after one about a file. Either way options_free is due. */
int options_parse(const struct caller *caller, struct poptOption *table, int argc, char **argv);

/* Gives an entry's variable this value, or with `check_only` sees whether it would do: a flag takes
 * true, yes, 1, false, no, 0. Returns NULL, or what the value is not, as in "'x' is not a ..". */
const char *options_set(const struct poptOption *entry, const char *text, bool check_only);

/* Frees the texts given. */
void options_free(struct poptOption *table);

/* Exactly `count` decimal numbers separated by commas; EXIT_USAGE with the option's name, or
 * OPTIONS_READ. */
int options_integers(const struct caller *caller, const char *name, const char *text, int count,
                     int32_t *values);

/* A whole number that fits 64 bits, without a sign. */
int options_seed(const struct caller *caller, const char *name, const char *text, uint64_t *value);

/* The number of an option that counts something: 1 to `high`. */
int options_count(const struct caller *caller, const char *name, int value, int high);

/* The value of an option that must be given. */
int options_required(const struct caller *caller, const char *name, const struct text_option *text);

#endif
