/* The search of `mvad tune`: parameters of CLBlast's matrix product, then the variant of every
 * convolution of the given graphs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/opencl/run.h"
#include "backends/opencl/tuning.h"
#include "core/base/clock.h"
#include "core/base/error.h"

/* Sets for kinds of devices as CLBlast's own search knows them: the first are for processors with few
 * work items and wide vectors, the last for large GPUs. Each is tried on the device. */
static const char *const gemm_sets[] = {
    "Xgemm 32 GEMMK=0 KREG=1 KWG=16 KWI=2 MDIMA=4 MDIMC=4 MWG=16 NDIMB=4 NDIMC=4 NWG=16 SA=0 SB=0 "
    "STRM=0 STRN=0 VWM=4 VWN=4",
    "Xgemm 32 GEMMK=0 KREG=1 KWG=16 KWI=2 MDIMA=8 MDIMC=8 MWG=64 NDIMB=8 NDIMC=8 NWG=64 SA=0 SB=0 "
    "STRM=0 STRN=0 VWM=8 VWN=8",
    "Xgemm 32 GEMMK=0 KREG=1 KWG=32 KWI=2 MDIMA=8 MDIMC=8 MWG=32 NDIMB=8 NDIMC=8 NWG=32 SA=0 SB=0 "
    "STRM=0 STRN=0 VWM=4 VWN=4",
    "Xgemm 32 GEMMK=0 KREG=1 KWG=16 KWI=2 MDIMA=16 MDIMC=16 MWG=64 NDIMB=16 NDIMC=16 NWG=64 SA=1 "
    "SB=1 STRM=0 STRN=0 VWM=4 VWN=4",
    "Xgemm 32 GEMMK=0 KREG=1 KWG=16 KWI=2 MDIMA=16 MDIMC=16 MWG=128 NDIMB=8 NDIMC=8 NWG=64 SA=1 "
    "SB=1 STRM=0 STRN=0 VWM=4 VWN=4",
    "Xgemm 32 GEMMK=0 KREG=1 KWG=32 KWI=2 MDIMA=32 MDIMC=16 MWG=128 NDIMB=16 NDIMC=8 NWG=128 SA=1 "
    "SB=1 STRM=1 STRN=1 VWM=4 VWN=4",
};

enum { SIZE = 1024, COUNT = SIZE * SIZE, SET_COUNT = sizeof gemm_sets / sizeof *gemm_sets };

struct trial {
    cl_mem buffer;
    struct launch_product product;
    float *expected, *result; /* of the parameters before the search, and of the set on trial */
};

/* Seconds of a product, the least of three, its result in `result`; below 0 where it fails. */
static double try_product(struct opencl_device *device, struct trial *trial, float *result)
{
    double least = -1;
    for (int run = -1; run < 3; run++) {
        const double start = clock_seconds();
        if (opencl_product_run(device, device->queue, &trial->product, NULL, NULL) ||
            opencl_sync(device, NULL))
            return -1;
        const double seconds = clock_seconds() - start;
        if (run >= 0 && (least < 0 || seconds < least)) least = seconds;
    }
    cl_int code =
        clEnqueueReadBuffer(device->queue, trial->buffer, CL_TRUE, 2 * COUNT * sizeof *result,
                            COUNT * sizeof *result, result, 0, NULL, NULL);
    return code ? -1 : least;
}

/* A fast product that is wrong is no product. */
static bool agrees(const struct trial *trial)
{
    for (int i = 0; i < COUNT; i++)
        if (!(fabsf(trial->result[i] - trial->expected[i]) <= 1e-3f)) return false;
    return true;
}

