/* Allocation with checked sizes. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_ALIGNMENT 64 /* a cache line, and the widest vector register in use */

/* a * b, or false where it does not fit a size_t. */
static inline bool size_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

static inline size_t size_align(size_t bytes, size_t alignment)
{
    return (bytes + alignment - 1) / alignment * alignment;
}

/* Uninitialised memory aligned to MEMORY_ALIGNMENT; NULL when there is none. Freed with free(). */
void *memory_allocate(size_t bytes);

/* A copy of a string, or NULL when there is no memory. Freed with free(). */
char *memory_copy_string(const char *text);

/* Makes room for one more element in a growing array: doubles *capacity when count has reached it.
 * False, with the array unchanged, when there is no memory. */
bool memory_grow(void **array, size_t *capacity, size_t count, size_t element_bytes);

#endif
