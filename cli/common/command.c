#include "cli/common/command.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int command_fail(const struct caller *caller, enum exit_code code, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* File names may hold anything; a message stays one line. */
    for (char *c = text; *c; c++)
        if (iscntrl((unsigned char)*c)) *c = '?';
    const char *verb = caller->command ? caller->command->name : "";
    if (code == EXIT_USAGE)
        fprintf(stderr, "%s: %s (see %s %s%s--help)\n", caller->program, text, caller->program,
                verb, *verb ? " " : "");
    else
        fprintf(stderr, "%s: %s\n", caller->program, text);
    return code;
}

static void print_message(mvad_log_level level, const char *line, void *user)
{
    const char *program = user;
    fprintf(stderr, "%s: %s%s\n", program, level == MVAD_LOG_WARNING ? "warning: " : "", line);
}

void command_show_log(const struct caller *caller)
{
    mvad_log_set(MVAD_LOG_INFO, print_message, (void *)(uintptr_t)caller->program);
}

int command_error(const struct caller *caller, const mvad_error *error)
{
    enum exit_code code = EXIT_FAILED;
    switch (error->status) {
    case MVAD_OK:
    case MVAD_ERROR_OUT_OF_MEMORY:
    case MVAD_ERROR_NUMERIC: break;
    case MVAD_ERROR_INVALID_ARGUMENT: code = EXIT_USAGE; break;
    case MVAD_ERROR_IO:
    case MVAD_ERROR_FORMAT: code = EXIT_UNREADABLE; break;
    case MVAD_ERROR_UNSUPPORTED:
    case MVAD_ERROR_DEVICE: code = EXIT_NO_DEVICE; break;
    }
    return command_fail(caller, code, "%s", error->message);
}

static int print_help(const char *program, const char *about, const struct command *commands)
{
    printf("Usage: %s COMMAND [OPTION...]\n%s\n\nCommands:\n", program, about);
    for (const struct command *c = commands; c->name; c++)
        printf("  %-10s %s\n", c->name, c->summary);
    printf("\nOptions:\n  --help     show this help; %s COMMAND --help shows a command's options\n"
           "  --version  show the version\n\n"
           "Exit codes: 0 done, 1 failed while running, 2 usage, 3 unreadable model or data, "
           "4 device not available.\n",
           program);
    return EXIT_DONE;
}

static int dispatch(const struct caller *caller, const char *about, const struct command *commands,
                    int argc, char **argv)
{
    if (argc < 2) return command_fail(caller, EXIT_USAGE, "a command is missing");
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return print_help(caller->program, about, commands);
    if (!strcmp(argv[1], "--version")) {
        printf("%s %s\n", caller->program, mvad_version());
        return EXIT_DONE;
    }
    for (const struct command *c = commands; c->name; c++)
        if (!strcmp(argv[1], c->name)) return c->run(caller->program, c, argc - 1, argv + 1);
    return command_fail(caller, EXIT_USAGE, "'%s': no such %s", argv[1],
                        *argv[1] == '-' ? "option" : "command");
}

int command_main(const char *program, const char *about, const struct command *commands, int argc,
                 char **argv)
{
    const struct caller caller = {program, NULL};
    /* A reader that went away is to be seen as a failed write, not to end the program without a
     * word. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* likewise a file that may not grow */
    int code = dispatch(&caller, about, commands, argc, argv);
    errno = 0;
    int flushed = fflush(stdout);
    if (!flushed && !ferror(stdout)) return code;
    const char *why = errno ? strerror(errno) : "a write failed";
    int failed = command_fail(&caller, EXIT_FAILED, "standard output: %s", why);
    return code ? code : failed;
}
