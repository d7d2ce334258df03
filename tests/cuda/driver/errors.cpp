/* Names of errors, those that tests meet. */
#include <cuda.h>

#define ERRORS(X)                                                        \
    X(CUDA_ERROR_INVALID_VALUE, "invalid argument")                      \
    X(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")                         \
    X(CUDA_ERROR_NOT_INITIALIZED, "initialization error")                \
    X(CUDA_ERROR_INVALID_CONTEXT, "invalid device context")              \
    X(CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid")        \
    X(CUDA_ERROR_NOT_FOUND, "named symbol not found")                    \
    X(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered") \
    X(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch") \
    X(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure")            \
    X(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing") \
    X(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "operation failed due to a previous error during capture")

extern "C" {

CUresult cuGetErrorName(CUresult code, const char **text)
{
    *text = nullptr;
#define NAME(error, meaning) \
    if (code == error) *text = #error;
    ERRORS(NAME)
    return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult code, const char **text)
{
    *text = nullptr;
#define MEANING(error, meaning) \
    if (code == error) *text = meaning;
    ERRORS(MEANING)
    return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
}
