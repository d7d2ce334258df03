/* Routed attention and its gradients: bfloat16, sums in float. */
#include "kernels/cuda/attention_gradient.cuh"

ATTENTION_KERNELS(bf16, 8)
ATTENTION_KERNELS(bf16, 16)
ATTENTION_KERNELS(bf16, 32)
ATTENTION_KERNELS(bf16, 64)
ATTENTION_KERNELS(bf16, 128)
