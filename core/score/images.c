#include "core/score/images.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/half.h"
#include "core/base/memory.h"

enum {
    BLOCK = 64, /* pixels that stay in the first cache while their channels are walked */
    ELEMENTS_A_THREAD = 1 << 16 /* fewer are not worth a thread */
};

/* How a value (N,H,W,C) is walked. */
struct walk {
    int64_t images, pixels, channels, blocks; /* blocks: of all images */
    int threads;
};

static struct walk walk_of(const struct executor *executor, const struct value *value)
{
    enum { MOST_THREADS = 8 };
    struct walk w = {.images = value->dim[0],
                     .pixels = (int64_t)value->dim[1] * value->dim[2],
                     .channels = value->dim[3]};
    const int64_t useful = value_count_elements(value) / ELEMENTS_A_THREAD;
    const int there = executor_host_threads(executor);
    w.blocks = w.images * ((w.pixels + BLOCK - 1) / BLOCK);
    w.threads = there < MOST_THREADS ? there : MOST_THREADS;
    if (useful < w.threads) w.threads = useful ? (int)useful : 1;
    return w;
}

/* Runs `convert` with the indices of every element in NHWC and in NCHW order. */
#define FOR_EACH_ELEMENT(w, nhwc, nchw, convert)                                                   \
    _Pragma(                                                                                       \
        "omp parallel for num_threads((w).threads) if ((w).threads > 1)") for (int64_t block = 0;  \
                                                                               block < (w).blocks; \
                                                                               block++)            \
    {                                                                                              \
        const int64_t row = ((w).pixels + BLOCK - 1) / BLOCK, image = block / row;                 \
        const int64_t begin = block % row * BLOCK;                                                 \
        const int64_t end = begin + BLOCK < (w).pixels ? begin + BLOCK : (w).pixels;               \
        for (int64_t c = 0; c < (w).channels; c++)                                                 \
            for (int64_t pixel = begin; pixel < end; pixel++) {                                    \
                const int64_t nhwc = (image * (w).pixels + pixel) * (w).channels + c;              \
                const int64_t nchw = (image * (w).channels + c) * (w).pixels + pixel;              \
                convert;                                                                           \
            }                                                                                      \
    }

mvad_status images_stage(struct executor *executor, value_id id, const float *images,
                         mvad_error *error)
{
    const struct value *value = &executor_graph(executor)->values[id];
    const struct walk w = walk_of(executor, value);
    void *staging = NULL;
    mvad_status status = executor_staging(executor, value_bytes(value), &staging, error);
    if (status) return status;
    if (value->dtype == DTYPE_F64) {
        double *const to = staging;
        FOR_EACH_ELEMENT(w, nhwc, nchw, to[nhwc] = images[nchw]);
    } else if (value->dtype == DTYPE_F16) {
        uint16_t *const to = staging;
        FOR_EACH_ELEMENT(w, nhwc, nchw, to[nhwc] = half_from_float(images[nchw]));
    } else if (value->dtype == DTYPE_BF16) {
        uint16_t *const to = staging;
        FOR_EACH_ELEMENT(w, nhwc, nchw, to[nhwc] = bfloat16_from_float(images[nchw]));
    } else {
        float *const to = staging;
        FOR_EACH_ELEMENT(w, nhwc, nchw, to[nhwc] = images[nchw]);
    }
    return executor_stage(executor, id, staging, error);
}

mvad_status images_read(struct executor *executor, value_id id, float *values, mvad_error *error)
{
    const struct value *value = &executor_graph(executor)->values[id];
    /* Maps and scores are what the caller wants already. */
    if (value->dtype == DTYPE_F32 && value->dim[3] == 1)
        return executor_read(executor, id, values, error);
    void *raw = memory_allocate(value_bytes(value));
    if (!raw) return error_out_of_memory(error, value->name, value_bytes(value));
    const struct walk w = walk_of(executor, value);
    mvad_status status = executor_read(executor, id, raw, error);
    if (!status && value->dtype == DTYPE_F64) {
        const double *const from = raw;
        FOR_EACH_ELEMENT(w, nhwc, nchw, values[nchw] = (float)from[nhwc]);
    } else if (!status && value->dtype == DTYPE_F16) {
        const uint16_t *const from = raw;
        FOR_EACH_ELEMENT(w, nhwc, nchw, values[nchw] = float_from_half(from[nhwc]));
    } else if (!status && value->dtype == DTYPE_BF16) {
        const uint16_t *const from = raw;
        FOR_EACH_ELEMENT(w, nhwc, nchw, values[nchw] = float_from_bfloat16(from[nhwc]));
    } else if (!status) {
        const float *const from = raw;
        FOR_EACH_ELEMENT(w, nhwc, nchw, values[nchw] = from[nhwc]);
    }
    free(raw);
    return status;
}
