/* The element types of a safetensors file, and their conversion to float. */
#ifndef WEIGHTS_STORED_TYPE_H
#define WEIGHTS_STORED_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stored_type {
    STORED_F64 = 0,
    STORED_F32,
    STORED_F16,
    STORED_BF16,
    STORED_I64,
    STORED_I32,
    STORED_I16,
    STORED_I8,
    STORED_U64,
    STORED_U32,
    STORED_U16,
    STORED_U8,
    STORED_BOOL,
    STORED_COUNT
};

/* The name in the file, for example "BF16". */
const char *stored_type_name(enum stored_type type);

/* False for a name not listed above. */
bool stored_type_from_name(const char *name, enum stored_type *type);

/* Bytes of one element. */
size_t stored_type_bytes(enum stored_type type);

/* Whether the type is F64, F32, F16 or BF16. */
bool stored_type_is_float(enum stored_type type);

/* Converts `count` little-endian elements of a float type at any alignment. F16 and BF16 are exact,
 * subnormals, infinities and NaNs included; F64 is rounded to the nearest float, too large values
 * to infinity. */
void stored_type_to_float(enum stored_type type, const uint8_t *stored, size_t count, float *values);

#endif
