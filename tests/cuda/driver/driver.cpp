/* A driver of NVIDIA's interface whose devices are the CPU: devices, contexts, memory and kernels. What a call may
 * not do - wrong contexts, memory outside of an allocation, allocation while a run is captured - is an
 * error here as it is there.
 *
 *   MVAD_EMULATED_DEVICES   how many there are; 1
 *   MVAD_EMULATED_VERSION   of the driver, as 13000
 *   MVAD_EMULATED_MEMORY    bytes of each device
 *   MVAD_EMULATED_FAIL      see stream.h
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "../emulation/launch.h"
#include "stream.h"

namespace
{

enum { MAX_DEVICES = 4 };

Context contexts[MAX_DEVICES] = {{0, false, CUDA_SUCCESS, {}, {}, {}},
                                 {1, false, CUDA_SUCCESS, {}, {}, {}},
                                 {2, false, CUDA_SUCCESS, {}, {}, {}},
                                 {3, false, CUDA_SUCCESS, {}, {}, {}}};
int retained[MAX_DEVICES];
thread_local std::vector<Context *> stack;

/* Device memory by its address. */
struct Allocation {
    Context *context;
    size_t bytes;
};
std::map<CUdeviceptr, Allocation> allocations;
std::map<const char *, size_t> pinned;

unsigned long long number_of(const char *variable, unsigned long long usual)
{
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, nullptr, 10) : usual;
}

int device_count()
{
    const unsigned long long count = number_of("MVAD_EMULATED_DEVICES", 1);
    return count > MAX_DEVICES ? MAX_DEVICES : static_cast<int>(count);
}

size_t device_memory()
{
    return number_of("MVAD_EMULATED_MEMORY", 8ull << 30);
}

size_t bytes_in_use(const Context *context)
{
    size_t bytes = 0;
    for (const auto &[at, allocation] : allocations)
        if (allocation.context == context) bytes += allocation.bytes;
    return bytes;
}

/* Whether these bytes are memory of the current context. */
bool is_memory(CUdeviceptr begin, size_t bytes)
{
    auto next = allocations.upper_bound(begin);
    if (next == allocations.begin()) return false;
    const auto &[at, allocation] = *--next;
    return allocation.context == current_context() && begin - at <= allocation.bytes &&
           bytes <= allocation.bytes - (begin - at);
}

bool is_pinned(const void *pointer)
{
    const char *begin = static_cast<const char *>(pointer);
    auto next = pinned.upper_bound(begin);
    if (next == pinned.begin()) return false;
    --next;
    return begin < next->first + next->second;
}

bool capturing()
{
    for (const CUstream stream : current_context()->streams)
        if (stream->capture) {
            stream->capture_failed = true;
            return true;
        }
    return false;
}

unsigned char *host(CUdeviceptr pointer)
{
    return reinterpret_cast<unsigned char *>(pointer);
}

} // namespace

struct CUmod_st {
    std::string prefix;
};
struct CUfunc_st {
    const emulated_kernel *kernel;
    int threads; /* of a block at most */
};

Context *current_context()
{
    return stack.empty() ? nullptr : stack.back();
}

