/* Routed attention and its gradients: half precision, sums in float. */
#include "kernels/cuda/attention_gradient.cuh"

ATTENTION_KERNELS(f16, 8)
ATTENTION_KERNELS(f16, 16)
ATTENTION_KERNELS(f16, 32)
ATTENTION_KERNELS(f16, 64)
ATTENTION_KERNELS(f16, 128)
