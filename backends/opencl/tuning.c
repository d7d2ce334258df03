/* Which kernel computes a convolution. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/opencl/conv.h"
#include "core/base/error.h"

mvad_status opencl_tuning_load(struct opencl_device *device, mvad_error *error)
{
    (void)device;
    return error_clear(error);
}

void opencl_tuning_free(struct opencl_device *device)
{
    (void)device;
}

enum opencl_variant opencl_variant_of(const struct opencl_call *call)
{
    const char *forced = getenv("MVAD_OPENCL_CONV");
    enum opencl_variant v = call->device->processor ? OPENCL_VARIANT_DIRECT : OPENCL_VARIANT_TILED;
    if (forced && !strcmp(forced, "tiled")) v = OPENCL_VARIANT_TILED;
    if (forced && !strcmp(forced, "blas")) v = OPENCL_VARIANT_BLAS;
    if (call->node->op != OP_CONV2D_GRAD_WEIGHT && call->node->op != OP_CONVT2X2_GRAD_WEIGHT &&
        !opencl_conv_can(call, v))
        v = OPENCL_VARIANT_DIRECT;
    return v;
}
