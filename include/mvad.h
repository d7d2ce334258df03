/* mvad: multi-view anomaly detection. The public C API.
 *
 * Score one part photographed from five sides:
 *
 *     mvad_error error;
 *     mvad_device *device = NULL;
 *     mvad_model *model = NULL;
 *     mvad_session *session = NULL;
 *     mvad_session_options options = mvad_session_options_default();
 *     float score = 0;
 *
 *     if (mvad_device_open("cpu", 0, &device, &error) ||
 *         mvad_model_load("model.safetensors", NULL, &model, &error) ||
 *         mvad_session_create(model, device, &options, &session, &error) ||
 *         mvad_session_run(session, images, &error) ||            // float (5, 3, 256, 256)
 *         mvad_session_read(session, MVAD_OUTPUT_SAMPLE_SCORE, &score, 1, &error))
 *         fprintf(stderr, "%s\n", error.message);
 *
 *     mvad_session_destroy(session);
 *     mvad_model_destroy(model);
 *     mvad_device_close(device);
 *
 * Conventions
 *   - Every function that can fail returns an mvad_status (MVAD_OK is 0) and, where `error` is not
 *     NULL, writes one line there that names what was wrong. The library never prints, exits or
 *     aborts, and keeps no global state, but for the function that mvad_log_set gives messages to,
 *     and one thing that is not its own: opening a CPU device sets OpenBLAS, which has one setting a
 *     process, to one thread.
 *   - `destroy` and `close` accept NULL. Output pointers are set to NULL on failure.
 *   - Images and features are NCHW, float32, images outermost: samples * views, views of a sample
 *     consecutive. Images are normalised: (pixel / 255 - mean) / std, mean (0.485, 0.456, 0.406),
 *     std (0.229, 0.224, 0.225).
 *   - Structures grow from version to version without programs being compiled anew. Options begin with
 *     their size. mvad_X_options_default() gives the defaults in the size that the program was compiled
 *     with; it is made of mvad_X_options_init(), which other languages call: it writes that many bytes,
 *     and takes the size of options inside separately. What options lack that an older mvad.h did not
 *     have yet takes its default; what a newer one has and the library does not know must be zero, else
 *     MVAD_ERROR_INVALID_ARGUMENT. What the library fills has a fixed size and keeps `reserved` fields
 *     for later, set to zero; what it only shows to a callback may grow at its end. The numbers of
 *     MVAD_SCALES, MVAD_METRIC_COUNT and MVAD_IDENTITY, and mvad_error, mvad_score_scale and
 *     mvad_thresholds stay as they are.
 *   - Threads: a model and a data set may be read by any number of threads at a time, and a CPU device
 *     serves as many; a session, a trainer and what else is made belong to one thread at a time, and so
 *     does an OpenCL device with all that is made on it. Results have the same bits for every number of
 *     threads.
 */
#ifndef MVAD_H
#define MVAD_H

#include <stddef.h>
#include <stdint.h>

#define MVAD_VERSION_MAJOR 0
#define MVAD_VERSION_MINOR 1
#define MVAD_VERSION_PATCH 0

#if defined(_WIN32)
#define MVAD_API
#else
#define MVAD_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ---- */

typedef enum mvad_status {
    MVAD_OK = 0,
    MVAD_ERROR_INVALID_ARGUMENT, /* a value outside its documented range, or shapes that do not fit together */
    MVAD_ERROR_OUT_OF_MEMORY, /* of the host or of the device */
    MVAD_ERROR_IO,            /* a file could not be opened, read, written or replaced */
    MVAD_ERROR_FORMAT,        /* a file was read but is not what it should be */
    MVAD_ERROR_UNSUPPORTED,   /* the device or this build cannot do it */
    MVAD_ERROR_DEVICE,        /* no such device, or it failed while running */
    MVAD_ERROR_NUMERIC        /* a NaN or an infinity where a number was needed */
} mvad_status;

typedef struct mvad_error {
    mvad_status status;
    char message[512]; /* one line, no trailing newline; empty when status is MVAD_OK */
} mvad_error;

/* The library's version, "major.minor.patch". */
MVAD_API const char *mvad_version(void);

/* A short English name of a status, for example "out of memory". Never NULL. */
MVAD_API const char *mvad_status_name(mvad_status status);

/* ---- messages ---- */

