/* What was measured on a device: which kernel computes a convolution of a shape, and parameters of the
 * BLAS. Kept in a text file, a line each:
 *
 *     # any comment
 *     conv conv2d:64x64x64:64x3x3x64:s1p1:f32 direct
 *     gemm Xgemm 32 GEMMK=0 KREG=1 ...
 *
 * The file is MVAD_OPENCL_TUNING, else one for each device in the cache folder. Lines that are no such
 * lines are an error of a file that was named, and skipped in one of the cache. */
#ifndef OPENCL_TUNING_H
#define OPENCL_TUNING_H

#include "backends/opencl/opencl.h"

enum { TUNING_KEY = 112, TUNING_LINE = 512 };

struct opencl_tuning {
    struct tuned_shape {
        char key[TUNING_KEY];
        enum launch_variant variant;
    } * shape;
    size_t count, capacity;
    char gemm[TUNING_LINE]; /* the line, "" for CLBlast's own parameters */
    bool changed;
    bool searching;                /* `mvad tune` runs */
    bool measuring;                /* a measurement runs: */
    enum launch_variant candidate; /* what it measures */
};

const char *opencl_variant_name(enum launch_variant variant);

/* Remembers a variant; without memory it is measured again the next time. */
void opencl_tuning_add(struct opencl_tuning *tuning, const char *key, enum launch_variant variant);

mvad_status opencl_tuning_load(struct opencl_device *device, mvad_error *error);
/* Writes the file if anything was measured since; a failure is told only where the file was named. */
mvad_status opencl_tuning_save(struct opencl_device *device, mvad_error *error);
void opencl_tuning_free(struct opencl_device *device);

/* Hands parameters, as in a line of the file behind "gemm", to CLBlast. */
mvad_status opencl_gemm_override(struct opencl_device *device, const char *line, mvad_error *error);

/* Seconds of one convolution like this node's, on one image, by a variant; below 0 where it fails. */
double opencl_measure(const struct launch_call *call, enum launch_variant variant);

#endif
