/* Modules of kernels, loaded when a graph first needs one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/device.h"
#include "core/base/error.h"
#include "core/base/file.h"

/* The list is written by CMake. */
#define MODULE(name) extern const char mvad_cuda_##name[] __attribute__((visibility("hidden")));
#include "cuda_modules.def"
#undef MODULE

static const struct {
    const char *name, *image;
} modules[] = {
#define MODULE(name) {#name, mvad_cuda_##name},
#include "cuda_modules.def"
#undef MODULE
};

enum { MODULE_COUNT = sizeof modules / sizeof *modules };
_Static_assert((int)MODULE_COUNT <= (int)CUDA_MAX_MODULES, "a device has room for the modules");

/* The library's own module, or, where MVAD_CUDA_KERNEL_DIR names a folder, NAME.fatbin in it, for
 * whoever changes a kernel. */
static mvad_status load(struct cuda_device *device, int module, mvad_error *error)
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

mvad_status cuda_kernel_get(struct cuda_device *device, const char *module, const char *name,
                            CUfunction *kernel, mvad_error *error)
{
    int m = 0;
    *kernel = NULL;
    while (m < MODULE_COUNT && strcmp(modules[m].name, module) != 0) m++;
    if (m == MODULE_COUNT)
        return error_set(error, MVAD_ERROR_DEVICE, "%s: this build has no kernels %s",
                         device->launch.id, module);
    if (!device->modules[m]) {
        mvad_status status = load(device, m, error);
        if (status) return status;
    }
    CUresult code = device->driver->cuModuleGetFunction(kernel, device->modules[m], name);
    if (!code) return MVAD_OK;
    char what[128];
    *kernel = NULL;
    snprintf(what, sizeof what, "finding kernel %s", name);
    return cuda_fail(device, what, code, error);
}

void cuda_modules_release(struct cuda_device *device)
{
    for (int m = 0; m < MODULE_COUNT; m++) {
        if (device->modules[m]) device->driver->cuModuleUnload(device->modules[m]);
        device->modules[m] = NULL;
    }
}