typedef enum mvad_log_level {
    MVAD_LOG_NONE = 0,
    MVAD_LOG_WARNING, /* something could not be used, and another way to the same result was taken */
    MVAD_LOG_INFO     /* what was opened, made anew, measured or chosen */
} mvad_log_level;

/* `line`: one line without an end, valid during the call. */
typedef void (*mvad_log_function)(mvad_log_level level, const char *line, void *user);

/* Gives messages up to this level to `function`, for the whole process, from now on; MVAD_LOG_NONE or NULL
 * ends it, which is how it begins. Errors are not among them: those are returned. The function is called
 * from any thread that is in the library, its own ones included, by one at a time, and must not call the
 * library. On return from mvad_log_set the function set before is not running and is not called again. */
MVAD_API void mvad_log_set(mvad_log_level level, mvad_log_function function, void *user);

/* ---- configuration ---- */

#define MVAD_SCALES 3
#define MVAD_MAX_VIEWS 16
#define MVAD_MAX_BLOCKS 8
#define MVAD_MAX_IMAGE_SIZE 1024

typedef enum mvad_backbone {
    MVAD_BACKBONE_RESNET18 = 0,
    MVAD_BACKBONE_RESNET34,
    MVAD_BACKBONE_RESNET50,
    MVAD_BACKBONE_WIDE_RESNET50_2,
    MVAD_BACKBONE_COUNT
} mvad_backbone;

/* What the keys, queries and values of the cross-view attention are. */
typedef enum mvad_projection {
    MVAD_PROJECTION_NONE = 0, /* the features themselves (the authors' released code) */
    MVAD_PROJECTION_QKV,      /* three linear layers of them (the paper, equation 2) */
    MVAD_PROJECTION_COUNT
} mvad_projection;

typedef struct mvad_config {
    mvad_backbone backbone;
    mvad_projection projection;
    int32_t route_projection; /* 0 or 1: a linear layer on the queries before routing (Table VI, rows 3 and 6) */
    int32_t views;      /* views of a sample, 1 to MVAD_MAX_VIEWS */
    int32_t image_size; /* pixels a side, a multiple of 32 from 32 to MVAD_MAX_IMAGE_SIZE */
    int32_t windows[MVAD_SCALES]; /* attention windows a side at strides 4, 8, 16 */
    int32_t topk[MVAD_SCALES]; /* windows of the other views a window attends to (all, where there are fewer) */
    int32_t blocks[MVAD_SCALES]; /* attention blocks at each scale, 1 to MVAD_MAX_BLOCKS */
    int32_t reserved[8];         /* 0 */
} mvad_config;

/* The paper's default: resnet34, qkv, 5 views, 256 pixels, windows 8,8,8, top-K 16,32,64, blocks
 * 1,2,4. */
MVAD_API mvad_config mvad_config_default(void);

/* MVAD_OK, or MVAD_ERROR_INVALID_ARGUMENT naming the first field out of range and its rule. */
MVAD_API mvad_status mvad_config_check(const mvad_config *config, mvad_error *error);

/* "resnet34" and so on; NULL for a value out of range. */
MVAD_API const char *mvad_backbone_name(mvad_backbone backbone);
MVAD_API const char *mvad_projection_name(mvad_projection projection);

/* The inverse; MVAD_ERROR_INVALID_ARGUMENT lists the known names. */
MVAD_API mvad_status mvad_backbone_from_name(const char *name, mvad_backbone *backbone,
                                             mvad_error *error);
MVAD_API mvad_status mvad_projection_from_name(const char *name, mvad_projection *projection,
                                               mvad_error *error);

/* ---- tensor files (safetensors, PyTorch) ---- */

/* Named float32 tensors and string metadata in memory, as read from a .safetensors file or one of
 * PyTorch's, or to be written to a .safetensors file. */
typedef struct mvad_tensors mvad_tensors;

typedef struct mvad_tensor_view {
    const char *name;  /* owned by the set */
    const float *data; /* row-major, owned by the set */
    int32_t rank;      /* 0 to 8 */
    int64_t shape[8];
    size_t count; /* elements: the product of shape, 1 for rank 0 */
    uint64_t reserved[4];
} mvad_tensor_view;

/* An empty set. */
MVAD_API mvad_status mvad_tensors_create(mvad_tensors **tensors, mvad_error *error);

