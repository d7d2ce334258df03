#include "core/weights/stored_type.h"

#include <string.h>

#include "core/base/half.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensor data is used as it lies in the file");

static const struct {
    const char *name;
    uint8_t bytes;
    bool is_float;
} types[STORED_COUNT] = {
    [STORED_F64] = {"F64", 8, true},    [STORED_F32] = {"F32", 4, true},
    [STORED_F16] = {"F16", 2, true},    [STORED_BF16] = {"BF16", 2, true},
    [STORED_I64] = {"I64", 8, false},   [STORED_I32] = {"I32", 4, false},
    [STORED_I16] = {"I16", 2, false},   [STORED_I8] = {"I8", 1, false},
    [STORED_U64] = {"U64", 8, false},   [STORED_U32] = {"U32", 4, false},
    [STORED_U16] = {"U16", 2, false},   [STORED_U8] = {"U8", 1, false},
    [STORED_BOOL] = {"BOOL", 1, false},
};

const char *stored_type_name(enum stored_type type)
{
    return types[type].name;
}

bool stored_type_from_name(const char *name, enum stored_type *type)
{
    for (int i = 0; i < STORED_COUNT; i++) {
        if (strcmp(name, types[i].name) == 0) {
            *type = (enum stored_type)i;
            return true;
        }
    }
    return false;
}

size_t stored_type_bytes(enum stored_type type)
{
    return types[type].bytes;
}

bool stored_type_is_float(enum stored_type type)
{
    return types[type].is_float;
}

static float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void stored_type_to_float(enum stored_type type, const uint8_t *stored, size_t count, float *values)
{
    switch (type) {
    case STORED_F64:
        for (size_t i = 0; i < count; i++) {
            double value;
            memcpy(&value, stored + i * sizeof value, sizeof value);
            values[i] = (float)value;
        }
        break;
    case STORED_F16:
        for (size_t i = 0; i < count; i++) {
            uint16_t half;
            memcpy(&half, stored + i * sizeof half, sizeof half);
            values[i] = float_from_half(half);
        }
        break;
    case STORED_BF16: /* the upper half of a float */
        for (size_t i = 0; i < count; i++) {
            uint16_t half;
            memcpy(&half, stored + i * sizeof half, sizeof half);
            values[i] = float_from_bits((uint32_t)half << 16);
        }
        break;
    case STORED_F32:
        if (count) memcpy(values, stored, count * sizeof *values);
        break;
    default: break; /* no float type: excluded by the contract */
    }
}
