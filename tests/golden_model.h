/* Models and files for tests against PyTorch's numbers. */
#ifndef TESTS_GOLDEN_MODEL_H
#define TESTS_GOLDEN_MODEL_H

#include <stdbool.h>

#include "core/model/model.h"
#include "core/weights/safetensors.h"

/* Element i of the pseudo-random stream of a name, in [-1, 1): FNV-1a-64 of the name, then
 * splitmix64's mix of h + (i + 1) * 0x9E3779B97F4A7C15, its upper 24 bits. The golden files'
 * parameters and inputs come from it. */
double golden_uniform(const char *name, uint64_t index);

/* A model of the configuration in a golden file's metadata, every parameter filled from its name:
 * running_var and one-dimensional .weight 1 + 0.2 s, running_mean and .bias 0.1 s, others s sqrt(3
 * / fan in), rounded to float. Fails the running test on any error. */
mvad_model *golden_model(const mvad_tensors *golden);

/* Opens a golden file of the folder, or of MVAD_GOLDEN_DIR where that is set (for programs that are run on a
 * machine they were not built on), or returns NULL where it does not exist. Fails the running test where it is
 * broken. */
mvad_tensors *golden_open(const char *folder, const char *name);

/* A float tensor that must be there. */
mvad_tensor_view golden_find(const mvad_tensors *golden, const char *name);

/* A double tensor of at least `count` elements that must be there. */
const double *golden_find_double(const mvad_tensors *golden, const char *name, size_t count);

/* Largest difference over the largest expected value; NaN counts as infinite. */
double golden_error(const float *values, const float *expected, size_t count);

#endif