/* Reads a file: safetensors, or a state dict of torch.save in its zip archive, its old stream or its
 * oldest tar archive, which the content tells, not the name. F32 is taken as it is; F64, F16 and BF16
 * are converted; integer tensors are an error when they are asked for, not when the file is read. A
 * state dict may lie under `state_dict`, `net` or `model` of what was saved; where all names begin
 * with `module.`, that is taken off. Nothing in a file is executed, and every rule of a format is
 * checked before data are used: MVAD_ERROR_IO or MVAD_ERROR_FORMAT with the file's name. */
MVAD_API mvad_status mvad_tensors_load(const char *path, mvad_tensors **tensors, mvad_error *error);

/* Writes to a temporary file beside `path`, syncs it and renames it over `path`: a failure leaves
 * the old file. */
MVAD_API mvad_status mvad_tensors_save(const mvad_tensors *tensors, const char *path,
                                       mvad_error *error);

/* Makes every tensor of a float type F32, so that it is saved as such. Other types stay. */
MVAD_API void mvad_tensors_make_float32(mvad_tensors *tensors);

/* Copies a tensor in. A name already present is MVAD_ERROR_INVALID_ARGUMENT. */
MVAD_API mvad_status mvad_tensors_add(mvad_tensors *tensors, const char *name, int32_t rank,
                                      const int64_t *shape, const float *data, mvad_error *error);

/* Number of tensors, and the i-th in the order of the file's header (or of adding). `data` is NULL
 * for a tensor that is not of a float type. */
MVAD_API size_t mvad_tensors_count(const mvad_tensors *tensors);
MVAD_API mvad_status mvad_tensors_at(const mvad_tensors *tensors, size_t index,
                                     mvad_tensor_view *view, mvad_error *error);

/* The tensor of that name; MVAD_ERROR_FORMAT naming the file and the tensor where it is missing or
 * not a float type. */
MVAD_API mvad_status mvad_tensors_find(const mvad_tensors *tensors, const char *name,
                                       mvad_tensor_view *view, mvad_error *error);

/* Metadata: the value, or NULL; set copies both strings and replaces an old value. */
MVAD_API const char *mvad_tensors_metadata(const mvad_tensors *tensors, const char *key);
MVAD_API mvad_status mvad_tensors_set_metadata(mvad_tensors *tensors, const char *key,
                                               const char *value, mvad_error *error);

MVAD_API void mvad_tensors_destroy(mvad_tensors *tensors);

/* ---- devices ---- */

typedef struct mvad_device mvad_device;

typedef struct mvad_device_info {
    char id[32];           /* "cpu", "opencl:0" */
    char name[128];        /* the processor's name */
    char details[256];     /* instruction set and libraries in use */
    int32_t threads;       /* worker threads; 0 where it means nothing */
    uint64_t memory_bytes; /* memory of the device */
    uint64_t reserved[4];
} mvad_device_info;

/* Calls `found` for each device that can be opened, and `missing` (may be NULL) for each backend that
 * has none, with a line that says why: no driver, no device, not part of this build. */
MVAD_API mvad_status mvad_device_list(void (*found)(const mvad_device_info *info, void *user),
                                      void (*missing)(const char *backend, const char *reason,
                                                      void *user),
                                      void *user, mvad_error *error);

/* Opens a device by id ("cpu", "opencl:0"). threads: workers of a CPU device, 0 for one a core; other
 * devices ignore it. Unknown id: MVAD_ERROR_DEVICE. */
MVAD_API mvad_status mvad_device_open(const char *id, int32_t threads, mvad_device **device,
                                      mvad_error *error);
MVAD_API mvad_status mvad_device_describe(const mvad_device *device, mvad_device_info *info,
                                          mvad_error *error);

typedef enum mvad_precision {
    MVAD_PRECISION_F32 = 0,
    MVAD_PRECISION_F64, /* CPU, and OpenCL devices with doubles: for checking numbers */
    /* Activations and weights in 16 bits, sums, statistics and everything the optimizer keeps in float; OpenCL and
     * CUDA. F16 has 11 digits and trains with a loss scale; BF16 has 8 digits and a float's range. */
    MVAD_PRECISION_F16,
    MVAD_PRECISION_BF16,
    MVAD_PRECISION_TF32, /* F32 whose products round their factors to 11 digits; CUDA */
    MVAD_PRECISION_COUNT
} mvad_precision;

/* Rate of the device's own matrix product, size x size x size, in multiply-adds a second: the
 * median of `repeats` runs, with factors of this precision. The yardstick of mvad-bench. A device that computes 16-bit
 * values in float has one rate for them all; MVAD_ERROR_UNSUPPORTED for a precision it does not have. */
