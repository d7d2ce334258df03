#include "predict_program.h"

#define PREDICT MVAD_PROGRAM " predict --model @m.safetensors "

char *program_data, *program_images;

struct output run_predict(int code, const char *format, ...)
{
    char options[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(options, sizeof options, format, arguments);
    va_end(arguments);
    return expect_run(code, PREDICT "%s", options);
}

void expect_predict_error(int code, const char *what, const char *format, ...)
{
    char command[2048] = PREDICT;
    const size_t used = strlen(command);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command + used, sizeof command - used, format, arguments);
    va_end(arguments);
    expect_error(code, command, what);
}

char *next_line(char **text)
{
    char *line = *text, *end = strchr(line, '\n');
    if (!*line) return NULL;
    assert_non_null(end);
    *end = 0;
    *text = end + 1;
    return line;
}

void split(char *line, char *fields[6])
{
    for (int i = 0; i < 6; i++) {
        fields[i] = line;
        char *tab = strchr(line, '\t');
        assert_int_equal(tab != NULL, i < 5);
        if (!tab) break;
        *tab = 0;
        line = tab + 1;
    }
}

size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

int program_make(void **state)
{
    if (predict_make(state)) return -1;
    program_data = tree_path("parts.csv");
    program_images = tree_path("images");
    tree_write_text("images/broken.png", "\x89PNG and no more");
    return 0;
}

int program_remove(void **state)
{
    free(program_data);
    free(program_images);
    return predict_remove(state);
}
