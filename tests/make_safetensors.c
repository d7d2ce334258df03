#include "make_safetensors.h"

#include <dirent.h>
#include <unistd.h>

static char folder[64];

int scratch_make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/mvad-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

int scratch_remove(void **state)
{
    (void)state;
    return scratch_empty() < 0 ? -1 : rmdir(folder);
}

char *scratch_path(const char *name)
{
    size_t bytes = strlen(folder) + (name ? strlen(name) : 0) + 2;
    char *path = malloc(bytes);
    assert_non_null(path);
    snprintf(path, bytes, name ? "%s/%s" : "%s", folder, name);
    return path;
}

int scratch_empty(void)
{
    int count = 0;
    DIR *listing = opendir(folder);
    if (!listing) return -1;
    for (struct dirent *item; (item = readdir(listing));) {
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) continue;
        if (unlinkat(dirfd(listing), item->d_name, 0) == 0) count++;
    }
    closedir(listing);
    return count;
}

void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(size ? fwrite(bytes, 1, size, file) : 0, size);
    assert_int_equal(fclose(file), 0);
}

uint8_t *read_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

void write_safetensors(const char *path, const char *header, size_t header_bytes, uint64_t declared,
                       const void *data, size_t data_bytes)
{
    size_t size = 8 + header_bytes + data_bytes;
    uint8_t *bytes = calloc(size, 1);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(declared >> (8 * i));
    memcpy(bytes + 8, header, header_bytes);
    if (data && data_bytes) memcpy(bytes + 8 + header_bytes, data, data_bytes);
    write_bytes(path, bytes, size);
    free(bytes);
}

void assert_error(const mvad_error *error, mvad_status status, const char *file, const char *what)
{
    if (error->status != status || !strstr(error->message, what) || !strstr(error->message, file))
        print_error("wanted '%s' about '%s', got '%s'\n", what, file, error->message);
    assert_int_equal(error->status, status);
    assert_non_null(strstr(error->message, file));
    assert_non_null(strstr(error->message, what));
    assert_null(strpbrk(error->message, "\r\n"));
}

void assert_load_fails(const char *path, mvad_status status, const char *what)
{
    mvad_error error;
    mvad_tensors *tensors = (mvad_tensors *)&error; /* not NULL, to see that it is set */
    assert_int_equal(mvad_tensors_load(path, &tensors, &error), status);
    assert_null(tensors);
    assert_error(&error, status, path, what);
}
