/* Training steps. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_TRAINER_H
#define MVAD_TRAINER_H

#include <mvad/cost.h>
#include <mvad/device.h>
#include <mvad/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mvad_trainer mvad_trainer;

typedef struct mvad_trainer_options {
    size_t size;              /* of the structure; set by ..._default */
    int32_t samples;          /* samples a step, default 8 */
    int32_t views;            /* views of each; 0 (default): the model's */
    mvad_precision precision; /* default MVAD_PRECISION_F32 */
    int32_t recompute; /* 1: also recompute batch norms, 1x1 convolutions and dropout in the backward pass, not
                                 only layer norms and position sums: less memory, the same bits */
    double learning_rate; /* default 0.005 * samples * views / 16 where 0 */
    double beta1, beta2, epsilon,
        weight_decay;          /* AdamW: 0.9, 0.999, 1e-8, 1e-4 on every parameter */
    double clip_norm;          /* global gradient norm is clipped to this, default 5 */
    double loss_weight;        /* default 5 (paper, equation 10) */
    double dropout, drop_path; /* default 0.1 each */
    uint64_t seed;             /* of dropout and drop path */
} mvad_trainer_options;

typedef struct mvad_step_result {
    double loss;          /* of this step's batch, before the update */
    double gradient_norm; /* global L2 norm before clipping; infinite where the step was skipped */
    /* 1: the step's 16-bit gradients overflowed (MVAD_PRECISION_F16). Its only effect is that the next ones are scaled
     * down further; a few such steps at the beginning are usual. */
    int64_t skipped;
    uint64_t reserved[4];
} mvad_step_result;

/* What mvad_trainer_read reads. */
typedef enum mvad_trainer_value {
    MVAD_TRAINER_PARAMETER = 0, /* the parameter or running statistic now */
    MVAD_TRAINER_GRADIENT, /* the last step's gradient, before clipping; trainable parameters only */
    MVAD_TRAINER_MOMENT1,  /* AdamW's running mean of the gradient */
    MVAD_TRAINER_MOMENT2   /* and of its square */
} mvad_trainer_value;

MVAD_API void mvad_trainer_options_init(mvad_trainer_options *options, size_t size);

static inline mvad_trainer_options mvad_trainer_options_default(void)
{
    mvad_trainer_options options;
    mvad_trainer_options_init(&options, sizeof options);
    return options;
}
MVAD_API mvad_status mvad_trainer_create(const mvad_model *model, mvad_device *device,
                                         const mvad_trainer_options *options,
                                         mvad_trainer **trainer, mvad_error *error);

/* One AdamW step on samples * views images. MVAD_ERROR_NUMERIC where the loss or the gradient norm
 * is not finite: the parameters are then those from before the step. */
MVAD_API mvad_status mvad_trainer_step(mvad_trainer *trainer, const float *images,
                                       mvad_step_result *result, mvad_error *error);

/* The same in three steps, so that the images of the next step reach the device while it computes this
 * one: stage as for sessions; start begins a step and may return before it has ended; finish waits and
 * gives its result. MVAD_ERROR_INVALID_ARGUMENT where they come in another order. */
MVAD_API mvad_status mvad_trainer_stage(mvad_trainer *trainer, const float *images,
                                        mvad_error *error);
MVAD_API mvad_status mvad_trainer_start(mvad_trainer *trainer, mvad_error *error);
MVAD_API mvad_status mvad_trainer_finish(mvad_trainer *trainer, mvad_step_result *result,
                                         mvad_error *error);

MVAD_API mvad_status mvad_trainer_set_learning_rate(mvad_trainer *trainer, double learning_rate,
                                                    mvad_error *error);

/* Copies one tensor out, in PyTorch's layout, as double whatever the precision. */
MVAD_API mvad_status mvad_trainer_read(mvad_trainer *trainer, mvad_trainer_value what,
                                       const char *name, double *values, size_t count,
                                       mvad_error *error);

/* Writes the trained parameters and running statistics into a model of the same configuration. */
MVAD_API mvad_status mvad_trainer_export(mvad_trainer *trainer, mvad_model *model,
                                         mvad_error *error);

MVAD_API mvad_status mvad_trainer_cost(const mvad_trainer *trainer, mvad_cost *cost,
                                       mvad_error *error);
MVAD_API void mvad_trainer_destroy(mvad_trainer *trainer);

#ifdef __cplusplus
}
#endif
#endif
