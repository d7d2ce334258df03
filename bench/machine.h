/* What a result says of where it was measured. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <cjson/cJSON.h>

struct machine {
    char processor[128]; /* "" where the system does not tell, as below */
    char system[128];
    char date[32]; /* UTC, "2026-01-31 12:00:00" */
    int cores;
    double megahertz; /* of the first core now; 0: not told */
    double load;      /* of the last minute; -1: not told */
};

void machine_look(struct machine *machine);

/* "mvad 0.1.0, commit .., GNU 12.2.0, Release; NAME, 2 cores, .. MHz; SYSTEM; load ..; DATE UTC" */
void machine_text(const struct machine *machine, char *text, size_t size);

/* {"version": .., "commit": .., "build": {..}, "machine": {..}, "date": ..} for a result to be added to; NULL
 * without memory. */
cJSON *machine_json(const struct machine *machine);

#endif
