#include "bench/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/common/interrupt.h"

void progress_show(const char *what, int done, int total)
{
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K%s: %d of %d", what, done, total);
}

void progress_clear(void)
{
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}

int progress_interrupted(const struct caller *caller)
{
    progress_clear();
    return command_fail(caller, EXIT_INTERRUPTED, "interrupted: nothing is written");
}
