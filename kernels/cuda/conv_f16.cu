/* Convolutions of half precision, sums in float. */
#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/conv_weight.cuh"

CONV_KERNELS(f16, Math::f16)
CONV_WEIGHT_KERNELS(f16, Math::f16)
