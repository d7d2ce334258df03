/* Convolutions of float on tensor cores, factors rounded to tf32. */
#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/conv_weight.cuh"

CONV_KERNELS(tf32, Math::tf32)
CONV_WEIGHT_KERNELS(tf32, Math::tf32)
