/* Running `mvad predict` on the data of predict_case.h. */
#ifndef TESTS_PREDICT_PROGRAM_H
#define TESTS_PREDICT_PROGRAM_H

#include "predict_case.h"
#include "run_program.h"

/* Paths of parts.csv and of the folder of its images, beside which broken.png is none. */
extern char *program_data, *program_images;

/* Setup and teardown of a group, over those of predict_case.h. */
int program_make(void **state);
int program_remove(void **state);

/* `mvad predict --model @m.safetensors` with these options ends with this code. */
struct output run_predict(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Likewise, and says nothing but one line on standard error, with `what` in it. */
void expect_predict_error(int code, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The next line of a text, without its end; NULL behind the last. */
char *next_line(char **text);

/* Splits a line at tabs; there are to be exactly so many. */
void split(char *line, char *fields[6]);

/* Ends of lines in a text. */
size_t count_lines(const char *text);

#endif
