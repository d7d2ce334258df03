/* cuBLAS, taken from the system when first needed. */
#ifndef CUDA_BLAS_H
#define CUDA_BLAS_H

#include "mvad.h"

/* Whether there is one. MVAD_ERROR_DEVICE with the reason. */
mvad_status cuda_blas_find(mvad_error *error);

#endif
