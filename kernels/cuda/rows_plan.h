/* Sums over the rows of a matrix in pieces (column_sums.cuh): shapes of their launches. */
#ifndef KERNELS_CUDA_ROWS_PLAN_H
#define KERNELS_CUDA_ROWS_PLAN_H

#include "kernels/cuda/launch.h"

struct cuda_rows_plan {
    unsigned grid[3], block[3]; /* of kernels built on column_sums */
    unsigned shared_bytes;      /* of theirs that sum `sums` numbers a channel */
    int piece, pieces;          /* rows of a piece, their number */
};

/* A matrix (rows, channels), `sums` numbers a channel, on a device of so many multiprocessors. */
static inline struct cuda_rows_plan cuda_plan_rows(int64_t rows, int64_t channels, enum cuda_math math, int sums,
                                                   int multiprocessors)
{
    enum { THREADS = 256, GROUP = 32, LEAST_ROWS = 32, MAX_PIECES = 256 };
    struct cuda_rows_plan plan;
    const int64_t wide = 16 / cuda_element_bytes(math), chunks = cuda_divide_up(channels, wide);
    unsigned across = 1;
    while (across < GROUP && across < chunks) across *= 2;
    const int64_t groups = cuda_divide_up(chunks, across), lanes = THREADS / across;
    int64_t pieces = cuda_divide_up(2 * (int64_t)multiprocessors, groups);
    /* Each thread is to have a few rows. */
    if (pieces > rows / (4 * lanes)) pieces = rows / (4 * lanes);
    if (pieces > rows / LEAST_ROWS) pieces = rows / LEAST_ROWS;
    if (pieces > MAX_PIECES) pieces = MAX_PIECES;
    if (pieces < 1) pieces = 1;
    plan.piece = (int)cuda_divide_up(rows, pieces);
    plan.pieces = (int)cuda_divide_up(rows, plan.piece);
    plan.block[0] = across;
    plan.block[1] = (unsigned)lanes;
    plan.grid[0] = (unsigned)groups;
    plan.grid[1] = (unsigned)plan.pieces;
    plan.block[2] = plan.grid[2] = 1;
    plan.shared_bytes = (unsigned)(THREADS * wide * 4 * sums);
    return plan;
}

#endif
