/* --cache DIR: images decoded once, for all runs on a data set. */
#ifndef CLI_COMMON_CACHE_OPTION_H
#define CLI_COMMON_CACHE_OPTION_H

#include "cli/common/options.h"

/* The table entry; `text` is a struct text_option. */
#define OPTION_CACHE(text)                                                        \
    {                                                                             \
        "cache", 0, POPT_ARG_STRING, (text), 0,                                   \
            "Keep decoded images in this folder: later runs start at once", "DIR" \
    }

/* Gives the data set a cache of its images at this size; where it has to be made, a terminal is shown
 * how far it is. Nothing is done where folder is NULL. `threads`: 0 for one a core. OPTIONS_READ, or an
 * exit code after a message: EXIT_INTERRUPTED after a signal, which the verb catches. SIGXFSZ is ignored from then on, so that a file that may not grow is a
 * failed write. */
int cache_option_open(const struct caller *caller, const char *folder, int32_t image_size,
                      int threads, mvad_dataset *dataset);

#endif
