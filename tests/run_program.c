#include "run_program.h"

#include <sys/wait.h>

static char *read_text(const char *name)
{
    size_t size;
    char *path = scratch_path(name), *text = (char *)read_bytes(path, &size);
    text[size] = 0;
    free(path);
    return text;
}

/* Replaces every @ by the folder. */
static void expand(const char *text, const char *folder, char *expanded, size_t size)
{
    size_t used = 0;
    for (; *text; text++) {
        used += (size_t)(*text == '@' ? snprintf(expanded + used, size - used, "%s/", folder)
                                      : snprintf(expanded + used, size - used, "%c", *text));
        assert_true(used < size);
    }
    expanded[used] = 0;
}

static struct output run(int code, const char *command)
{
    char expanded[4096], line[4608];
    char *folder = scratch_path(NULL);
    expand(command, folder, expanded, sizeof expanded);
    /* Redirections of the command itself come later and win. */
    snprintf(line, sizeof line, "exec >%s/stdout 2>%s/stderr; %s", folder, folder, expanded);
    free(folder);
    int status = system(line);
    struct output output = {read_text("stdout"), read_text("stderr")};
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        print_error("%s\n  exit status %d, wanted %d\n%s", expanded,
                    WIFEXITED(status) ? WEXITSTATUS(status) : -1, code, output.err);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
    return output;
}

struct output expect_run(int code, const char *format, ...)
{
    char command[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    assert_in_range(length, 1, sizeof command - 1);
    return run(code, command);
}

cJSON *expect_json(const char *command)
{
    struct output output = expect_run(0, "%s --json", command);
    cJSON *json = cJSON_Parse(output.out);
    assert_non_null(json);
    assert_string_equal(output.err, "");
    output_free(&output);
    return json;
}

void expect_run_quietly(int code, const char *command)
{
    struct output output = run(code, command);
    assert_string_equal(output.out, "");
    assert_string_equal(output.err, "");
    output_free(&output);
}

void assert_one_line(const struct output *output, const char *begin, const char *what)
{
    const char *end = strchr(output->err, '\n');
    if (strncmp(output->err, begin, strlen(begin)) || !strstr(output->err, what) || !end || end[1])
        print_error("wanted one line '%s...%s', got '%s'\n", begin, what, output->err);
    assert_int_equal(strncmp(output->err, begin, strlen(begin)), 0);
    assert_non_null(strstr(output->err, what));
    assert_true(end && !end[1]);
}

void expect_error(int code, const char *command, const char *what)
{
    struct output output = run(code, command);
    char begin[64];
    const char *name = command + strcspn(command, " "), *slash = name;
    while (slash > command && slash[-1] != '/') slash--;
    snprintf(begin, sizeof begin, "%.*s: ", (int)(name - slash), slash);
    assert_string_equal(output.out, "");
    assert_one_line(&output, begin, what);
    if (code == 2) assert_non_null(strstr(output.err, "--help)"));
    output_free(&output);
}

void output_free(struct output *output)
{
    free(output->out);
    free(output->err);
}
