/* Modules of kernels, loaded when a graph first needs one. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/cuda/device.h"
#include "core/base/error.h"
#include "core/base/file.h"

#define MODULE(name) extern const char mvad_cuda_##name[] __attribute__((visibility("hidden")));
MODULE(f32)
MODULE(f64)
MODULE(f16)
MODULE(bf16)
#undef MODULE

static const struct {
    const char *name, *image;
} modules[CUDA_MODULE_COUNT] = {[CUDA_MODULE_F32] = {"f32", mvad_cuda_f32},
                                [CUDA_MODULE_F64] = {"f64", mvad_cuda_f64},
                                [CUDA_MODULE_F16] = {"f16", mvad_cuda_f16},
                                [CUDA_MODULE_BF16] = {"bf16", mvad_cuda_bf16}};

static enum cuda_module module_of(enum dtype real)
{
    switch (real) {
    case DTYPE_F64: return CUDA_MODULE_F64;
    case DTYPE_F16: return CUDA_MODULE_F16;
    case DTYPE_BF16: return CUDA_MODULE_BF16;
    default: return CUDA_MODULE_F32;
    }
}

/* The library's own module, or, where MVAD_CUDA_KERNEL_DIR names a folder, f32.fatbin and so on in it, for
 * whoever changes a kernel. */
static mvad_status load(struct cuda_device *device, enum cuda_module module, mvad_error *error)
{
    enum { MAX_BYTES = 256 << 20 };
    const char *folder = getenv("MVAD_CUDA_KERNEL_DIR"), *name = modules[module].name;
    struct file_mapping file = {0};
    const void *image = modules[module].image;
    char path[4096], what[64];
    mvad_status status = MVAD_OK;
    if (folder && *folder) {
        snprintf(path, sizeof path, "%s/%s.fatbin", folder, name);
        status = file_map(path, MAX_BYTES, &file, error);
        if (status) return status;
        image = file.data;
    }
    CUresult code = device->driver->cuModuleLoadData(&device->modules[module], image);
    if (code) device->modules[module] = NULL;
    if (code == CUDA_ERROR_NO_BINARY_FOR_GPU) {
        status = error_set(error, MVAD_ERROR_DEVICE,
                           "%s: this build has no kernels for compute capability %d.%d",
                           device->launch.id, device->major, device->minor);
    } else if (code) {
        snprintf(what, sizeof what, "loading its kernels (%s)", name);
        status = cuda_fail(device, what, code, error);
    }
    file_unmap(&file);
    return status;
}

mvad_status cuda_kernel_get(struct cuda_device *device, enum dtype real, const char *name,
                            CUfunction *kernel, mvad_error *error)
{
    const enum cuda_module module = module_of(real);
    *kernel = NULL;
    if (!device->modules[module]) {
        mvad_status status = load(device, module, error);
        if (status) return status;
    }
    CUresult code = device->driver->cuModuleGetFunction(kernel, device->modules[module], name);
    if (!code) return MVAD_OK;
    char what[128];
    *kernel = NULL;
    snprintf(what, sizeof what, "finding kernel %s", name);
    return cuda_fail(device, what, code, error);
}

void cuda_modules_release(struct cuda_device *device)
{
    for (int m = 0; m < CUDA_MODULE_COUNT; m++) {
        if (device->modules[m]) device->driver->cuModuleUnload(device->modules[m]);
        device->modules[m] = NULL;
    }
}
