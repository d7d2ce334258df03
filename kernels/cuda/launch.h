/* What the plans beside this page give the host: a kernel's name and how it is launched. */
#ifndef KERNELS_CUDA_LAUNCH_H
#define KERNELS_CUDA_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

/* How a product is computed, and so how values are stored: float (exact, or factors rounded to tf32), half,
 * bfloat16. Biases, statistics and gradients of parameters are float in all of them. */
enum cuda_math { CUDA_FP32, CUDA_TF32, CUDA_F16, CUDA_BF16 };

struct cuda_launch {
    char kernel[48];                          /* "" where nothing is to be launched */
    unsigned grid[3], block[3], shared_bytes; /* of dynamic memory, 48 KiB at most */
};

static inline unsigned cuda_element_bytes(enum cuda_math math)
{
    return math == CUDA_FP32 || math == CUDA_TF32 ? 4 : 2;
}

static inline const char *cuda_math_name(enum cuda_math math)
{
    return math == CUDA_FP32 ? "fp32" : math == CUDA_TF32 ? "tf32" : math == CUDA_F16 ? "f16" : "bf16";
}

/* Of kernels that do not care how products are computed. */
static inline const char *cuda_storage_name(enum cuda_math math)
{
    return math == CUDA_F16 ? "f16" : math == CUDA_BF16 ? "bf16" : "f32";
}

/* What a device of this compute capability (major * 10 + minor) can do in place of `math`: before 8.0, floats are
 * multiplied exactly. -1 where it cannot: bfloat16 before 8.0. */
static inline int cuda_math_on(enum cuda_math math, int capability)
{
    if (capability >= 80) return (int)math;
    return math == CUDA_BF16 ? -1 : math == CUDA_TF32 ? (int)CUDA_FP32 : (int)math;
}

static inline int64_t cuda_divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Threads of one dimension, one for each of `count`. */
static inline void cuda_launch_1d(struct cuda_launch *launch, int64_t count, unsigned threads)
{
    launch->grid[0] = (unsigned)cuda_divide_up(count, threads);
    launch->block[0] = threads;
    launch->grid[1] = launch->grid[2] = launch->block[1] = launch->block[2] = 1;
    launch->shared_bytes = 0;
}

#endif
