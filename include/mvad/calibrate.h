/* Calibration: thresholds and verdicts. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_CALIBRATE_H
#define MVAD_CALIBRATE_H

#include <mvad/dataset.h>
#include <mvad/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Thresholds from good parts that the model was not trained on. With a confidence, by default 95 %, no
 * more than a rate of all good parts exceeds them, whatever the distribution of scores: they are scores
 * of the parts calibrated on, and the bounds those of Clopper and Pearson (core/score/tolerance.h).
 * Too few parts cannot bound a rate; the threshold is then their highest score, and the bound it has is
 * told. A model's note "mvad.calibration" keeps them. */
typedef struct mvad_thresholds {
    float accept; /* a score up to it is OK */
    float reject; /* a score above it is NG, one between is UNSURE; not below accept */
    float pixel;  /* pixels above it make the regions; of a part not above its reject */
} mvad_thresholds;

typedef enum mvad_verdict {
    MVAD_VERDICT_OK = 0,
    MVAD_VERDICT_UNSURE,
    MVAD_VERDICT_NG,
    MVAD_VERDICT_ERROR, /* could not be judged */
    MVAD_VERDICT_COUNT
} mvad_verdict;

/* "OK", "UNSURE", "NG", "ERROR"; NULL for a value out of range. */
MVAD_API const char *mvad_verdict_name(mvad_verdict verdict);

/* MVAD_VERDICT_ERROR for a NaN. */
MVAD_API mvad_verdict mvad_thresholds_judge(const mvad_thresholds *thresholds, float score);

#define MVAD_IDENTITY 17 /* bytes of an identity: 16 hexadecimal digits and a zero */

typedef struct mvad_calibration {
    char id[MVAD_IDENTITY];    /* of the calibration itself */
    char model[MVAD_IDENTITY]; /* of the model (mvad_model_identity) */
    char data[MVAD_IDENTITY];  /* of names and photographs of the parts */
    char date[24];             /* ISO 8601, UTC */
    double confidence;
    double reject_rate, unsure_rate; /* asked for: of good parts above reject, and above accept */
    double pixel_share;              /* of a good part's pixels that may be above pixel */
    uint64_t reserved[4];
} mvad_calibration;

typedef struct mvad_calibrated_class {
    const char *name; /* valid during the call */
    size_t parts;     /* that its thresholds rest on */
    mvad_thresholds thresholds;
    double accept_bound, reject_bound; /* on the rates, with the confidence */
} mvad_calibrated_class;

/* Tells what the model is calibrated on; `visit` (may be NULL) gets each class. MVAD_ERROR_FORMAT where
 * it is not calibrated, or where its parameters have changed since. */
MVAD_API mvad_status mvad_model_calibration(const mvad_model *model, mvad_calibration *facts,
                                            void (*visit)(const mvad_calibrated_class *row,
                                                          void *user),
                                            void *user, mvad_error *error);

/* The thresholds of a class's parts, or with `view` of its view of that name (of the part, if none has the
 * name). Class NULL or "": of the only class, or else the highest of all. Of a model that is not
 * calibrated, all three are what the end of its training measured for the class (note
 * "mvad.class_thresholds"), or else its scale's threshold. MVAD_ERROR_FORMAT where it has neither, for a class
 * it is not calibrated for, and as mvad_model_calibration. Reads the note each time: to be kept for all
 * parts of the class. */
MVAD_API mvad_status mvad_model_thresholds(const mvad_model *model, const char *class_name,
                                           const char *view, mvad_thresholds *thresholds,
                                           mvad_error *error);

/* Tells models apart: a hash of configuration and parameters, not of notes. */
MVAD_API mvad_status mvad_model_identity(const mvad_model *model, char identity[MVAD_IDENTITY],
                                         mvad_error *error);

/* Takes a share (between 0 and 1) of each class's good training parts out of the data set, chosen by the
 * seed and their names: at least one of two or more, never all; *count: how many. mvad_train then notes
 * with the model what was held out. MVAD_ERROR_FORMAT where nothing can be. To be called after
 * mvad_dataset_check with `remove` and before mvad_dataset_cache. */
MVAD_API mvad_status mvad_dataset_hold_out(mvad_dataset *dataset, double share, uint64_t seed,
                                           size_t *count, mvad_error *error);

/* Leaves in the data set only what was held out when the model was trained on it, and no test parts.
 * MVAD_ERROR_FORMAT where nothing was, or where it cannot be told any more: the data are others. */
MVAD_API mvad_status mvad_dataset_keep_held_out(mvad_dataset *dataset, const mvad_model *model,
                                                size_t *count, mvad_error *error);

typedef struct mvad_calibrate_options {
    size_t size;                  /* of the structure; set by ..._default */
    mvad_session_options session; /* samples and views are ignored */
    double confidence;            /* default 0.95 */
    double reject_rate;           /* default 0.01 */
    double unsure_rate; /* not below reject_rate, default 0.05; the same: nothing is UNSURE */
    double pixel_share; /* default 0.001 */
    int32_t skip_trained; /* 1: parts that the model was trained on are left out; 0 (default): an error */
    int32_t reserved; /* 0 */
    /* After each part scored, and with 0 of all after each that was looked at before, then from any thread but
     * one at a time; not 0 stops; may be NULL. */
    int32_t (*progress)(size_t done, size_t total, void *user);
    void *user;
} mvad_calibrate_options;

MVAD_API void mvad_calibrate_options_init(mvad_calibrate_options *options, size_t size,
                                          size_t session_size);

static inline mvad_calibrate_options mvad_calibrate_options_default(void)
{
    mvad_calibrate_options options;
    mvad_calibrate_options_init(&options, sizeof options, sizeof options.session);
    return options;
}

/* Scores the training parts of a data set, which are those held out (mvad_dataset_keep_held_out) or a data
 * set of their own, and stores with the model what their scores tell; *finished: whether it was not
 * stopped. Never looks at test parts. MVAD_ERROR_FORMAT for a data set without training parts, with one
 * that is not known to be good, and for parts that the model was trained on, which their photographs tell
 * (note "mvad.trained_parts"; of more than 4,096 a share is known); MVAD_ERROR_IO and
 * MVAD_ERROR_FORMAT for a photograph that cannot be read, MVAD_ERROR_NUMERIC for a score that is not
 * finite. Unless finished, the model is as it was. */
MVAD_API mvad_status mvad_calibrate(mvad_model *model, mvad_device *device,
                                    const mvad_dataset *dataset,
                                    const mvad_calibrate_options *options, int32_t *finished,
                                    mvad_error *error);

/* The number of parts that it takes to bound a rate with a confidence, each between 0 and 1; else 0. */
MVAD_API size_t mvad_calibration_parts_needed(double rate, double confidence);

#ifdef __cplusplus
}
#endif
#endif
