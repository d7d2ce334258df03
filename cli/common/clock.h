/* How long something takes. */
#ifndef CLI_COMMON_CLOCK_H
#define CLI_COMMON_CLOCK_H

#include <time.h>

/* Seconds since some moment in the past; only differences mean anything. */
static inline double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
