/* Runs a program in a shell and catches what it says. In a command line, @ stands for the scratch
 * folder and a slash. */
#ifndef TESTS_RUN_PROGRAM_H
#define TESTS_RUN_PROGRAM_H

#include <cjson/cJSON.h>
#include <unistd.h>

#include "make_safetensors.h"

struct output {
    char *out, *err; /* what was written to standard output and error, NUL-terminated */
};

/* The command ends with this exit code; free the output with output_free. */
struct output expect_run(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The command with --json added succeeds and writes JSON, to be deleted, and nothing on standard error. */
cJSON *expect_json(const char *command);

/* The command ends with this exit code and writes nothing at all. */
void expect_run_quietly(int code, const char *command);

/* Likewise, and it writes nothing but one line on standard error, which begins with the program's
 * name and holds `what`; with exit code 2 it also says where help is. */
void expect_error(int code, const char *command, const char *what);

/* Standard error is one line that begins and holds so. */
void assert_one_line(const struct output *output, const char *begin, const char *what);

void output_free(struct output *output);

#endif
