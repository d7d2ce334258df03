/* Shared libraries that may be missing. */
#ifndef CUDA_LIBRARY_H
#define CUDA_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* One function of a library: where its address goes. */
struct library_function {
    const char *name;
    void **address;
};

/* Opens the library that the environment variable names, else the first of `names` (ended by NULL) that
 * is there, and finds the functions. NULL with the reason in `why`; *missing says whether the library
 * itself is not there. */
void *library_open(const char *variable, const char *const names[],
                   const struct library_function *functions, size_t count, bool *missing, char *why,
                   size_t why_size);

#endif
