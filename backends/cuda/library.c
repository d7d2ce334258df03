#include "backends/cuda/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

void *library_open(const char *variable, const char *const names[],
                   const struct library_function *functions, size_t count, bool *missing, char *why,
                   size_t why_size)
{
    const char *const named[] = {getenv(variable), NULL};
    void *library = NULL;
    *missing = false;
    if (named[0] && *named[0]) names = named;
    for (int i = 0; names[i] && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        *missing = true;
        snprintf(why, why_size, "%s", reason ? reason : names[0]);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        *functions[i].address = dlsym(library, functions[i].name);
        if (*functions[i].address) continue;
        snprintf(why, why_size, "it has no function %s", functions[i].name);
        dlclose(library);
        return NULL;
    }
    return library;
}
