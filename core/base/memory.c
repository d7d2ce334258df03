#include "core/base/memory.h"

#include <stdlib.h>
#include <string.h>

void *memory_allocate(size_t bytes)
{
    if (bytes > SIZE_MAX - MEMORY_ALIGNMENT) return NULL;
    size_t rounded = size_align(bytes ? bytes : 1, MEMORY_ALIGNMENT);
    return aligned_alloc(MEMORY_ALIGNMENT, rounded);
}

char *memory_copy_string(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

bool memory_grow(void **array, size_t *capacity, size_t count, size_t element_bytes)
{
    if (count < *capacity) return true;
    size_t wanted = *capacity ? *capacity * 2 : 16, bytes;
    if (wanted < *capacity || !size_multiply(wanted, element_bytes, &bytes)) return false;
    void *grown = realloc(*array, bytes);
    if (!grown) return false;
    *array = grown;
    *capacity = wanted;
    return true;
}
