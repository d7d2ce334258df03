#include "core/score/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/file.h"

#define PREFIX_BYTES 10 /* magic, version, length of the text that follows */
#define ALIGNMENT 64    /* of the data: the format asks for it */
#define HEADER_BYTES (4 * ALIGNMENT)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are written as they lie");
/* Eight sizes of 19 digits with ", " behind each, and 60 bytes around them. */
_Static_assert(PREFIX_BYTES + NPY_MAX_RANK * 21 + 61 <= HEADER_BYTES, "the header has room");

/* The header of whole alignment units, padded with spaces before its line end. */
static size_t make_header(int32_t rank, const int64_t *shape, char header[HEADER_BYTES + 1])
{
    static const char magic[8] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
    size_t used = PREFIX_BYTES, size = HEADER_BYTES + 1;
    memset(header, ' ', size);
    used += (size_t)snprintf(header + used, size - used,
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int32_t i = 0; i < rank; i++)
        used += (size_t)snprintf(header + used, size - used, "%s%" PRId64 "%s", i ? " " : "",
                                 shape[i], i + 1 < rank || rank == 1 ? "," : "");
    used += (size_t)snprintf(header + used, size - used, "), }");
    header[used] = ' '; /* over the text's end */
    size_t bytes = (used + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, text = bytes - PREFIX_BYTES;
    header[bytes - 1] = '\n';
    memcpy(header, magic, sizeof magic);
    header[8] = (char)(text & 255);
    header[9] = (char)(text >> 8);
    return bytes;
}

mvad_status npy_save(const char *path, int32_t rank, const int64_t *shape, const float *values,
                     mvad_error *error)
{
    char header[HEADER_BYTES + 1];
    size_t count = 1;
    for (int32_t i = 0; i < rank; i++) count *= (size_t)shape[i];
    const struct file_piece pieces[2] = {{header, make_header(rank, shape, header)},
                                         {values, count * sizeof *values}};
    return file_replace(path, pieces, 2, error);
}
