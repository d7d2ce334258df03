/* Cases of ops that work element by element, and of pooling, norms and the optimizer. */
#include "core/selftest/selftest.h"

static const struct selftest_case cases[] = {
    /* addition: residuals and the position encoding */
    {.op = OP_ADD, .x = {1, 1, 1, 1}},
    {.op = OP_ADD, .x = {2, 3, 5, 7}, .flags = CASE_RELU},
    {.op = OP_ADD, .x = {2, 8, 8, 64}, .in_place = 1},
    {.op = OP_ADD, .x = {3, 5, 4, 17}, .flags = CASE_RELU, .in_place = 2},
    {.op = OP_ADD, .x = {5, 4, 4, 33}, .flags = CASE_BROADCAST, .in_place = 1},
    {.op = OP_ADD, .x = {2, 16, 16, 32}, .flags = CASE_BROADCAST | CASE_RELU},
    {.op = OP_ADD, .x = {2, 6, 5, 9}, .flags = CASE_SAME},
    {.op = OP_ADD, .x = {2, 7, 5, 10}, .flags = CASE_KEEP, .in_place = 1},
    {.op = OP_ADD, .x = {1, 3, 3, 13}, .flags = CASE_BROADCAST},
    {.op = OP_ADD, .x = {3, 3, 3, 4}, .flags = CASE_BROADCAST | CASE_RELU},
    {.op = OP_ADD, .x = {4, 1, 5, 1}, .flags = CASE_BROADCAST},
    {.op = OP_ADD, .x = {1, 3, 3, 4}, .in_place = 2},
    {.op = OP_ADD, .x = {3, 37, 29, 31}, .flags = CASE_RELU},
    {.op = OP_ADD, .x = {3, 37, 29, 31}, .flags = CASE_BROADCAST},

    /* rectified linear unit */
    {.op = OP_RELU, .x = {1, 1, 1, 1}},
    {.op = OP_RELU, .x = {2, 3, 5, 7}},
    {.op = OP_RELU, .x = {2, 8, 8, 64}, .in_place = 1},
    {.op = OP_RELU, .x = {3, 5, 4, 17}, .in_place = 1},
    {.op = OP_RELU, .x = {1, 33, 31, 5}},
    {.op = OP_RELU, .x = {2, 7, 5, 10}, .flags = CASE_KEEP, .in_place = 1},
    {.op = OP_RELU, .x = {3, 37, 29, 31}},
    {.op = OP_RELU_GRAD, .x = {3, 37, 29, 31}},
    {.op = OP_RELU_GRAD, .x = {1, 1, 1, 1}},
    {.op = OP_RELU_GRAD, .x = {2, 3, 5, 7}},
    {.op = OP_RELU_GRAD, .x = {2, 8, 8, 64}, .in_place = 1},
    {.op = OP_RELU_GRAD, .x = {3, 5, 4, 17}, .in_place = 1},
    {.op = OP_RELU_GRAD, .x = {1, 33, 31, 5}},
    {.op = OP_RELU_GRAD, .x = {1, 3, 3, 4}},

    /* dropout and drop path: topk is the salt */
    {.op = OP_DROPOUT, .x = {1, 1, 1, 1}, .value = 0.5},
    {.op = OP_DROPOUT, .x = {2, 3, 5, 7}, .value = 0.1, .topk = 1},
    {.op = OP_DROPOUT, .x = {2, 8, 8, 64}, .value = 0.1, .topk = 7, .in_place = 1},
    {.op = OP_DROPOUT, .x = {3, 5, 4, 17}, .value = 0.9, .topk = 123456, .in_place = 1},
    {.op = OP_DROPOUT, .x = {7, 3, 3, 5}, .value = 0.4, .topk = 2, .flags = CASE_PER_IMAGE},
    {.op = OP_DROPOUT,
     .x = {13, 1, 2, 1},
     .value = 0.5,
     .topk = 3,
     .flags = CASE_PER_IMAGE,
     .in_place = 1},
    {.op = OP_DROPOUT, .x = {5, 32, 32, 12}, .value = 0.25, .topk = 4},
    {.op = OP_DROPOUT, .x = {16, 4, 4, 8}, .value = 0.1, .topk = 5, .flags = CASE_PER_IMAGE},
    {.op = OP_DROPOUT, .x = {6, 37, 29, 31}, .value = 0.3, .topk = 6, .flags = CASE_PER_IMAGE},
    {.op = OP_DROPOUT, .x = {3, 37, 29, 31}, .value = 0.3, .topk = 6},
    {.op = OP_DROPOUT, .x = {1, 3, 3, 4}, .value = 0.3, .topk = 8},
    {.op = OP_DROPOUT, .x = {5, 3, 3, 4}, .value = 0.4, .topk = 8, .flags = CASE_PER_IMAGE},

    /* maximum pooling: all values below zero show a padding that wins */
    {.op = OP_MAX_POOL, .x = {1, 1, 1, 1}, .offset = -2},
    {.op = OP_MAX_POOL, .x = {2, 3, 5, 7}},
    {.op = OP_MAX_POOL, .x = {2, 8, 8, 64}},
    {.op = OP_MAX_POOL, .x = {3, 5, 4, 17}, .offset = -2},
    {.op = OP_MAX_POOL, .x = {1, 33, 30, 5}},
    {.op = OP_MAX_POOL, .x = {2, 32, 32, 64}, .offset = -2},
    {.op = OP_MAX_POOL, .x = {1, 1, 6, 3}},

    /* rounding to the type of activations */
    {.op = OP_NARROW, .x = {1, 1, 1, 1}},
    {.op = OP_NARROW, .x = {2, 3, 5, 7}, .offset = 1000},
    {.op = OP_NARROW, .x = {64, 3, 3, 64}},
    {.op = OP_NARROW, .x = {1, 3, 3, 4}},
    {.op = OP_NARROW, .x = {1, 1, 1, 4099}, .offset = -2},
    {.op = OP_NARROW, .x = {3, 5, 4, 17}, .flags = CASE_TINY},

    /* constants, norms and the optimizer: `value` is the norm, `offset` the norm to clip to */
    {.op = OP_FILL, .x = {1, 1, 1, 1}, .value = 1},
    {.op = OP_FILL, .x = {2, 3, 5, 7}, .value = -0.25},
    {.op = OP_FILL, .x = {2, 8, 8, 64}, .value = 0},
    {.op = OP_FILL, .x = {1, 1, 1, 4099}, .value = 1024.5},
    {.op = OP_FILL, .x = {3, 5, 4, 17}, .value = 0x1p-20},
    {.op = OP_NORM, .x = {1, 1, 1, 1}},
    {.op = OP_NORM, .x = {1, 1, 1, 1000}},
    {.op = OP_NORM, .x = {2, 3, 5, 7}},
    {.op = OP_NORM, .x = {1, 1, 1, 100003}},
    {.op = OP_NORM, .x = {1, 64, 64, 64}, .offset = 3},
    {.op = OP_ADAMW, .x = {1, 1, 1, 1}, .value = 1, .offset = 5},
    {.op = OP_ADAMW, .x = {1, 1, 1, 1000}, .value = 20, .offset = 5},
    {.op = OP_ADAMW, .x = {2, 3, 5, 7}, .value = 0, .offset = 5},
    {.op = OP_ADAMW, .x = {1, 1, 1, 100003}, .value = 4.99, .offset = 5},
    {.op = OP_ADAMW, .x = {64, 3, 3, 64}, .value = 1e-5, .offset = 5e-6},
};

const struct selftest_case *selftest_cases_elementwise(size_t *count)
{
    *count = sizeof cases / sizeof *cases;
    return cases;
}
