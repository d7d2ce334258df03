/* Models: parameters, files, notes, teachers' weights. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_MODEL_H
#define MVAD_MODEL_H

#include <mvad/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A configuration and its parameters in host memory, float32, under the names of the released
 * PyTorch model. */
typedef struct mvad_model mvad_model;

typedef enum mvad_parameter_kind {
    MVAD_PARAMETER_TRAINABLE = 0, /* fusion and student weights */
    MVAD_PARAMETER_STATISTIC,     /* their batch norms' running means and variances */
    MVAD_PARAMETER_FROZEN /* the teacher, and the route projection, which no gradient reaches */
} mvad_parameter_kind;

typedef struct mvad_parameter {
    const char *name; /* owned by the model */
    mvad_parameter_kind kind;
    int32_t rank;
    int64_t shape[4]; /* PyTorch's layout: OIHW, IOHW for transposed convolutions */
    size_t count;
    uint64_t reserved[4];
} mvad_parameter;

/* A model with initial values: convolutions Kaiming normal (fan out, ReLU gain), linear layers
 * uniform +-1/sqrt(fan in), norms 1 and 0. The same seed gives the same values everywhere. The
 * teacher is random as well, and the note "mvad.teacher" says so. */
MVAD_API mvad_status mvad_model_create(const mvad_config *config, uint64_t seed, mvad_model **model,
                                       mvad_error *error);

/* Reads a model file, or a checkpoint of the PyTorch model (see mvad_tensors_load), which says nothing
 * of its configuration. `config` NULL: the file's metadata tell the configuration; otherwise `config`
 * is used and fields the metadata contradict are an error. Missing, unexpected and mis-shaped
 * tensors and NaNs are MVAD_ERROR_FORMAT naming the first of them and their number. */
MVAD_API mvad_status mvad_model_load(const char *path, const mvad_config *config,
                                     mvad_model **model, mvad_error *error);

/* Writes all parameters and the configuration; same guarantees as mvad_tensors_save. */
MVAD_API mvad_status mvad_model_save(const mvad_model *model, const char *path, mvad_error *error);

MVAD_API mvad_config mvad_model_config(const mvad_model *model);
MVAD_API size_t mvad_model_parameter_count(const mvad_model *model);
MVAD_API mvad_status mvad_model_parameter_at(const mvad_model *model, size_t index,
                                             mvad_parameter *parameter, mvad_error *error);

/* Copies one parameter out of or into the model in PyTorch's layout; `count` must be the
 * parameter's. Writing must not happen while another thread reads; sessions take the values at
 * their creation. */
MVAD_API mvad_status mvad_model_read_parameter(const mvad_model *model, const char *name,
                                               float *values, size_t count, mvad_error *error);
MVAD_API mvad_status mvad_model_write_parameter(mvad_model *model, const char *name,
                                                const float *values, size_t count,
                                                mvad_error *error);

/* What is written about a model beside its parameters, as strings under keys that begin with "mvad.":
 * "mvad.classes", "mvad.teacher", "mvad.teacher_norm", .. They are kept by loading and saving. The
 * value belongs to the model, until it is set anew; NULL where there is none. The keys of the
 * configuration are not among them: setting one is MVAD_ERROR_INVALID_ARGUMENT. */
MVAD_API const char *mvad_model_note(const mvad_model *model, const char *key);
MVAD_API mvad_status mvad_model_set_note(mvad_model *model, const char *key, const char *value,
                                         mvad_error *error);

/* How a model's pixel scores are to be read; image and sample scores are maxima of them. In the note
 * "mvad.scale", as three numbers in this order. */
typedef struct mvad_score_scale {
    float low;       /* lower end of the colour scale: what most of a good part scores */
    float threshold; /* above it a pixel counts as a defect, and so the part */
    float high;      /* upper end of the colour scale: the threshold is in its middle */
} mvad_score_scale;

/* MVAD_ERROR_FORMAT where the model has none, or the note is no scale. */
MVAD_API mvad_status mvad_model_scale(const mvad_model *model, mvad_score_scale *scale,
                                      mvad_error *error);
MVAD_API mvad_status mvad_model_set_scale(mvad_model *model, const mvad_score_scale *scale,
                                          mvad_error *error);

MVAD_API void mvad_model_destroy(mvad_model *model);

#ifdef __cplusplus
}
#endif
#endif
