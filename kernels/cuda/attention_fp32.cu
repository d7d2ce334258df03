/* Routed attention and its gradients: exact products of float. */
#include "kernels/cuda/attention_gradient.cuh"

ATTENTION_KERNELS(fp32, 8)
ATTENTION_KERNELS(fp32, 16)
ATTENTION_KERNELS(fp32, 32)
ATTENTION_KERNELS(fp32, 64)
ATTENTION_KERNELS(fp32, 128)
