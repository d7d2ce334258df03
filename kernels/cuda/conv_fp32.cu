/* Exact convolutions of float, without tensor cores. */
#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/conv_weight.cuh"

CONV_KERNELS(fp32, Math::fp32)
CONV_WEIGHT_KERNELS(fp32, Math::fp32)
