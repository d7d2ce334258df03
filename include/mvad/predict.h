/* Prediction, and pictures of its results. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_PREDICT_H
#define MVAD_PREDICT_H

#include <mvad/calibrate.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Pixels of the map above the threshold (mvad_thresholds.pixel) that touch, if only at a corner, in pixels of the photograph,
 * upright (an EXIF orientation is applied). */
typedef struct mvad_region {
    int32_t left, top, width, height; /* the smallest box around it, inside the photograph */
    double area;                      /* pixels of the photograph */
    float score;                      /* the highest inside */
    /* The outer border: a closed polygon along the edges of the map's pixels, clockwise, x, y pairs,
     * 0, 0 the photograph's top left corner; a point only where it turns. Holes are not cut out. */
    const int32_t *contour;
    size_t points; /* pairs */
    uint64_t reserved[4];
} mvad_region;

/* Of one photograph. All pointers are valid during the call. */
typedef struct mvad_view_result {
    const char *name, *image; /* of the view, and its file */
    const char *mask;         /* file; NULL where there is none */
    mvad_label label;
    int32_t width, height; /* of the photograph, upright */
    int32_t map_size;
    float score;    /* the highest of the map */
    float relative; /* score / the view's reject threshold; NaN unless that is above 0 */
    mvad_thresholds thresholds; /* its own, whether or not the part was judged by them */
    const float *map;           /* map_size x map_size, over the whole photograph */
    const mvad_region *regions; /* by score, highest first */
    size_t region_count;
    uint64_t reserved[4];
} mvad_view_result;

/* Where the seconds of a part went. */
typedef struct mvad_part_times {
    double decode;    /* files read and decoded (or read from a cache) */
    double resize;    /* to the model's size */
    double normalise; /* to floats */
    double network; /* upload, the network, its map in host memory; the first part's: the session too */
    double score; /* highest pixels, regions */
    uint64_t reserved[4];
} mvad_part_times;

typedef struct mvad_part_result {
    const char *class_name, *name;
    mvad_label label;
    const char *fault; /* why it could not be judged, one line that names the file; NULL: it was */
    float score;       /* the highest of the views'; NaN with a fault */
    float relative;    /* score / thresholds.reject; NaN with a fault, or unless that is above 0 */
    mvad_verdict verdict;
    mvad_thresholds thresholds;    /* all 0 with a fault */
    int32_t anomalous;             /* verdict is MVAD_VERDICT_NG */
    size_t responsible;            /* view with the highest relative score, or else score */
    const mvad_view_result *views; /* view_count of them, in the data set's order; none with a fault */
    size_t view_count;
    double seconds; /* to read its files and to judge it; the next part's files are read meanwhile */
    mvad_part_times times;
} mvad_part_result;

typedef enum mvad_split { MVAD_SPLIT_TEST = 0, MVAD_SPLIT_TRAIN, MVAD_SPLIT_ALL } mvad_split;

typedef struct mvad_predict_options {
    size_t size;                  /* of the structure; set by ..._default */
    mvad_session_options session; /* samples and views are ignored: one part at a time, as it is */
    mvad_split split;             /* which parts, default the test split */
    float threshold;              /* of everything; default NaN: mvad_model_thresholds */
    int32_t in_turn; /* 1: a part's files are read when its turn has come, not while the one before is judged */
    /* Which parts of the split: not 0 takes it. NULL: all. */
    int32_t (*select)(const char *class_name, const char *name, void *user);
    /* Called for every part in the order of the data set; not 0 stops. */
    int32_t (*part)(const mvad_part_result *part, void *user);
    void *user;
} mvad_predict_options;

MVAD_API void mvad_predict_options_init(mvad_predict_options *options, size_t size,
                                        size_t session_size);

static inline mvad_predict_options mvad_predict_options_default(void)
{
    mvad_predict_options options;
    mvad_predict_options_init(&options, sizeof options, sizeof options.session);
    return options;
}

/* Judges parts one after the other, the next one's photographs being read meanwhile (but see in_turn). A part whose
 * photographs cannot be read, that has more than MVAD_MAX_VIEWS views, whose map is not finite or whose class
 * the model is not calibrated for gets a fault and does not end the work. Masks are not read. MVAD_ERROR_FORMAT where no threshold is given
 * and the model has none, or where the split has no part. That `select` takes none is no error.
 * Stopped by `part`: MVAD_OK. */
MVAD_API mvad_status mvad_predict(const mvad_model *model, mvad_device *device,
                                  const mvad_dataset *dataset, const mvad_predict_options *options,
                                  mvad_error *error);

/* The same for data sets that come one after the other, parts from a camera say: what takes time and
 * memory to set up is kept in between. Belongs to one thread at a time. Memory grows only when a part
 * comes with a number of views that none had before: each has a session of its own. */
typedef struct mvad_predictor mvad_predictor;

/* Model and device outlive the predictor. The options are copied, `user` and all. */
MVAD_API mvad_status mvad_predictor_create(const mvad_model *model, mvad_device *device,
                                           const mvad_predict_options *options,
                                           mvad_predictor **predictor, mvad_error *error);
MVAD_API mvad_status mvad_predictor_run(mvad_predictor *predictor, const mvad_dataset *dataset,
                                        mvad_error *error);
MVAD_API void mvad_predictor_destroy(mvad_predictor *predictor);

typedef enum mvad_picture_kind {
    MVAD_PICTURE_PHOTOGRAPH = 0, /* upright */
    /* The photograph under the colours of the map, regions outlined in white. From low to high the
     * colours go from violet over red to yellow, ever lighter, and from transparent to nearly opaque:
     * where the map is at low or below, the photograph is as it was. The map is enlarged
     * bilinearly. */
    MVAD_PICTURE_HEATMAP,
    MVAD_PICTURE_MASK /* white where the mask says anomalous; black without a mask; grey levels */
} mvad_picture_kind;

typedef struct mvad_picture_options {
    size_t size; /* of the structure; set by ..._default */
    mvad_picture_kind kind;
    mvad_score_scale scale; /* of the heat map's colours: the model's, never one image's; its threshold
                               is not used here: the regions come from it */
    int32_t max_side; /* pixels; larger pictures are reduced to it; 0 (default): as large as they are */
    int32_t jpeg;     /* 1: JPEG, 0 (default): PNG */
} mvad_picture_options;

MVAD_API void mvad_picture_options_init(mvad_picture_options *options, size_t size);

static inline mvad_picture_options mvad_picture_options_default(void)
{
    mvad_picture_options options;
    mvad_picture_options_init(&options, sizeof options);
    return options;
}

/* Draws a picture of a view into memory, to be freed with mvad_bytes_free. Its files are read again:
 * MVAD_ERROR_IO and MVAD_ERROR_FORMAT name them. MVAD_ERROR_INVALID_ARGUMENT for a heat map without a
 * scale (low < high). MVAD_ERROR_UNSUPPORTED for a picture of more than 2^28 bytes, 3 a pixel: give
 * max_side. */
MVAD_API mvad_status mvad_picture_encode(const mvad_view_result *view,
                                         const mvad_picture_options *options, unsigned char **bytes,
                                         size_t *count, mvad_error *error);
MVAD_API void mvad_bytes_free(unsigned char *bytes);

/* The same into a file, replaced as a whole: a failure leaves the old one. */
MVAD_API mvad_status mvad_picture_save(const mvad_view_result *view,
                                       const mvad_picture_options *options, const char *path,
                                       mvad_error *error);

#ifdef __cplusplus
}
#endif
#endif