MVAD_API mvad_status mvad_device_gemm_rate(mvad_device *device, mvad_precision precision,
                                           int64_t size, int32_t repeats, double *macs_per_second,
                                           mvad_error *error);

/* Rate of a copy of `bytes` (1 to 2^32) bytes within the device's memory, in bytes a second, read and
 * written ones counted: the median of `repeats` runs. MVAD_ERROR_UNSUPPORTED where a backend cannot
 * measure it. */
MVAD_API mvad_status mvad_device_copy_rate(mvad_device *device, size_t bytes, int32_t repeats,
                                           double *bytes_per_second, mvad_error *error);

/* Memory of the device that sessions and trainers hold: now, and the most since the last call. What
 * drivers and libraries take beside it is not counted. */
MVAD_API mvad_status mvad_device_memory(mvad_device *device, uint64_t *bytes, uint64_t *peak,
                                        mvad_error *error);

/* Measures on the device which kernels serve an inference and a training step of `samples` samples
 * best, instead of at the first use of each shape, and keeps it in the device's tuning file for all
 * later runs. `report` gets a line for each choice. MVAD_ERROR_UNSUPPORTED where nothing is chosen by
 * measuring (the CPU). */
MVAD_API mvad_status mvad_device_tune(mvad_device *device, const mvad_config *config,
                                      int32_t samples, void (*report)(const char *line, void *user),
                                      void *user, mvad_error *error);

/* Close after the sessions and trainers on it are destroyed. */
MVAD_API void mvad_device_close(mvad_device *device);

/* ---- models ---- */

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

/* ---- what a computation costs ---- */

typedef struct mvad_cost {
    uint64_t parameters; /* of teacher, fusion and student, without running statistics (the paper's count) */
    uint64_t parameters_trainable; /* those that training changes: fusion and student */
    double macs; /* multiply-adds of one pass, counted as the paper does (see docs/architecture.md) */
    double macs_executed; /* of convolutions, matrix products and attention, after fusion, as executed */
    double traffic_bytes;       /* bytes all nodes read and write, caches left aside */
    uint64_t weights_bytes;     /* parameters, gradients and optimizer state on the device */
    uint64_t activations_bytes; /* the planned arena: activations and workspaces together */
    uint64_t nodes;             /* graph nodes after fusion */
    uint64_t reserved[4];
} mvad_cost;

/* ---- inference ---- */

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

/* ---- training ---- */

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

/* ---- synthetic data sets ---- */

/* Rendered data sets: parts in three dimensions, photographed from above and from four sides. */
#define MVAD_SYNTH_CLASSES 4
#define MVAD_SYNTH_VIEWS 5
#define MVAD_SYNTH_MAX_SAMPLES 9999 /* of a class, training and test samples together */

typedef struct mvad_synth_options {
    size_t size;           /* of the structure; set by ..._default */
    int32_t classes;       /* 1 to MVAD_SYNTH_CLASSES (default): the first so many kinds of part */
    int32_t samples_train; /* of each class, 0 or more, default 20; all good */
    int32_t samples_test;  /* of each class, 0 or more, default 12; every second one has a defect */
    int32_t image_size;    /* pixels a side, 32 to MVAD_MAX_IMAGE_SIZE, default 256 */
    int32_t threads;       /* 0 (default): as many as OpenMP would use */
    uint64_t seed;         /* default 1 */
} mvad_synth_options;

/* Called after every sample with the number of images written so far and of all: from any of the
 * threads, but by one at a time. Anything but 0 stops the work. */
typedef int (*mvad_synth_progress)(int64_t done, int64_t total, void *user);

MVAD_API void mvad_synth_options_init(mvad_synth_options *options, size_t size);

static inline mvad_synth_options mvad_synth_options_default(void)
{
    mvad_synth_options options;
    mvad_synth_options_init(&options, sizeof options);
    return options;
}

/* The name of a class, 0 to MVAD_SYNTH_CLASSES - 1: "machined_plate" and so on; NULL for a number
 * out of range. */
MVAD_API const char *mvad_synth_class_name(int32_t index);

