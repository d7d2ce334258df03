#include "tests/fuzz/fuzz_files.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/weights/torch.h"

static char folder[64];

void fuzz_touch(const mvad_tensors *tensors)
{
    volatile float last;
    for (size_t i = 0; i < mvad_tensors_count(tensors); i++) {
        mvad_tensor_view view;
        if (mvad_tensors_at(tensors, i, &view, NULL)) abort();
        for (size_t e = 0; view.data && e < view.count; e++) last = view.data[e];
    }
    (void)last;
}

void fuzz_read_torch(const uint8_t *data, size_t size)
{
    mvad_tensors *tensors;
    mvad_error error;
    if (mvad_tensors_create(&tensors, &error)) abort();
    if (!torch_read_bytes("fuzz", data, size, tensors, &error)) fuzz_touch(tensors);
    mvad_tensors_destroy(tensors);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_path(const char *name)
{
    static char path[256];
    if (!*folder) {
        strcpy(folder, "/tmp/mvad-fuzz-XXXXXX");
        if (!mkdtemp(folder)) abort();
        atexit(remove_folder);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

void fuzz_make_folder(const char *name)
{
    if (mkdir(fuzz_path(name), 0700)) abort();
}

void fuzz_write(const char *name, const void *data, size_t size)
{
    int file = open(fuzz_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, data, size) != (ssize_t)size || close(file)) abort();
}
