/* Convolutions of bfloat16, sums in float. */
#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/conv_weight.cuh"

CONV_KERNELS(bf16, Math::bf16)
CONV_WEIGHT_KERNELS(bf16, Math::bf16)