/* Renders a data set in Real-IAD's layout:
 *
 *     FOLDER/realiad_jsons/CLASS.json
 *     FOLDER/realiad_SIZE/CLASS/OK/S0001/CLASS_0001_OK_C1_DATE.jpg
 *     FOLDER/realiad_SIZE/CLASS/NG/YW/S0022/CLASS_0022_NG_YW_C1_DATE.jpg, its mask .png
 *     FOLDER/synth.txt                                                      the options
 *
 * C1 is the view from above. SIZE is 256, 512 or 1024, and "raw" for all other sizes. The defects
 * take turns: pit (AK), deformation (BX), scratch (HS), missing part (QS), foreign object (YW),
 * contamination (ZW). They are made on the part, so a view shows one only if it can see it. A mask
 * marks the pixels in which the surface seen, not only its light, is another than it would be
 * without the defect; a view with fewer than 12 of them (at 256 x 256) counts as normal and has no
 * mask.
 *
 * The same options give the same bytes, whatever the number of threads. The folder is made where it
 * does not exist. One that holds anything is refused, unless synth.txt tells that it comes from
 * these options: the work is then done again. A class's JSON file is written last, so a set that is
 * not complete has none. A stop asked for by `progress` leaves such a set and is no error: MVAD_OK.
 * Errors: MVAD_ERROR_INVALID_ARGUMENT, MVAD_ERROR_IO, MVAD_ERROR_OUT_OF_MEMORY. */
MVAD_API mvad_status mvad_synth_write(const char *folder, const mvad_synth_options *options,
                                      mvad_synth_progress progress, void *user, mvad_error *error);

/* ---- data sets ---- */

/* Which images there are: classes, samples, views, and what is known of them. Three kinds are told
 * apart by what lies at the path: Real-IAD (JSON files and images, in any of its layouts), folders
 * (ROOT/CLASS/{train,test}/{good,DEFECT}/SAMPLE/VIEW.png, masks in ground_truth), or a manifest
 * (.csv or .jsonl). */
typedef struct mvad_dataset mvad_dataset;

typedef enum mvad_label { MVAD_NORMAL = 0, MVAD_ANOMALOUS, MVAD_UNLABELLED } mvad_label;

typedef struct mvad_dataset_options {
    size_t size;         /* of the structure; set by ..._default */
    const char *variant; /* of Real-IAD's JSON files: "sv", "fuiad_0.1", ..; NULL: the usual ones */
    const char *classes; /* comma-separated names; NULL: all */
    int32_t image_size;  /* picks among the sizes Real-IAD lies there in; 0: the smallest */
    int32_t reserved;    /* 0 */
} mvad_dataset_options;

typedef struct mvad_dataset_class {
    const char *name; /* owned by the data set */
    uint64_t train_samples, test_samples;
    uint64_t anomalous_samples; /* of both splits */
    uint64_t views, anomalous_views;
    uint64_t reserved[4];
} mvad_dataset_class;

typedef struct mvad_dataset_problem {
    const char *kind; /* static: "broken image", "missing mask", .. */
    const char *text; /* one line that names the file or the sample; valid during the call */
    int32_t fatal;    /* 1: the sample cannot be used; 0: a warning */
} mvad_dataset_problem;

MVAD_API void mvad_dataset_options_init(mvad_dataset_options *options, size_t size);

static inline mvad_dataset_options mvad_dataset_options_default(void)
{
    mvad_dataset_options options;
    mvad_dataset_options_init(&options, sizeof options);
    return options;
}

/* Reads the index; no image is decoded. MVAD_ERROR_IO or MVAD_ERROR_FORMAT name the file. */
MVAD_API mvad_status mvad_dataset_open(const char *path, const mvad_dataset_options *options,
                                       mvad_dataset **dataset, mvad_error *error);

/* One test part of unknown label from its photographs: class "" and this name, one view a file in the
 * order given, called "1", "2", .. No file is looked at. */
MVAD_API mvad_status mvad_dataset_from_images(const char *name, const char *const *images,
                                              size_t count, mvad_dataset **dataset,
                                              mvad_error *error);

/* The same for a part of a class ("" for none), with names of its views: they are taken in the order of
 * their names, numbers in them as numbers. NULL for `views`: "1", "2", .. */
MVAD_API mvad_status mvad_dataset_from_views(const char *class_name, const char *name,
                                             const char *const *views, const char *const *images,
                                             size_t count, mvad_dataset **dataset,
                                             mvad_error *error);

/* "Real-IAD", "folders", "manifest" or "images"; and the classes, in order of their names. */
MVAD_API const char *mvad_dataset_kind(const mvad_dataset *dataset);
MVAD_API size_t mvad_dataset_class_count(const mvad_dataset *dataset);
MVAD_API mvad_status mvad_dataset_class_at(const mvad_dataset *dataset, size_t index,
                                           mvad_dataset_class *result, mvad_error *error);

