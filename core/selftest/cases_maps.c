/* Cases of losses and anomaly maps. */
#include "core/selftest/selftest.h"

static const struct selftest_case cases[] = {
    /* mean squared error */
    {.op = OP_MSE, .x = {1, 1, 1, 1}, .value = 5},
    {.op = OP_MSE, .x = {2, 3, 5, 7}, .value = 1},
    {.op = OP_MSE, .x = {2, 8, 8, 64}, .value = 5},
    {.op = OP_MSE, .x = {3, 5, 4, 17}, .value = 0.5, .offset = 2},
    {.op = OP_MSE, .x = {5, 32, 32, 64}, .value = 5},
    {.op = OP_MSE_GRAD, .x = {1, 1, 1, 1}, .value = 5},
    {.op = OP_MSE_GRAD, .x = {2, 3, 5, 7}, .value = 1},
    {.op = OP_MSE_GRAD, .x = {2, 8, 8, 64}, .value = 5},
    {.op = OP_MSE_GRAD, .x = {3, 5, 4, 17}, .value = 0.5, .offset = 2},
    {.op = OP_MSE_GRAD, .x = {5, 32, 32, 64}, .value = 5},

    /* cosine: zero and nearly zero vectors, equal vectors */
    {.op = OP_COSINE_MAP, .x = {1, 1, 1, 1}, .value = 1e-8},
    {.op = OP_COSINE_MAP, .x = {2, 3, 5, 7}, .value = 1e-8},
    {.op = OP_COSINE_MAP, .x = {2, 8, 8, 64}, .value = 1e-8},
    {.op = OP_COSINE_MAP, .x = {3, 5, 4, 17}, .value = 1e-8, .flags = CASE_TINY},
    {.op = OP_COSINE_MAP, .x = {1, 9, 7, 33}, .value = 1e-8, .flags = CASE_SAME},
    {.op = OP_COSINE_MAP, .x = {2, 4, 4, 1024}, .value = 1e-8, .offset = 1},
    {.op = OP_COSINE_MAP, .x = {1, 3, 3, 6}, .value = 1.5},

    /* resizing: up, down, from and to one pixel */
    {.op = OP_RESIZE, .x = {1, 1, 1, 1}, .height = 1, .width = 1, .value = 1},
    {.op = OP_RESIZE, .x = {1, 1, 1, 2}, .height = 5, .width = 7, .value = 1},
    {.op = OP_RESIZE, .x = {2, 3, 5, 7}, .height = 9, .width = 8, .value = 0.5},
    {.op = OP_RESIZE,
     .x = {2, 8, 8, 1},
     .height = 64,
     .width = 64,
     .value = 1.0 / 3,
     .flags = CASE_RESIDUAL},
    {.op = OP_RESIZE,
     .x = {3, 4, 4, 1},
     .height = 33,
     .width = 31,
     .value = 1.0 / 3,
     .flags = CASE_RESIDUAL,
     .in_place = 2},
    {.op = OP_RESIZE, .x = {1, 9, 8, 3}, .height = 4, .width = 5, .value = 2},
    {.op = OP_RESIZE, .x = {2, 6, 7, 5}, .height = 1, .width = 1, .value = 1, .flags = CASE_RESIDUAL},
    {.op = OP_RESIZE, .x = {1, 5, 5, 4}, .height = 5, .width = 5, .value = -1},
    {.op = OP_RESIZE,
     .x = {2, 16, 16, 1},
     .height = 32,
     .width = 32,
     .value = 1.0 / 3,
     .flags = CASE_RESIDUAL,
     .in_place = 2},

    /* Gaussian: radii below and far above the image's sides */
    {.op = OP_GAUSSIAN_BLUR, .x = {1, 1, 1, 1}, .value = 4},
    {.op = OP_GAUSSIAN_BLUR, .x = {2, 3, 5, 1}, .value = 4},
    {.op = OP_GAUSSIAN_BLUR, .x = {1, 33, 31, 1}, .value = 4},
    {.op = OP_GAUSSIAN_BLUR, .x = {2, 48, 48, 1}, .value = 4},
    {.op = OP_GAUSSIAN_BLUR, .x = {3, 20, 7, 1}, .value = 1},
    {.op = OP_GAUSSIAN_BLUR, .x = {1, 9, 40, 1}, .value = 1.3},
    {.op = OP_GAUSSIAN_BLUR, .x = {2, 5, 5, 1}, .value = 0.1},

    /* maximum of an image */
    {.op = OP_MAX, .x = {1, 1, 1, 1}, .offset = -2},
    {.op = OP_MAX, .x = {2, 3, 5, 7}, .offset = -2},
    {.op = OP_MAX, .x = {5, 64, 64, 1}},
    {.op = OP_MAX, .x = {3, 5, 4, 17}},
    {.op = OP_MAX, .x = {7, 33, 31, 1}, .offset = -2},
};

const struct selftest_case *selftest_cases_maps(size_t *count)
{
    *count = sizeof cases / sizeof *cases;
    return cases;
}
