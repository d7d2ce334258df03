/* Inference. Part of mvad.h, whose conventions hold. */
#ifndef MVAD_SESSION_H
#define MVAD_SESSION_H

#include <mvad/cost.h>
#include <mvad/device.h>
#include <mvad/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mvad_session mvad_session;

typedef struct mvad_session_options {
    size_t size;     /* of the structure; set by ..._default */
    int32_t samples; /* samples a run, default 1 */
    int32_t views; /* views of each sample; 0 (default): the model's. May be fewer or more than trained with */
    mvad_precision precision; /* default MVAD_PRECISION_F32 */
    int32_t reserved;         /* 0 */
} mvad_session_options;

typedef enum mvad_output {
    MVAD_OUTPUT_TEACHER_0 =
        0, /* (images, 64e, S/4, S/4); e is 1 for resnet18/34 and 4 for the bottleneck backbones */
    MVAD_OUTPUT_TEACHER_1, /* (images, 128e, S/8, S/8) */
    MVAD_OUTPUT_TEACHER_2, /* (images, 256e, S/16, S/16) */
    MVAD_OUTPUT_STUDENT_0,
    MVAD_OUTPUT_STUDENT_1,
    MVAD_OUTPUT_STUDENT_2,
    MVAD_OUTPUT_MAP_RAW, /* (images, S, S): mean over the scales of 1 - cosine, before the Gaussian */
    MVAD_OUTPUT_MAP,     /* (images, S, S): the anomaly map */
    MVAD_OUTPUT_IMAGE_SCORE,  /* (images): maximum of the map */
    MVAD_OUTPUT_SAMPLE_SCORE, /* (samples): maximum over the views */
    MVAD_OUTPUT_COUNT
} mvad_output;

MVAD_API void mvad_session_options_init(mvad_session_options *options, size_t size);

static inline mvad_session_options mvad_session_options_default(void)
{
    mvad_session_options options;
    mvad_session_options_init(&options, sizeof options);
    return options;
}

/* Builds, plans and binds the network; allocates everything a run needs. The session keeps a copy
 * of the weights. */
MVAD_API mvad_status mvad_session_create(const mvad_model *model, mvad_device *device,
                                         const mvad_session_options *options,
                                         mvad_session **session, mvad_error *error);

/* images: samples * views * 3 * S * S floats, normalised. */
MVAD_API mvad_status mvad_session_run(mvad_session *session, const float *images, mvad_error *error);

/* The same in two steps, so that the next images reach a device with memory of its own while it still
 * computes: stage hands over the images of the next run, which may be reused on return; start begins
 * the run and may return before it has ended; reading an output waits for it.
 *
 *     mvad_session_stage(session, first, &error);
 *     while (..) {
 *         mvad_session_start(session, &error);
 *         mvad_session_stage(session, next, &error);       // beside the run
 *         mvad_session_read(session, MVAD_OUTPUT_MAP, ..); // of the run, not of `next`
 *     }
 *
 * start without any images staged is MVAD_ERROR_INVALID_ARGUMENT; images not replaced are used again. */
MVAD_API mvad_status mvad_session_stage(mvad_session *session, const float *images,
                                        mvad_error *error);
MVAD_API mvad_status mvad_session_start(mvad_session *session, mvad_error *error);

/* How the pixels of an image lie in memory: 8 bits a channel, innermost, in this order. An alpha
 * channel is passed over without blending, grey is repeated. */
typedef enum mvad_pixel_format {
    MVAD_PIXELS_RGB = 0,
    MVAD_PIXELS_BGR,
    MVAD_PIXELS_GREY,
    MVAD_PIXELS_RGBA,
    MVAD_PIXELS_BGRA,
    MVAD_PIXELS_COUNT
} mvad_pixel_format;

/* An image in the caller's memory: a camera's buffer, or a part of one. */
typedef struct mvad_image_view {
    size_t size;           /* sizeof(mvad_image_view), the same for all images of a call */
    const uint8_t *pixels; /* the first pixel of the top row */
    int32_t width, height; /* pixels, 1 to 16384 each and 2^28 together */
    /* Bytes from a row to the one below it; negative where that lies before it; 0: no gaps. */
    ptrdiff_t stride;
    mvad_pixel_format format;
    int32_t reserved; /* 0 */
} mvad_image_view;

/* mvad_session_run on photographs of any size: `count` = samples * views of them, upright, resized and
 * normalised as those of a data set are; a session of one sample gives the bits that mvad_predict
 * gives for files of these pixels. They are not kept or written to. MVAD_ERROR_INVALID_ARGUMENT
 * names the first that is not as it should be. */
MVAD_API mvad_status mvad_session_run_images(mvad_session *session, const mvad_image_view *images,
                                             size_t count, mvad_error *error);

/* Shape of an output; returns its rank (1, 3 or 4), 0 for an unknown output. */
MVAD_API int32_t mvad_session_shape(const mvad_session *session, mvad_output output,
                                    int64_t shape[4]);

/* Copies an output of the last run; `count` must be the product of its shape. */
MVAD_API mvad_status mvad_session_read(mvad_session *session, mvad_output output, float *values,
                                       size_t count, mvad_error *error);

MVAD_API mvad_status mvad_session_cost(const mvad_session *session, mvad_cost *cost,
                                       mvad_error *error);
MVAD_API void mvad_session_destroy(mvad_session *session);

#ifdef __cplusplus
}
#endif
#endif
