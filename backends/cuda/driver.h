/* NVIDIA's driver library, taken from the system when it is first needed: the program links, starts and
 * runs everything else where there is none. Types and constants are those of cuda.h. */
#ifndef CUDA_DRIVER_H
#define CUDA_DRIVER_H

#include <cuda.h>

#include "mvad.h"

/* Every function of the driver this backend calls. */
#define CUDA_DRIVER_FUNCTIONS(X) \
    X(cuInit)                    \
    X(cuDriverGetVersion)        \
    X(cuGetErrorName)            \
    X(cuGetErrorString)          \
    X(cuDeviceGetCount)          \
    X(cuDeviceGet)               \
    X(cuDeviceGetName)           \
    X(cuDeviceGetAttribute)      \
    X(cuDeviceTotalMem)          \
    X(cuDevicePrimaryCtxRetain)  \
    X(cuDevicePrimaryCtxRelease) \
    X(cuCtxPushCurrent)          \
    X(cuCtxPopCurrent)           \
    X(cuMemGetInfo)              \
    X(cuMemAlloc)                \
    X(cuMemFree)                 \
    X(cuMemAllocHost)            \
    X(cuMemFreeHost)             \
    X(cuMemcpyHtoDAsync)         \
    X(cuMemcpyDtoHAsync)         \
    X(cuMemcpyDtoDAsync)         \
    X(cuMemsetD8Async)           \
    X(cuStreamCreate)            \
    X(cuStreamDestroy)           \
    X(cuStreamSynchronize)       \
    X(cuStreamWaitEvent)         \
    X(cuStreamBeginCapture)      \
    X(cuStreamEndCapture)        \
    X(cuEventCreate)             \
    X(cuEventDestroy)            \
    X(cuEventRecord)             \
    X(cuEventSynchronize)        \
    X(cuEventElapsedTime)        \
    X(cuModuleLoadData)          \
    X(cuModuleUnload)            \
    X(cuModuleGetFunction)       \
    X(cuFuncGetAttribute)        \
    X(cuFuncGetParamInfo)        \
    X(cuLaunchKernel)            \
    X(cuGraphInstantiate)        \
    X(cuGraphLaunch)             \
    X(cuGraphExecDestroy)        \
    X(cuGraphDestroy)

struct cuda_driver {
    void *library;
#define FIELD(name) __typeof__(&name) name;
    CUDA_DRIVER_FUNCTIONS(FIELD)
#undef FIELD
};

/* Loads the library, or that of MVAD_CUDA_DRIVER, and starts it. MVAD_ERROR_DEVICE says in one line that
 * there is none, that it is older than the kernels of this build need, or that it does not start; it is
 * then tried again the next time. The driver stays loaded to the end of the program. */
mvad_status cuda_driver_get(const struct cuda_driver **driver, mvad_error *error);

/* "CUDA_ERROR_LAUNCH_FAILED (unspecified launch failure)"; the text is `size` bytes at most. */
void cuda_error_text(const struct cuda_driver *driver, CUresult code, char *text, size_t size);

#endif
