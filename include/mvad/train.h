/* Training runs. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_TRAIN_H
#define MVAD_TRAIN_H

#include <mvad/evaluate.h>
#include <mvad/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Replaces the teacher's parameters by those of a torchvision or timm ResNet file (see
 * mvad_tensors_load): conv1, bn1, layer1 to layer3; layer4 and fc are ignored. The note "mvad.teacher" is the file's name
 * then. Errors as mvad_model_load's. */
MVAD_API mvad_status mvad_model_load_teacher(mvad_model *model, const char *path, mvad_error *error);

/* Replaces the teacher's parameters by those of the teacher in the library: a resnet18 trained to
 * tell procedurally drawn images apart (CC0). For other backbones MVAD_ERROR_UNSUPPORTED, with where
 * to get weights. */
MVAD_API mvad_status mvad_model_use_builtin_teacher(mvad_model *model, mvad_error *error);

/* Re-estimates the means and variances of the teacher's batch norms on the training images (Li et al.
 * 2016, adaptive batch normalization): every layer sees inputs normalised by their own batch; means
 * are averaged over the batches, variances are those of all batches together; the note
 * "mvad.teacher_norm" is "data" then. `progress` may be NULL; anything but 0 stops with MVAD_OK and
 * *finished 0. MVAD_ERROR_INVALID_ARGUMENT without training images, MVAD_ERROR_IO or
 * MVAD_ERROR_FORMAT for one that cannot be read, MVAD_ERROR_NUMERIC where a mean or a variance is not
 * finite. Unless finished, the model is as it was. */
MVAD_API mvad_status mvad_model_estimate_teacher_norms(
    mvad_model *model, mvad_device *device, const mvad_dataset *dataset,
    int32_t (*progress)(size_t done, size_t total, void *user), void *user, int32_t *finished,
    mvad_error *error);

typedef struct mvad_train_progress {
    int64_t step, steps;        /* done so far, of all */
    int32_t epoch, epochs;      /* the running one, from 1 */
    double loss, gradient_norm; /* of the last step */
    double learning_rate;
    double samples_per_second; /* of this run so far */
    double seconds_left;       /* estimate */
    double data_wait_share; /* of the time so far: waiting for images, while the device may have computed */
} mvad_train_progress;

typedef struct mvad_train_options {
    size_t size;                /* of the structure; set by ..._default */
    mvad_trainer_options step;  /* what one step does; its samples is the batch */
    int32_t epochs;             /* default 100 */
    double decay_at;            /* share of the epochs after which the learning rate decays, 0.8 */
    double decay_factor;        /* default 0.1 */
    int32_t checkpoint_seconds; /* time between checkpoints, default 60 */
    const char *folder;         /* where model.safetensors, checkpoint.safetensors, log.jsonl go */
    int32_t resume;             /* 1: go on from the folder's checkpoint */
    int32_t evaluate_every; /* epochs between evaluations of the test split, to evaluation.jsonl; 0 (default): none */
    /* With each row of an evaluation: a class or "mean"; may be NULL. */
    void (*evaluated)(int32_t epoch, const mvad_metrics_row *row, void *user);
    /* After every step, and after every sample that an evaluation or the scale is measured on, with the
     * last step's numbers (0 before the first one of a resumed run); not 0 stops the run after a
     * checkpoint, with MVAD_OK and *finished 0. */
    int32_t (*progress)(const mvad_train_progress *progress, void *user);
    void *user; /* of all three */
    /* A new run reads the files of all its photographs first, to note with the model which they are: after
     * each part, from any thread but one at a time. Not 0 stops, with MVAD_OK and *finished 0, and there is
     * no run. May be NULL. */
    int32_t (*reading)(size_t done, size_t total, void *user);
} mvad_train_options;

MVAD_API void mvad_train_options_init(mvad_train_options *options, size_t size, size_t step_size);

static inline mvad_train_options mvad_train_options_default(void)
{
    mvad_train_options options;
    mvad_train_options_init(&options, sizeof options, sizeof options.step);
    return options;
}

/* Trains on all training samples of the data set. Samples are shuffled every epoch from
 * (seed, epoch); a last short batch is dropped. Files are replaced whole. Resuming gives the same
 * bytes as a run that was not interrupted. `model` has the trained parameters afterwards, the classes
 * trained on in the note "mvad.classes" (with commas between), and once the run is finished the scale
 * of its scores and a threshold for each class, measured on the training samples. MVAD_ERROR_NUMERIC: the loss stopped being a number
 * (the last checkpoint is kept), or a map did after the last step (the files are those of that step, but
 * without a scale). */
MVAD_API mvad_status mvad_train(mvad_model *model, mvad_device *device, const mvad_dataset *dataset,
                                const mvad_train_options *options, int32_t *finished,
                                mvad_error *error);

#ifdef __cplusplus
}
#endif
#endif