#define INJECT(function)                                                             \
    const std::lock_guard<std::recursive_mutex> lock(driver_mutex);                  \
    if (const CUresult injected = injected_error(#function)) return injected
#define BEGIN(function)                                                              \
    INJECT(function);                                                                \
    if (!current_context()) return CUDA_ERROR_INVALID_CONTEXT;                       \
    if (current_context()->error) return current_context()->error

extern "C" {

CUresult cuInit(unsigned)
{
    INJECT(cuInit);
    return device_count() ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

CUresult cuDriverGetVersion(int *version)
{
    *version = static_cast<int>(number_of("MVAD_EMULATED_VERSION", CUDA_VERSION));
    return CUDA_SUCCESS;
}

/* ---- devices and contexts ---- */

CUresult cuDeviceGetCount(int *count)
{
    *count = device_count();
    return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int index)
{
    *device = index;
    return index >= 0 && index < device_count() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice device)
{
    snprintf(name, static_cast<size_t>(size), "emulated device %d", device);
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice)
{
    switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = EMULATED_CAPABILITY / 10; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = EMULATED_CAPABILITY % 10; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 4; break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = 1024; break;
    default: return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice)
{
    *bytes = device_memory();
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    INJECT(cuDevicePrimaryCtxRetain);
    retained[device]++;
    *context = reinterpret_cast<CUcontext>(&contexts[device]);
    return CUDA_SUCCESS;
}

/* The last release resets the context. What was not freed is told: it would be a leak of the caller's. */
CUresult cuDevicePrimaryCtxRelease(CUdevice device)
{
    INJECT(cuDevicePrimaryCtxRelease);
    Context *context = &contexts[device];
    if (!retained[device]) return CUDA_ERROR_INVALID_CONTEXT;
    if (--retained[device]) return CUDA_SUCCESS;
    const size_t bytes = bytes_in_use(context);
    if (bytes && !context->error)
        fprintf(stderr, "emulated driver: %zu bytes were not freed\n", bytes);
    for (auto at = allocations.begin(); at != allocations.end();) {
        if (at->second.context != context) {
            ++at;
            continue;
        }
        free(host(at->first));
        at = allocations.erase(at);
    }
    for (CUstream stream : context->streams) delete stream;
    if (context->error) {
        for (CUmodule module : context->modules) delete module;
        for (CUgraphExec executable : context->executables) delete executable;
    }
    *context = {device, false, CUDA_SUCCESS, {}, {}, {}};
    return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent(CUcontext context)
{
    stack.push_back(reinterpret_cast<Context *>(context));
    return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext *context)
{
    if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
    *context = reinterpret_cast<CUcontext>(stack.back());
    stack.pop_back();
    return CUDA_SUCCESS;
}

/* ---- memory ---- */

CUresult cuMemGetInfo(size_t *available, size_t *total)
{
    BEGIN(cuMemGetInfo);
    *total = device_memory();
    *available = *total - bytes_in_use(current_context());
    return CUDA_SUCCESS;
}

/* Contents are undefined: here they are NaN of every type. */
CUresult cuMemAlloc(CUdeviceptr *pointer, size_t bytes)
{
    BEGIN(cuMemAlloc);
    if (capturing()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (!bytes) return CUDA_ERROR_INVALID_VALUE;
    if (bytes > device_memory() - bytes_in_use(current_context())) return CUDA_ERROR_OUT_OF_MEMORY;
    void *memory = nullptr;
    if (posix_memalign(&memory, 256, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
    memset(memory, 0xff, bytes);
    *pointer = reinterpret_cast<CUdeviceptr>(memory);
    allocations[*pointer] = {current_context(), bytes};
    return CUDA_SUCCESS;
}

CUresult cuMemFree(CUdeviceptr pointer)
{
    BEGIN(cuMemFree);
    const auto at = allocations.find(pointer);
    if (at == allocations.end() || at->second.context != current_context())
        return CUDA_ERROR_INVALID_VALUE;
    context_finish(current_context());
    free(host(pointer));
    allocations.erase(at);
    return CUDA_SUCCESS;
}

CUresult cuMemAllocHost(void **pointer, size_t bytes)
{
    BEGIN(cuMemAllocHost);
    *pointer = malloc(bytes);
    if (!*pointer) return CUDA_ERROR_OUT_OF_MEMORY;
    pinned[static_cast<const char *>(*pointer)] = bytes;
    return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void *pointer)
{
    BEGIN(cuMemFreeHost);
    if (!pinned.erase(static_cast<const char *>(pointer))) return CUDA_ERROR_INVALID_VALUE;
    context_finish(current_context());
    free(pointer);
    return CUDA_SUCCESS;
}

/* Pinned memory is read when the copy runs, other memory before the call returns. */
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
    BEGIN(cuMemcpyHtoDAsync);
    if (!is_memory(to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (is_pinned(from))
        return stream_enqueue(stream, [=] {
            memcpy(host(to), from, bytes);
            return CUDA_SUCCESS;
        });
    const std::string copy(static_cast<const char *>(from), bytes);
    return stream_enqueue(stream, [to, copy] {
        memcpy(host(to), copy.data(), copy.size());
        return CUDA_SUCCESS;
    });
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    BEGIN(cuMemcpyDtoHAsync);
    if (!is_memory(from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    return stream_enqueue(stream, [=] {
        memcpy(to, host(from), bytes);
        return CUDA_SUCCESS;
    });
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    BEGIN(cuMemcpyDtoDAsync);
    if (!is_memory(from, bytes) || !is_memory(to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    return stream_enqueue(stream, [=] {
        memmove(host(to), host(from), bytes);
        return CUDA_SUCCESS;
    });
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream)
{
    BEGIN(cuMemsetD8Async);
    if (!is_memory(to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    return stream_enqueue(stream, [=] {
        memset(host(to), value, bytes);
        return CUDA_SUCCESS;
    });
}

/* ---- kernels ---- */

/* An image is the text "emulated NAME": its kernels are registered as NAME:KERNEL, or as KERNEL without one. */
CUresult cuModuleLoadData(CUmodule *module, const void *image)
{
    BEGIN(cuModuleLoadData);
    static const char magic[] = "emulated ";
    const char *text = static_cast<const char *>(image);
    if (strncmp(text, magic, sizeof magic - 1) != 0) return CUDA_ERROR_INVALID_IMAGE;
    const char *name = text + sizeof magic - 1;
    const std::string prefix(name, strcspn(name, "\n"));
    *module = new CUmod_st{prefix.empty() ? prefix : prefix + ":"};
    current_context()->modules.push_back(*module);
    return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule module)
{
    BEGIN(cuModuleUnload);
    std::vector<CUmodule> &modules = current_context()->modules;
    modules.erase(std::remove(modules.begin(), modules.end(), module), modules.end());
    delete module;
    return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
    BEGIN(cuModuleGetFunction);
    static std::map<std::string, CUfunc_st> functions;
    const std::string full = module->prefix + name;
    const emulated_kernel *kernel = emulated_kernel_find(full.c_str());
    if (!kernel) return CUDA_ERROR_NOT_FOUND;
    functions[full] = {kernel, module->prefix.empty() ? 1024 : 256}; /* as shared.cu bounds its own */
    *function = &functions[full];
    return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction function)
{
    BEGIN(cuFuncGetAttribute);
    *value = function->threads;
    return attribute == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? CUDA_SUCCESS
                                                                : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *bytes)
{
    BEGIN(cuFuncGetParamInfo);
    *offset = 0;
    *bytes = emulated_kernel_parameter(function->kernel, index);
    return *bytes ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                        CUstream stream, void **arguments, void **extra)
{
    BEGIN(cuLaunchKernel);
    if (extra) return CUDA_ERROR_INVALID_VALUE;
    /* Arguments are copied by the call. */
    std::vector<std::string> copies;
    for (size_t i = 0; emulated_kernel_parameter(function->kernel, i); i++)
        copies.emplace_back(static_cast<const char *>(arguments[i]),
                            emulated_kernel_parameter(function->kernel, i));
    return stream_enqueue(stream, [=] {
        const unsigned grid[] = {grid_x, grid_y, grid_z}, block[] = {block_x, block_y, block_z};
        std::vector<void *> pointers;
        for (const std::string &copy : copies) pointers.push_back(const_cast<char *>(copy.data()));
        const char *error =
            emulated_launch(function->kernel, grid, block, shared_bytes, pointers.data());
        if (!error) return injected_error("kernel");
        fprintf(stderr, "emulated driver: %s\n", error);
        return CUDA_ERROR_LAUNCH_FAILED;
    });
}
}
