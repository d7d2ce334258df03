/* cuBLAS's interface over the CPU's BLAS, in the same library as the emulated driver. */
#include <cstring>
#include <vector>

/* Before CUDA's headers, which have a type `half`. */
#include "core/base/half.h"

#include <cublas_v2.h>

#include <cblas.h>

#include "stream.h"

struct cublasContext {
    CUstream stream;
    bool workspace; /* the caller's, for this stream */
};

namespace
{

bool is_known(cudaDataType type)
{
    return type == CUDA_R_64F || type == CUDA_R_32F || type == CUDA_R_16F || type == CUDA_R_16BF;
}

/* A column-major matrix as numbers of another type, as many as its leading dimension and columns say. */
template <class Real>
std::vector<Real> numbers_of(const void *from, cudaDataType type, size_t count)
{
    std::vector<Real> numbers(count);
    for (size_t i = 0; i < count; i++)
        switch (type) {
        case CUDA_R_64F: numbers[i] = static_cast<Real>(static_cast<const double *>(from)[i]); break;
        case CUDA_R_32F: numbers[i] = static_cast<Real>(static_cast<const float *>(from)[i]); break;
        case CUDA_R_16BF:
            numbers[i] =
                static_cast<Real>(float_from_bfloat16(static_cast<const uint16_t *>(from)[i]));
            break;
        default:
            numbers[i] =
                static_cast<Real>(float_from_half(static_cast<const uint16_t *>(from)[i]));
        }
    return numbers;
}

template <class Real> void put_number(void *to, cudaDataType type, size_t i, Real number)
{
    switch (type) {
    case CUDA_R_64F: static_cast<double *>(to)[i] = static_cast<double>(number); break;
    case CUDA_R_32F: static_cast<float *>(to)[i] = static_cast<float>(number); break;
    case CUDA_R_16BF:
        static_cast<uint16_t *>(to)[i] = bfloat16_from_float(static_cast<float>(number));
        break;
    default: static_cast<uint16_t *>(to)[i] = half_from_float(static_cast<float>(number));
    }
}

void multiply(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const float *a, int lda,
              const float *b, int ldb, float beta, float *c, int ldc)
{
    cblas_sgemm(CblasColMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}

void multiply(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const double *a, int lda,
              const double *b, int ldb, double beta, double *c, int ldc)
{
    cblas_dgemm(CblasColMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}

size_t elements(cublasOperation_t operation, int rows, int columns, int stride)
{
    const int last = operation == CUBLAS_OP_N ? columns : rows;
    const int length = operation == CUBLAS_OP_N ? rows : columns;
    return static_cast<size_t>(stride) * static_cast<size_t>(last - 1) +
           static_cast<size_t>(length);
}

struct Product {
    cublasOperation_t ta, tb;
    int m, n, k;
    const void *a, *b;
    void *c;
    cudaDataType a_type, b_type, c_type;
    int lda, ldb, ldc;
    double beta;
};

/* Nothing beside the m x n numbers of c is written. */
template <class Real> CUresult run(const Product &p)
{
    const CBLAS_TRANSPOSE ta = p.ta == CUBLAS_OP_N ? CblasNoTrans : CblasTrans;
    const CBLAS_TRANSPOSE tb = p.tb == CUBLAS_OP_N ? CblasNoTrans : CblasTrans;
    const std::vector<Real> a = numbers_of<Real>(p.a, p.a_type, elements(p.ta, p.m, p.k, p.lda));
    const std::vector<Real> b = numbers_of<Real>(p.b, p.b_type, elements(p.tb, p.k, p.n, p.ldb));
    const size_t count = elements(CUBLAS_OP_N, p.m, p.n, p.ldc);
    std::vector<Real> c(count, 0);
    if (p.beta != 0) c = numbers_of<Real>(p.c, p.c_type, count);
    multiply(ta, tb, p.m, p.n, p.k, a.data(), p.lda, b.data(), p.ldb, static_cast<Real>(p.beta),
             c.data(), p.ldc);
    for (int column = 0; column < p.n; column++)
        for (int row = 0; row < p.m; row++) {
            const size_t at = static_cast<size_t>(column) * static_cast<size_t>(p.ldc) +
                              static_cast<size_t>(row);
            put_number(p.c, p.c_type, at, c[at]);
        }
    return injected_error("product");
}

} // namespace

extern "C" {

cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
    if (injected_error("cublasCreate")) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!current_context()) return CUBLAS_STATUS_NOT_INITIALIZED;
    *handle = new cublasContext{nullptr, false};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
    handle->stream = reinterpret_cast<CUstream>(stream);
    handle->workspace = false;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t)
{
    handle->workspace = workspace != nullptr;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t)
{
    return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
    return status == CUBLAS_STATUS_NOT_INITIALIZED    ? "the library was not initialized"
           : status == CUBLAS_STATUS_INVALID_VALUE    ? "an unsupported value was passed"
           : status == CUBLAS_STATUS_EXECUTION_FAILED ? "the function failed to launch on the GPU"
                                                      : "unknown error";
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m,
                            int n, int k, const void *alpha, const void *a, cudaDataType a_type,
                            int lda, const void *b, cudaDataType b_type, int ldb, const void *beta,
                            void *c, cudaDataType c_type, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t)
{
    const std::lock_guard<std::recursive_mutex> lock(driver_mutex);
    const bool fp64 = compute == CUBLAS_COMPUTE_64F;
    const int rows_of_a = ta == CUBLAS_OP_N ? m : k, rows_of_b = tb == CUBLAS_OP_N ? k : n;
    const double one =
        fp64 ? *static_cast<const double *>(alpha) : *static_cast<const float *>(alpha);
    if (injected_error("cublasGemmEx")) return CUBLAS_STATUS_EXECUTION_FAILED;
    /* Without the caller's workspace a product may allocate. */
    if (!handle->workspace || !handle->stream) return CUBLAS_STATUS_INVALID_VALUE;
    if (m < 1 || n < 1 || k < 1 || lda < rows_of_a || ldb < rows_of_b || ldc < m || one != 1 ||
        !is_known(a_type) || !is_known(c_type) || a_type != b_type || fp64 != (a_type == CUDA_R_64F) || fp64 != (c_type == CUDA_R_64F))
        return CUBLAS_STATUS_INVALID_VALUE;
    const Product product = {
        ta,     tb,     m,      n,   k,   a,   b, c, a_type,
        b_type, c_type, lda,    ldb, ldc,
        fp64 ? *static_cast<const double *>(beta) : *static_cast<const float *>(beta)};
    return stream_enqueue(handle->stream,
                          [=] { return fp64 ? run<double>(product) : run<float>(product); })
               ? CUBLAS_STATUS_EXECUTION_FAILED
               : CUBLAS_STATUS_SUCCESS;
}
}
