/* Kernel sources, which are part of the library, and programs built of them when first needed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/opencl/opencl.h"
#include "core/base/checksum.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/memory.h"

/* The files of kernels/ as the assembler took them up (kernels.c), each ended by a zero. */
#define SOURCE(name) extern const char mvad_kernel_##name[] __attribute__((visibility("hidden")));
SOURCE(dialect)
SOURCE(lanes)
SOURCE(runs)
SOURCE(conv)
SOURCE(elementwise)
SOURCE(maps)
SOURCE(reduce)
SOURCE(norm)
SOURCE(route)
SOURCE(attention)
SOURCE(conv_direct)
SOURCE(conv_tiled)
SOURCE(conv_parts)
#undef SOURCE

enum { HEADERS = 4, PIECES = HEADERS + 1, MAX_OPTIONS = 320, MAX_PATH = 4096 };

static const struct source {
    const char *name, *text;
} headers[HEADERS] = {{"dialect.h", mvad_kernel_dialect},
                      {"lanes.h", mvad_kernel_lanes},
                      {"runs.h", mvad_kernel_runs},
                      {"conv.h", mvad_kernel_conv}},
  files[LAUNCH_FILE_COUNT] = {
      [LAUNCH_ELEMENTWISE] = {"elementwise.cl", mvad_kernel_elementwise},
      [LAUNCH_MAPS] = {"maps.cl", mvad_kernel_maps},
      [LAUNCH_REDUCE] = {"reduce.cl", mvad_kernel_reduce},
      [LAUNCH_NORM] = {"norm.cl", mvad_kernel_norm},
      [LAUNCH_ROUTE] = {"route.cl", mvad_kernel_route},
      [LAUNCH_ATTENTION] = {"attention.cl", mvad_kernel_attention},
      [LAUNCH_CONV_DIRECT] = {"conv_direct.cl", mvad_kernel_conv_direct},
      [LAUNCH_CONV_TILED] = {"conv_tiled.cl", mvad_kernel_conv_tiled},
      [LAUNCH_CONV_PARTS] = {"conv_parts.cl", mvad_kernel_conv_parts},
};

struct opencl_program {
    struct opencl_program *next;
    cl_program program;
    enum launch_file file;
    char options[MAX_OPTIONS];
};

/* The text of a source: the library's own, or, where MVAD_KERNEL_DIR names a folder, that file, for
 * whoever changes a kernel. `owned` is to be freed. */
static mvad_status source_text(const struct source *source, const char **text, char **owned,
                               mvad_error *error)
{
    const char *folder = getenv("MVAD_KERNEL_DIR");
    *text = source->text;
    *owned = NULL;
    if (!folder || !*folder) return MVAD_OK;
    char path[MAX_PATH];
    struct file_mapping mapping;
    snprintf(path, sizeof path, "%s/%s", folder, source->name);
    mvad_status status = file_map(path, 1 << 20, &mapping, error);
    if (status) return status;
    *owned = calloc(1, mapping.size + 1);
    if (*owned && mapping.size) memcpy(*owned, mapping.data, mapping.size);
    if (!*owned) status = error_out_of_memory(error, path, mapping.size);
    file_unmap(&mapping);
    *text = *owned;
    return status;
}

/* All that a binary depends on, in words. Free it. */
static char *cache_key(const struct opencl_device *device, const char *const pieces[PIECES],
                       const char *options)
{
    uint64_t sum = 0;
    size_t bytes = 0;
    for (int i = 0; i < PIECES; i++) {
        sum = checksum_bytes(sum, pieces[i], strlen(pieces[i]));
        bytes += strlen(pieces[i]);
    }
    enum { SIZE = 2048 };
    char *key = malloc(SIZE);
    if (key)
        snprintf(key, SIZE, "mvad %s\n%s\n%s\n%s\n%s\n%s\nsource %zu %016llx\n", mvad_version(),
                 device->platform, device->name, device->version, device->driver, options, bytes,
                 (unsigned long long)sum);
    return key;
}

/* What a driver's log says is wrong: its first line with "error", else its first line. */
static void first_error(const char *log, char *line, size_t size)
{
    const char *at = strstr(log, "error");
    while (at && at > log && at[-1] != '\n') at--;
    if (!at) at = log + strspn(log, " \n\t");
    snprintf(line, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static mvad_status build(struct opencl_device *device, const char *name, cl_program program,
                         const char *options, mvad_error *error)
{
    cl_int code = clBuildProgram(program, 1, &device->place.device, options, NULL, NULL);
    if (!code) return MVAD_OK;
    size_t bytes = 0;
    char *log = NULL, line[300] = "";
    clGetProgramBuildInfo(program, device->place.device, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
    if (bytes) log = calloc(1, bytes + 1);
    if (log && !clGetProgramBuildInfo(program, device->place.device, CL_PROGRAM_BUILD_LOG, bytes,
                                      log, NULL))
        first_error(log, line, sizeof line);
    free(log);
    const char *reason = opencl_error_name(code);
    return error_set(error, MVAD_ERROR_DEVICE, "%s: kernel file %s does not build: %s",
                     device->launch.id, name,
                     *line    ? line
                     : reason ? reason
                              : "OpenCL error");
}

static mvad_status build_source(struct opencl_device *device, enum launch_file file,
                                const char *options, cl_program *program, mvad_error *error)
{
    const char *text[PIECES];
    char *owned[PIECES] = {NULL}, *key = NULL, all_options[MAX_OPTIONS + 16];
    cl_int code = CL_SUCCESS;
    mvad_status status = MVAD_OK;
    *program = NULL;
    snprintf(all_options, sizeof all_options, "-cl-std=CL1.2 -w %s", options);
    for (int i = 0; i < PIECES && !status; i++)
        status = source_text(i < HEADERS ? &headers[i] : &files[file], &text[i], &owned[i], error);
    if (status) goto cleanup;
    key = cache_key(device, text, all_options);
    if (key) *program = opencl_cache_load(device, key);
    if (*program && !clBuildProgram(*program, 1, &device->place.device, all_options, NULL, NULL))
        goto cleanup;
    if (*program) clReleaseProgram(*program);
    *program = clCreateProgramWithSource(device->context, PIECES, text, NULL, &code);
    status = code ? opencl_fail(device, files[file].name, code, error)
                  : build(device, files[file].name, *program, all_options, error);
    if (!status && key) opencl_cache_store(*program, key);
cleanup:
    if (status && *program) clReleaseProgram(*program);
    for (int i = 0; i < PIECES; i++) free(owned[i]);
    free(key);
    return status;
}

mvad_status opencl_program_get(struct opencl_device *device, enum launch_file file,
                               const char *options, cl_program *program, mvad_error *error)
{
    for (struct opencl_program *p = device->programs; p; p = p->next) {
        if (p->file != file || strcmp(p->options, options) != 0) continue;
        *program = p->program;
        return MVAD_OK;
    }
    struct opencl_program *entry = calloc(1, sizeof *entry);
    if (!entry) return error_out_of_memory(error, "opencl program", sizeof *entry);
    mvad_status status = build_source(device, file, options, &entry->program, error);
    if (status) {
        free(entry);
        return status;
    }
    entry->file = file;
    snprintf(entry->options, sizeof entry->options, "%s", options);
    entry->next = device->programs;
    device->programs = entry;
    *program = entry->program;
    return MVAD_OK;
}

void opencl_programs_release(struct opencl_device *device)
{
    while (device->programs) {
        struct opencl_program *entry = device->programs;
        device->programs = entry->next;
        clReleaseProgram(entry->program);
        free(entry);
    }
}
