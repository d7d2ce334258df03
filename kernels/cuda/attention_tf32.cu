/* Routed attention and its gradients: floats on tensor cores, factors rounded to tf32. */
#include "kernels/cuda/attention_gradient.cuh"

ATTENTION_KERNELS(tf32, 8)
ATTENTION_KERNELS(tf32, 16)
ATTENTION_KERNELS(tf32, 32)
ATTENTION_KERNELS(tf32, 64)
ATTENTION_KERNELS(tf32, 128)