typedef struct mvad_dataset_check_options {
    size_t size;     /* of the structure; set by ..._default */
    int32_t threads; /* 0: one a core */
    int32_t remove;  /* 1: samples with a fatal problem are taken out of the data set */
    void (*problem)(const mvad_dataset_problem *problem, void *user); /* once each; may be NULL */
    /* After each view, from any thread, one at a time; not 0 stops; may be NULL. */
    int32_t (*progress)(size_t done, size_t total, void *user);
    void *user;
} mvad_dataset_check_options;

MVAD_API void mvad_dataset_check_options_init(mvad_dataset_check_options *options, size_t size);

static inline mvad_dataset_check_options mvad_dataset_check_options_default(void)
{
    mvad_dataset_check_options options;
    mvad_dataset_check_options_init(&options, sizeof options);
    return options;
}

/* Decodes every image and mask. *fatal: problems that make a sample unusable. Problems are reported,
 * not returned as errors. Stopped by `progress`: MVAD_OK, no problems, nothing taken out. */
MVAD_API mvad_status mvad_dataset_check(mvad_dataset *dataset,
                                        const mvad_dataset_check_options *options, size_t *fatal,
                                        mvad_error *error);

typedef struct mvad_cache_options {
    size_t size;        /* of the structure; set by ..._default */
    const char *folder; /* made if missing */
    int32_t image_size; /* pixels a side that the images are resized to */
    int32_t threads;    /* 0: one a core */
    /* After each image, from any thread, one at a time; not 0 stops; may be NULL. */
    int32_t (*progress)(size_t done, size_t total, void *user);
    void *user;
} mvad_cache_options;

MVAD_API void mvad_cache_options_init(mvad_cache_options *options, size_t size);

static inline mvad_cache_options mvad_cache_options_default(void)
{
    mvad_cache_options options;
    mvad_cache_options_init(&options, sizeof options);
    return options;
}

/* From now on images and masks of that size come from a file of decoded ones in the folder:
 * image_size^2 * 3 bytes an image and image_size^2 a mask. It is made now if it is missing, was made
 * from other files (told by path, size and times of change) or by another version, or is damaged;
 * *built (may be NULL): whether it was. Every block has a checksum: one that is damaged is decoded
 * from its source instead, and the file is made anew the next time. Images are the same with and
 * without a cache. What changes while the data set is open is not seen. Any number of data sets, sizes
 * and processes may share a folder; a choice of classes or samples is a data set of its own. A data
 * set has one cache at a time: a second call replaces the first. A source that cannot be decoded is
 * left to whoever asks for its image. MVAD_ERROR_IO names the cache's file or folder; the data set is
 * then as it was. Stopped by `progress`: MVAD_OK, *built 0, no new file, the data set as it was. */
MVAD_API mvad_status mvad_dataset_cache(mvad_dataset *dataset, const mvad_cache_options *options,
                                        int32_t *built, mvad_error *error);

MVAD_API void mvad_dataset_close(mvad_dataset *dataset);

/* ---- names of files ---- */

/* Names for files about parts of a data set, whose own names may hold anything. */
typedef struct mvad_file_names mvad_file_names;

MVAD_API mvad_status mvad_file_names_create(mvad_file_names **names, mvad_error *error);

/* The texts joined by underscores, empty ones left out; the caller adds folder and ending. A slash
 * becomes an underscore, a dot at the begin too, and other bytes than ASCII letters, digits, dots,
 * dashes and underscores become %XX. What has been given out before (class a_b with part c, class a
 * with part b_c) gets ~2, ~3 .. behind it. *name is valid until the next call. */
MVAD_API mvad_status mvad_file_names_next(mvad_file_names *names, const char *const *texts,
                                          size_t count, const char **name, mvad_error *error);
MVAD_API void mvad_file_names_destroy(mvad_file_names *names);

/* ---- evaluation ---- */

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

/* ---- calibration ---- */

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
    int32_t reserved;                                           /* 0 */
    int32_t (*progress)(size_t done, size_t total, void *user); /* not 0 stops; may be NULL */
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

/* ---- training runs ---- */

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
    void *user;
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

/* ---- prediction ---- */

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

/* ---- counting and checking ---- */

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
