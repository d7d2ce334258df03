/* Matrix products of one thread. Kernels cut their work into tiles, run tiles in parallel and call
 * this inside, so the BLAS library is held to one thread (see cpu.c) and results do not depend on
 * the number of threads. */
#ifndef CPU_GEMM_H
#define CPU_GEMM_H

#include <cblas.h>

#include "backends/cpu/cpu.h"

/* c (m x n, rows ldc apart) = alpha * op(a) op(b) + beta * c, row-major; op(a) is m x k, op(b) is k
 * x n. */
static inline void gemm(CBLAS_TRANSPOSE transpose_a, CBLAS_TRANSPOSE transpose_b, int64_t m,
                        int64_t n, int64_t k, real alpha, const real *a, int64_t lda, const real *b,
                        int64_t ldb, real beta, real *c, int64_t ldc)
{
#ifdef CPU_DOUBLE
    cblas_dgemm(CblasRowMajor, transpose_a, transpose_b, (int)m, (int)n, (int)k, alpha, a, (int)lda,
                b, (int)ldb, beta, c, (int)ldc);
#else
    cblas_sgemm(CblasRowMajor, transpose_a, transpose_b, (int)m, (int)n, (int)k, alpha, a, (int)lda,
                b, (int)ldb, beta, c, (int)ldc);
#endif
}

#endif
