/* How far a long run is, on a terminal. */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include "cli/common/command.h"

/* "what: done of total", over what was shown before. Nothing where standard error is no terminal. */
void progress_show(const char *what, int done, int total);
void progress_clear(void);

/* The message of a run that Ctrl-C ended, and its exit code. */
int progress_interrupted(const struct caller *caller);

#endif
