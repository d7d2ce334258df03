/* Evaluation. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_EVALUATE_H
#define MVAD_EVALUATE_H

#include <mvad/dataset.h>
#include <mvad/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In the order of the paper's tables. */
typedef enum mvad_metric {
    MVAD_METRIC_SAMPLE_AUROC = 0,
    MVAD_METRIC_SAMPLE_AP,
    MVAD_METRIC_SAMPLE_F1_MAX,
    MVAD_METRIC_IMAGE_AUROC,
    MVAD_METRIC_IMAGE_AP,
    MVAD_METRIC_IMAGE_F1_MAX,
    MVAD_METRIC_PIXEL_AUROC,
    MVAD_METRIC_PIXEL_AP,
    MVAD_METRIC_PIXEL_F1_MAX,
    MVAD_METRIC_PIXEL_AUPRO,
    MVAD_METRIC_COUNT
} mvad_metric;

/* "sample AUROC" .. "pixel AUPRO", and as a key in files, "sample_auroc" .. "pixel_aupro"; NULL for a
 * value out of range. */
MVAD_API const char *mvad_metric_name(mvad_metric metric);
MVAD_API const char *mvad_metric_key(mvad_metric metric);

typedef struct mvad_metrics_row {
    const char *name;                /* a class, or "mean"; valid during the call */
    double value[MVAD_METRIC_COUNT]; /* 0 to 1; NaN where one of the two labels is missing */
    double error[MVAD_METRIC_COUNT]; /* how far from exact `value` can be; not 0 only for metrics of pixels whose
                                        distinct scores outnumber the memory kept for them */
    uint64_t samples, views; /* tested */
} mvad_metrics_row;

/* Valid during the call. */
typedef struct mvad_sample_scores {
    const char *class_name, *name;
    mvad_label label;
    float score; /* the highest of the views' */
    int32_t views;
    const float *view_scores;
} mvad_sample_scores;

typedef struct mvad_evaluate_options {
    size_t size;                  /* of the structure; set by ..._default */
    mvad_session_options session; /* views is ignored: a sample has as many as it has */
    int32_t strips; /* 1: pixel metrics from 50 equal score strips, as the paper's code takes them */
    const char *maps; /* a folder for one .npy (float32, views x S x S) a sample; NULL: none */
    void (*sample)(const mvad_sample_scores *sample, void *user); /* each as it comes; may be NULL */
    int32_t (*progress)(size_t done, size_t total, void *user);   /* not 0 stops; may be NULL */
    void *user;
} mvad_evaluate_options;

MVAD_API void mvad_evaluate_options_init(mvad_evaluate_options *options, size_t size,
                                         size_t session_size);

static inline mvad_evaluate_options mvad_evaluate_options_default(void)
{
    mvad_evaluate_options options;
    mvad_evaluate_options_init(&options, sizeof options, sizeof options.session);
    return options;
}

/* Scores the test samples of a data set, one pass, memory independent of their number; calls `visit`
 * for each class and then for the mean over classes. Stopped by `progress`: MVAD_OK, no rows. */
MVAD_API mvad_status mvad_evaluate(const mvad_model *model, mvad_device *device,
                                   const mvad_dataset *dataset, const mvad_evaluate_options *options,
                                   void (*visit)(const mvad_metrics_row *row, void *user),
                                   void *user, mvad_error *error);

#ifdef __cplusplus
}
#endif
#endif
