/* Built programs on disk, one file each, named by a checksum of all they depend on. The file holds
 * that text as well, so that two programs of one checksum are not taken for each other, and a checksum
 * of its bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/opencl/opencl.h"
#include "core/base/checksum.h"
#include "core/base/file.h"
#include "core/base/log.h"

enum { MAX_PATH = 4096, MAX_BINARY = 256 << 20 };

static const char magic[8] = "mvadcl1";

struct header {
    char magic[8];
    uint64_t key_bytes, binary_bytes, checksum; /* of key and binary */
};

static bool make_folder(const char *path)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

bool opencl_cache_folder(char *path, size_t size)
{
    const char *own = getenv("MVAD_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int length;
    if (own) {
        if (!*own) return false;
        length = snprintf(path, size, "%s", own);
    } else if (xdg && *xdg == '/') {
        length = snprintf(path, size, "%s/mvad", xdg);
        if (!make_folder(xdg)) return false;
    } else if (home && *home == '/') {
        length = snprintf(path, size, "%s/.cache", home);
        if (length < 0 || (size_t)length >= size || !make_folder(path)) return false;
        length = snprintf(path, size, "%s/.cache/mvad", home);
    } else {
        return false;
    }
    return length > 0 && (size_t)length < size && make_folder(path);
}

static bool file_of(const char *key, char path[MAX_PATH])
{
    char folder[MAX_PATH - 64];
    if (!opencl_cache_folder(folder, sizeof folder)) return false;
    snprintf(path, MAX_PATH, "%s/opencl-%016llx.bin", folder,
             (unsigned long long)checksum_bytes(0, key, strlen(key)));
    return true;
}

cl_program opencl_cache_load(struct opencl_device *device, const char *key)
{
    char path[MAX_PATH];
    struct file_mapping file;
    struct header header;
    const size_t key_bytes = strlen(key);
    cl_program program = NULL;
    if (!file_of(key, path) || file_map(path, MAX_BINARY, &file, NULL)) return NULL;
    if (file.size < sizeof header) goto cleanup;
    memcpy(&header, file.data, sizeof header);
    const uint8_t *stored_key = file.data + sizeof header;
    if (memcmp(header.magic, magic, sizeof magic) != 0 || header.key_bytes != key_bytes ||
        header.binary_bytes > MAX_BINARY ||
        file.size != sizeof header + key_bytes + header.binary_bytes ||
        memcmp(stored_key, key, key_bytes) != 0 ||
        header.checksum != checksum_bytes(0, stored_key, file.size - sizeof header))
        goto cleanup;
    const unsigned char *binary = stored_key + key_bytes;
    const size_t bytes = header.binary_bytes;
    cl_int taken = CL_SUCCESS, code = CL_SUCCESS;
    program = clCreateProgramWithBinary(device->context, 1, &device->place.device, &bytes, &binary,
                                        &taken, &code);
    if (code || taken) {
        if (program) clReleaseProgram(program);
        program = NULL;
    }
cleanup:
    if (!program)
        log_write(MVAD_LOG_WARNING, "%s: is not used: damaged, or of another driver or program",
                  file_label(path));
    file_unmap(&file);
    return program;
}

/* A cache that cannot be written costs time, not results: failures are messages. */
void opencl_cache_store(cl_program program, const char *key)
{
    char path[MAX_PATH];
    size_t bytes = 0;
    const size_t key_bytes = strlen(key);
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL) || !bytes ||
        bytes > MAX_BINARY || !file_of(key, path))
        return;
    uint8_t *content = malloc(key_bytes + bytes);
    if (!content) return;
    memcpy(content, key, key_bytes);
    unsigned char *binary = content + key_bytes;
    if (!clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL)) {
        struct header header = {.key_bytes = key_bytes,
                                .binary_bytes = bytes,
                                .checksum = checksum_bytes(0, content, key_bytes + bytes)};
        memcpy(header.magic, magic, sizeof magic);
        const struct file_piece pieces[] = {{&header, sizeof header}, {content, key_bytes + bytes}};
        mvad_error reason;
        if (file_replace(path, pieces, 2, &reason))
            log_write(MVAD_LOG_WARNING, "a built program is not kept: %s", reason.message);
    }
    free(content);
}
