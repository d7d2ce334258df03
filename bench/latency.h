/* `mvad-bench latency`: how long one part takes, from its images to the verdict. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "cli/common/command.h"

enum { LATENCY_MAX_REPEATS = 10000 };

/* Where the time of a part from its files goes. */
enum latency_stage {
    LATENCY_DECODE,
    LATENCY_RESIZE,
    LATENCY_NORMALISE,
    LATENCY_NETWORK,
    LATENCY_SCORE,
    LATENCY_TOTAL,
    LATENCY_STAGES
};

struct latency_settings {
    mvad_config config;
    mvad_precision precision;
    int repeats, warmup;
    int photograph_size; /* of the rendered parts, pixels a side */
    const char *data;    /* NULL: parts are rendered */
    const char *device;
    int threads;
};

/* Seconds, repeats of each but for the first results. */
struct latency_times {
    double *decoded;                    /* from images in memory */
    double *files[LATENCY_STAGES];      /* from files */
    double first_decoded;               /* device, session and first run */
    double first_files[LATENCY_STAGES]; /* of the first part, its session included */
};

int verb_latency(const char *program, const struct command *command, int argc, char **argv);

/* Parts of one class as JPEG files in a new folder, its path to be freed; OPTIONS_READ, or an exit code after
 * a message. latency_parts.c */
int latency_parts_make(const struct caller *caller, int photograph_size, char **folder);

/* Removes the folder and frees its path. Accepts NULL. */
void latency_parts_remove(char *folder);

/* From files, one part after the other. OPTIONS_READ, or an exit code after a message: EXIT_INTERRUPTED
 * after Ctrl-C. latency_files.c */
int latency_files(const struct caller *caller, const struct latency_settings *settings,
                  const char *folder, const mvad_model *model, mvad_device *device,
                  struct latency_times *times);

#endif
