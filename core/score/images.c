#include "core/score/images.h"

#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/half.h"
#include "core/base/memory.h"

/* Index in NCHW of every element in NHWC order, walked image by image. */
#define FOR_EACH_ELEMENT(dim, nhwc, nchw)                                                        \
    for (int64_t n = 0, nhwc = 0; n < (dim)[0]; n++)                                             \
        for (int64_t pixel = 0; pixel < (dim)[1] * (dim)[2]; pixel++)                            \
            for (int64_t c = 0, nchw = n * (dim)[3] * (dim)[1] * (dim)[2] + pixel; c < (dim)[3]; \
                 c++, nhwc++, nchw += (dim)[1] * (dim)[2])

mvad_status images_stage(struct executor *executor, value_id id, const float *images, void *staging,
                         mvad_error *error)
{
    const struct value *value = &executor_graph(executor)->values[id];
    if (value->dtype == DTYPE_F64) {
        FOR_EACH_ELEMENT(value->dim, to, from)((double *)staging)[to] = images[from];
    } else if (value->dtype == DTYPE_F16) {
        FOR_EACH_ELEMENT(value->dim, to, from)
        ((uint16_t *)staging)[to] = half_from_float(images[from]);
    } else if (value->dtype == DTYPE_BF16) {
        FOR_EACH_ELEMENT(value->dim, to, from)
        ((uint16_t *)staging)[to] = bfloat16_from_float(images[from]);
    } else {
        FOR_EACH_ELEMENT(value->dim, to, from)((float *)staging)[to] = images[from];
    }
    return executor_stage(executor, id, staging, error);
}

mvad_status images_read(struct executor *executor, value_id id, float *values, mvad_error *error)
{
    const struct value *value = &executor_graph(executor)->values[id];
    void *raw = memory_allocate(value_bytes(value));
    if (!raw) return error_out_of_memory(error, value->name, value_bytes(value));
    mvad_status status = executor_read(executor, id, raw, error);
    if (!status && value->dtype == DTYPE_F64) {
        FOR_EACH_ELEMENT(value->dim, from, to) values[to] = (float)((double *)raw)[from];
    } else if (!status && value->dtype == DTYPE_F16) {
        FOR_EACH_ELEMENT(value->dim, from, to)
        values[to] = float_from_half(((uint16_t *)raw)[from]);
    } else if (!status && value->dtype == DTYPE_BF16) {
        FOR_EACH_ELEMENT(value->dim, from, to)
        values[to] = float_from_bfloat16(((uint16_t *)raw)[from]);
    } else if (!status) {
        FOR_EACH_ELEMENT(value->dim, from, to) values[to] = ((float *)raw)[from];
    }
    free(raw);
    return status;
}
