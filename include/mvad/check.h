/* Counting costs, measuring time, and the self-test. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_CHECK_H
#define MVAD_CHECK_H

#include <mvad/session.h>
#include <mvad/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Costs without weights and without running anything. `device` is the one whose workspaces are
 * counted. */
MVAD_API mvad_status mvad_cost_inference(const mvad_config *config, mvad_device *device,
                                         const mvad_session_options *options, mvad_cost *cost,
                                         mvad_error *error);
MVAD_API mvad_status mvad_cost_training(const mvad_config *config, mvad_device *device,
                                        const mvad_trainer_options *options, mvad_cost *cost,
                                        mvad_error *error);

/* One layer group of a model ("net_t.layer1", "mff_oce.mvas0", ...), for `mvad info`. */
typedef struct mvad_layer_cost {
    char name[64];
    uint64_t parameters;
    double macs; /* of one inference pass, the paper's way of counting */
} mvad_layer_cost;

/* Calls `visit` once a group, in the order of computation. */
MVAD_API mvad_status mvad_cost_layers(const mvad_config *config, const mvad_session_options *options,
                                      void (*visit)(const mvad_layer_cost *layer, void *user),
                                      void *user, mvad_error *error);

/* Time spent in one kind of graph node, from a profiled run. */
typedef struct mvad_op_time {
    const char *op; /* static string */
    uint64_t calls; /* nodes of this kind */
    double seconds; /* wall time of all of them */
    double macs;    /* executed multiply-adds */
    double bytes;   /* read and written */
} mvad_op_time;

/* Runs once with a clock around every node and reports each kind of op, most time first. */
MVAD_API mvad_status mvad_session_profile(mvad_session *session, const float *images,
                                          void (*visit)(const mvad_op_time *row, void *user),
                                          void *user, mvad_error *error);
MVAD_API mvad_status mvad_trainer_profile(mvad_trainer *trainer, const float *images,
                                          void (*visit)(const mvad_op_time *row, void *user),
                                          void *user, mvad_error *error);

typedef struct mvad_selftest_row {
    const char *name; /* an op or a whole model, for example "conv2d 3x3 stride 2" */
    double error;     /* largest difference, relative to the largest reference value */
    double tolerance; /* what is allowed, from the reduction length and the precision */
    int32_t passed;
} mvad_selftest_row;

/* Numeric agreement of every op and of a small whole model on this device with plain
 * double-precision loops. `visit` is called once a check. MVAD_ERROR_NUMERIC where any check
 * failed. */
MVAD_API mvad_status mvad_selftest(mvad_device *device, mvad_precision precision,
                                   void (*visit)(const mvad_selftest_row *row, void *user),
                                   void *user, mvad_error *error);

#ifdef __cplusplus
}
#endif
#endif
