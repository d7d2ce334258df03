/* What the programs share around their verbs: dispatch, exit codes, messages.
 *
 * A program is a table of verbs and one call:
 *
 *     static const struct command commands[] = {{"info", "what it does", verb_info}, {0}};
 *     int main(int argc, char **argv) { return command_main("mvad", about, commands, argc, argv); }
 */
#ifndef CLI_COMMON_COMMAND_H
#define CLI_COMMON_COMMAND_H

#include "mvad.h"

/* Exit codes of every verb. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,     /* while running, or while writing a result */
    EXIT_USAGE = 2,      /* wrong options */
    EXIT_UNREADABLE = 3, /* a model or data that cannot be read or is not what it should be */
    EXIT_NO_DEVICE = 4   /* no such device, or it cannot do this */
};

struct command {
    const char *name;
    const char *summary; /* one line for --help */
    /* argv[0] is the verb. Returns an exit code. `program` is the name that messages begin with. */
    int (*run)(const char *program, const struct command *command, int argc, char **argv);
};

/* Who is speaking, for messages and help. */
struct caller {
    const char *program;
    const struct command *command; /* NULL: the program itself */
};

/* Runs the verb argv[1] of a table that ends with a NULL name, or --help or --version. Sees to it
 * that standard output has been written: if it could not be, that is EXIT_FAILED. */
int command_main(const char *program, const char *about, const struct command *commands, int argc,
                 char **argv);

/* Prints "program: message" as one line on standard error and returns `code`. EXIT_USAGE adds where
 * help is. */
int command_fail(const struct caller *caller, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints the library's messages on standard error from now on, as command_fail would, a warning with
 * that word before it. What `caller->program` points to stays. */
void command_show_log(const struct caller *caller);

/* Reports an error of the library, met while options or files were read or while running, with the
 * exit code that belongs to its status. What a failed write deserves is EXIT_FAILED: use
 * command_fail there. */
int command_error(const struct caller *caller, const mvad_error *error);

#endif
