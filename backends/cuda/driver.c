#include "backends/cuda/driver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/cuda/library.h"
#include "core/base/error.h"

/* cuda.h's macros give the names their versions, as cuMemAlloc_v2. */
#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

/* One a process: the driver has no handle of its own. */
static struct {
    pthread_mutex_t mutex;
    struct cuda_driver driver;
} loaded = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static mvad_status load(struct cuda_driver *driver, mvad_error *error)
{
    static const char *const names[] = {"libcuda.so.1", NULL};
    const struct library_function functions[] = {
#define FUNCTION(name) {TEXT(name), (void **)&driver->name},
        CUDA_DRIVER_FUNCTIONS(FUNCTION)
#undef FUNCTION
    };
    bool missing = false;
    char why[200];
    driver->library = library_open("MVAD_CUDA_DRIVER", names, functions,
                                   sizeof functions / sizeof *functions, &missing, why, sizeof why);
    if (driver->library) return MVAD_OK;
    const char *named = getenv("MVAD_CUDA_DRIVER");
    if (missing && named && *named)
        return error_set(error, MVAD_ERROR_DEVICE, "cuda: MVAD_CUDA_DRIVER: %s", why);
    if (missing) return error_set(error, MVAD_ERROR_DEVICE, "cuda: no NVIDIA driver is installed");
    return error_set(error, MVAD_ERROR_DEVICE,
                     "cuda: the NVIDIA driver is too old for this build: %s", why);
}

/* Kernels of one major version of CUDA run on drivers of that version and later ones. */
static mvad_status start(const struct cuda_driver *driver, mvad_error *error)
{
    enum { NEEDED = CUDA_VERSION / 1000 * 1000 };
    int version = 0;
    char text[160];
    CUresult code = driver->cuDriverGetVersion(&version);
    if (!code && version < NEEDED)
        return error_set(
            error, MVAD_ERROR_DEVICE,
            "cuda: the NVIDIA driver is too old: it supports CUDA %d.%d, and this build "
            "needs %d.0",
            version / 1000, version % 1000 / 10, NEEDED / 1000);
    if (!code) code = driver->cuInit(0);
    if (!code) return MVAD_OK;
    if (code == CUDA_ERROR_NO_DEVICE)
        return error_set(error, MVAD_ERROR_DEVICE, "cuda: the NVIDIA driver finds no device");
    cuda_error_text(driver, code, text, sizeof text);
    return error_set(error, MVAD_ERROR_DEVICE, "cuda: the NVIDIA driver does not start: %s", text);
}

mvad_status cuda_driver_get(const struct cuda_driver **driver, mvad_error *error)
{
    pthread_mutex_lock(&loaded.mutex);
    mvad_status status = loaded.driver.library ? MVAD_OK : load(&loaded.driver, error);
    if (!status) status = start(&loaded.driver, error);
    pthread_mutex_unlock(&loaded.mutex);
    *driver = status ? NULL : &loaded.driver;
    return status;
}

void cuda_error_text(const struct cuda_driver *driver, CUresult code, char *text, size_t size)
{
    const char *name = NULL, *meaning = NULL;
    driver->cuGetErrorName(code, &name);
    driver->cuGetErrorString(code, &meaning);
    if (name && meaning)
        snprintf(text, size, "%s (%s)", name, meaning);
    else
        snprintf(text, size, "CUDA error %d", (int)code);
}
