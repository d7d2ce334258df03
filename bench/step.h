/* `mvad-bench step`: measures one configuration, then prints what was measured. */
#ifndef BENCH_STEP_H
#define BENCH_STEP_H

#include <stdbool.h>

#include "bench/document.h"
#include "bench/memory.h"
#include "bench/spread.h"
#include "cli/common/command.h"

#define STEP_MAX_REPEATS 10000
#define STEP_MAX_BATCH 4096
#define STEP_MAX_OPS 64
#define STEP_COPY_BYTES ((size_t)1 << 27)

struct step_settings {
    mvad_config config;
    mvad_precision precision;
    int batch, repeats, warmup; /* samples a step, timed steps, steps before them */
    bool train, recompute, ops;
    bool show; /* how far it is, on a terminal */
};

struct step_result {
    mvad_device_info device;
    mvad_cost cost;
    struct spread time;             /* seconds of a step */
    bool interrupted;               /* and nothing below holds then */
    int gemm_size;                  /* of the device's matrix product */
    double gemm_before, gemm_after; /* its multiply-adds a second */
    double copy_before, copy_after; /* bytes a second of its copy; 0: cannot be measured */
    bool peak_reset;
    uint64_t measured_bytes; /* peak beyond what was resident before the session was made */
    uint64_t device_bytes;   /* peak of what the session or the trainer holds on the device */
    mvad_op_time ops[STEP_MAX_OPS];
    int op_count;
};

int verb_step(const char *program, const struct command *command, int argc, char **argv);

/* Measures with random images and a model of initial values. */
mvad_status step_measure(const struct step_settings *settings, mvad_device *device,
                         struct step_result *result, mvad_error *error);

/* Derived numbers, the same in both forms of the report. */
double step_gemm_rate(const struct step_result *result); /* mean of both measurements */
double step_copy_rate(const struct step_result *result);
uint64_t step_planned_bytes(const struct step_result *result);

/* Lines, JSON, the table of ops and its plot. */
void step_document(struct document *document, const struct step_settings *settings,
                   const struct step_result *result);

/* The ops beside the device's rates. False: out of memory. roofline.c */
bool step_roofline(struct document *document, const struct step_result *result);

#endif