static mvad_status search_sets(struct opencl_device *device, struct trial *trial,
                               void (*report)(const char *line, void *user), void *user,
                               mvad_error *error)
{
    struct opencl_tuning *tuning = device->tuning;
    char line[TUNING_LINE + 64];
    double best = try_product(device, trial, trial->expected);
    if (best < 0)
        return error_set(error, MVAD_ERROR_DEVICE, "%s: CLBlast's matrix product fails",
                         device->launch.id);
    const double macs = (double)SIZE * SIZE * SIZE;
    snprintf(line, sizeof line, "matrix product %.2f GMAC/s as it was", macs / best / 1e9);
    report(line, user);
    const char *chosen = NULL;
    for (int i = 0; i < SET_COUNT; i++) {
        if (opencl_gemm_override(device, gemm_sets[i], NULL)) continue;
        const double seconds = try_product(device, trial, trial->result);
        if (seconds < 0 || !agrees(trial)) continue;
        snprintf(line, sizeof line, "matrix product %.2f GMAC/s: %s", macs / seconds / 1e9,
                 gemm_sets[i]);
        report(line, user);
        if (seconds >= best) continue;
        best = seconds;
        chosen = gemm_sets[i];
    }
    if (chosen) {
        snprintf(tuning->gemm, sizeof tuning->gemm, "%s", chosen);
        tuning->changed = true;
    }
    /* There is no way back to CLBlast's own parameters but a set that was seen to work. */
    return *tuning->gemm ? opencl_gemm_override(device, tuning->gemm, error) : MVAD_OK;
}

static mvad_status tune_gemm(struct opencl_device *device,
                             void (*report)(const char *line, void *user), void *user,
                             mvad_error *error)
{
    struct trial trial = {.expected = malloc(COUNT * sizeof(float)),
                          .result = malloc(COUNT * sizeof(float))};
    float *numbers = malloc(2 * COUNT * sizeof *numbers);
    cl_int code = CL_SUCCESS;
    mvad_status status = MVAD_OK;
    if (!trial.expected || !trial.result || !numbers) {
        status = error_out_of_memory(error, "matrix product", 4 * COUNT * sizeof *numbers);
        goto cleanup;
    }
    for (int i = 0; i < 2 * COUNT; i++) numbers[i] = (float)(i % 1000 * 7919 % 1000) / 500 - 1;
    trial.buffer = clCreateBuffer(device->context, CL_MEM_READ_WRITE, 3 * COUNT * sizeof *numbers,
                                  NULL, &code);
    if (!code)
        code = clEnqueueWriteBuffer(device->queue, trial.buffer, CL_TRUE, 0,
                                    2 * COUNT * sizeof *numbers, numbers, 0, NULL, NULL);
    if (code) {
        status = opencl_fail(device, "a matrix product", code, error);
        goto cleanup;
    }
    trial.product = (struct launch_product){.a = {trial.buffer, 0, SIZE, false, DTYPE_F32},
                                            .b = {trial.buffer, COUNT, SIZE, false, DTYPE_F32},
                                            .c = {trial.buffer, 2 * COUNT, SIZE, false, DTYPE_F32},
                                            .rows = SIZE,
                                            .columns = SIZE,
                                            .depth = SIZE};
    status = search_sets(device, &trial, report, user, error);
cleanup:
    if (trial.buffer) clReleaseMemObject(trial.buffer);
    free(trial.expected);
    free(trial.result);
    free(numbers);
    return status;
}

mvad_status opencl_tune(void *state, const struct graph *const *graphs, int count,
                        void (*report)(const char *line, void *user), void *user, mvad_error *error)
{
    struct opencl_device *device = state;
    struct opencl_tuning *tuning = device->tuning;
    char line[TUNING_LINE];
    mvad_status status = tune_gemm(device, report, user, error);
    tuning->count = 0;
    tuning->changed = tuning->searching = true;
    for (int g = 0; g < count; g++)
        for (size_t n = 0; n < graphs[g]->node_count && !status; n++) {
            size_t workspace;
            const size_t before = tuning->count;
            status = opencl_query(device, graphs[g], &graphs[g]->nodes[n], &workspace, error);
            if (tuning->count == before) continue;
            const struct tuned_shape *shape = &tuning->shape[tuning->count - 1];
            snprintf(line, sizeof line, "%s %s", shape->key, opencl_variant_name(shape->variant));
            report(line, user);
        }
    tuning->searching = false;
    return status ? status : opencl_tuning_save(device, error);
}
