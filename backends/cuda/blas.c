/* Matrix products of cuBLAS. A row-major matrix is the transpose of the column-major one in the same
 * memory, so C = A * B is computed as C^T = B^T * A^T: operands swapped, nothing moved. */
#include "backends/cuda/blas.h"

#include <cublas_v2.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/cuda/device.h"
#include "backends/cuda/library.h"
#include "core/base/error.h"

#define CUBLAS_FUNCTIONS(X)  \
    X(cublasCreate)          \
    X(cublasDestroy)         \
    X(cublasSetStream)       \
    X(cublasSetWorkspace)    \
    X(cublasSetMathMode)     \
    X(cublasGetStatusString) \
    X(cublasGemmEx)

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

/* What NVIDIA recommends for the largest devices: nothing is allocated in a product, and a captured run
 * has its memory to itself. */
enum { WORKSPACE_BYTES = 32 << 20 };

/* One a process, as the driver. */
static struct {
    pthread_mutex_t mutex;
    void *library;
#define FIELD(name) __typeof__(&name) name;
    CUBLAS_FUNCTIONS(FIELD)
#undef FIELD
} blas = {.mutex = PTHREAD_MUTEX_INITIALIZER};

struct cuda_blas {
    cublasHandle_t handle;
    CUstream stream;
    CUdeviceptr workspace;
};

static mvad_status load(mvad_error *error)
{
    static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", NULL};
    const struct library_function functions[] = {
#define FUNCTION(name) {TEXT(name), (void **)&blas.name},
        CUBLAS_FUNCTIONS(FUNCTION)
#undef FUNCTION
    };
    bool missing;
    char why[200];
    blas.library = library_open("MVAD_CUBLAS", names, functions,
                                sizeof functions / sizeof *functions, &missing, why, sizeof why);
    if (blas.library) return MVAD_OK;
    const char *named = getenv("MVAD_CUBLAS");
    if (named && *named) return error_set(error, MVAD_ERROR_DEVICE, "cuda: MVAD_CUBLAS: %s", why);
    if (missing)
        return error_set(error, MVAD_ERROR_DEVICE,
                         "cuda: cuBLAS is not installed (libcublas.so.13 or libcublas.so.12)");
    return error_set(error, MVAD_ERROR_DEVICE, "cuda: cuBLAS is too old for this build: %s", why);
}

mvad_status cuda_blas_find(mvad_error *error)
{
    pthread_mutex_lock(&blas.mutex);
    mvad_status status = blas.library ? MVAD_OK : load(error);
    pthread_mutex_unlock(&blas.mutex);
    return status;
}

static mvad_status fail(struct cuda_device *device, cublasStatus_t code, mvad_error *error)
{
    char text[128];
    snprintf(text, sizeof text, "matrix product (cuBLAS): %s", blas.cublasGetStatusString(code));
    if (code == CUBLAS_STATUS_EXECUTION_FAILED || code == CUBLAS_STATUS_MAPPING_ERROR)
        cuda_die(device, text);
    return error_set(
        error, code == CUBLAS_STATUS_ALLOC_FAILED ? MVAD_ERROR_OUT_OF_MEMORY : MVAD_ERROR_DEVICE,
        "%s: %s", device->launch.id, text);
}

static mvad_status open_blas(struct cuda_device *device, mvad_error *error)
{
    struct cuda_blas *made = calloc(1, sizeof *made);
    if (!made) return error_out_of_memory(error, "cuBLAS", sizeof *made);
    mvad_status status = MVAD_OK;
    CUresult code = device->driver->cuMemAlloc(&made->workspace, WORKSPACE_BYTES);
    if (code) {
        made->workspace = 0;
        status = cuda_fail(device, "memory for cuBLAS", code, error);
    }
    cublasStatus_t result = status ? CUBLAS_STATUS_SUCCESS : blas.cublasCreate(&made->handle);
    if (!status && result) made->handle = NULL;
    /* Sums of 16-bit products in float to the end. TF32 is a product's own wish. */
    if (!status && !result)
        result = blas.cublasSetMathMode(
            made->handle, CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
    device->blas = made;
    if (result) status = fail(device, result, error);
    if (status) cuda_blas_close(device);
    return status;
}

static cublasStatus_t use_stream(struct cuda_blas *of, CUstream stream)
{
    if (of->stream == stream) return CUBLAS_STATUS_SUCCESS;
    cublasStatus_t code = blas.cublasSetStream(of->handle, stream);
    /* After the stream, which brings cuBLAS's own workspace back. */
    if (!code)
        code = blas.cublasSetWorkspace(of->handle, cuda_buffer(of->workspace), WORKSPACE_BYTES);
    of->stream = code ? NULL : stream;
    return code;
}

void cuda_blas_close(struct cuda_device *device)
{
    if (!device->blas) return;
    if (device->blas->handle) blas.cublasDestroy(device->blas->handle);
    if (device->blas->workspace) device->driver->cuMemFree(device->blas->workspace);
    free(device->blas);
    device->blas = NULL;
}

static cudaDataType_t type_of(enum dtype dtype)
{
    switch (dtype) {
    case DTYPE_F64: return CUDA_R_64F;
    case DTYPE_F16: return CUDA_R_16F;
    case DTYPE_BF16: return CUDA_R_16BF;
    default: return CUDA_R_32F;
    }
}

static const void *address_of(const struct launch_operand *operand)
{
    return (const char *)operand->buffer + operand->begin * dtype_bytes(operand->dtype);
}

static cublasOperation_t operation_of(const struct launch_operand *operand)
{
    return operand->transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
}

mvad_status cuda_product_run(struct cuda_device *device, CUstream stream,
                             const struct launch_product *product, mvad_error *error)
{
    const struct launch_operand *a = &product->a, *b = &product->b, *c = &product->c;
    const bool fp64 = c->dtype == DTYPE_F64;
    const float one = 1, sum = product->accumulate ? 1 : 0;
    const double one_double = 1, sum_double = sum;
    const cublasComputeType_t compute = fp64            ? CUBLAS_COMPUTE_64F
                                        : product->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                        : CUBLAS_COMPUTE_32F;
    if (product->rows > INT32_MAX || product->columns > INT32_MAX || product->depth > INT32_MAX ||
        a->stride > INT32_MAX || b->stride > INT32_MAX || c->stride > INT32_MAX)
        return error_set(error, MVAD_ERROR_UNSUPPORTED, "%s: a matrix has more than 2^31 rows",
                         device->launch.id);
    mvad_status status = device->blas ? MVAD_OK : open_blas(device, error);
    if (status) return status;
    cublasStatus_t code = use_stream(device->blas, stream);
    if (code) return fail(device, code, error);
    code = blas.cublasGemmEx(
        device->blas->handle, operation_of(b), operation_of(a), (int)product->columns,
        (int)product->rows, (int)product->depth, fp64 ? (const void *)&one_double : &one,
        address_of(b), type_of(b->dtype), (int)b->stride, address_of(a), type_of(a->dtype),
        (int)a->stride, fp64 ? (const void *)&sum_double : &sum, (void *)address_of(c),
        type_of(c->dtype), (int)c->stride, compute, CUBLAS_GEMM_DEFAULT);
    return code ? fail(device, code, error) : MVAD_OK;
}
