#include "core/base/options.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/error.h"

enum { PIECES = 3 }; /* fields before the options inside, these, and the fields behind them */

struct pieces {
    size_t at[PIECES], size[PIECES];
};

static size_t read_size(const void *options)
{
    size_t size;
    memcpy(&size, options, sizeof size);
    return size;
}

static void write_size(void *options, size_t size)
{
    memcpy(options, &size, sizeof size);
}

/* Whether options can have this many bytes: there is a field, and none is cut by the alignment that the
 * end of a structure has. */
static bool is_plausible(size_t size)
{
    return size > sizeof size && size % _Alignof(size_t) == 0;
}

/* False where the sizes do not go together. */
static bool cut(const struct options_shape *shape, size_t size, size_t inner_size,
                struct pieces *pieces)
{
    if (!is_plausible(size)) return false;
    *pieces = (struct pieces){.size = {size}};
    if (!shape->inner) return true;
    if (!is_plausible(inner_size) || size < shape->inner || inner_size > size - shape->inner)
        return false;
    const size_t behind = shape->inner + inner_size;
    *pieces = (struct pieces){.at = {0, shape->inner, behind},
                              .size = {shape->inner, inner_size, size - behind}};
    return true;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void options_init(const struct options_shape *shape, const void *defaults, void *options,
                  size_t size, size_t inner_size)
{
    struct pieces from, to;
    if (!options) return;
    memset(options, 0, size);
    if (!cut(shape, size, inner_size, &to)) return;
    cut(shape, shape->size, shape->inner_size, &from);
    for (int i = 0; i < PIECES; i++)
        memcpy((char *)options + to.at[i], (const char *)defaults + from.at[i],
               smaller(from.size[i], to.size[i]));
    write_size(options, size);
    if (shape->inner) write_size((char *)options + shape->inner, inner_size);
}

mvad_status options_read(const struct options_shape *shape, const void *given, void *own,
                         mvad_error *error)
{
    struct pieces from, to;
    const size_t size = given ? read_size(given) : 0;
    const bool has_inner = shape->inner && size >= shape->inner + sizeof(size_t);
    const size_t inner_size = has_inner ? read_size((const char *)given + shape->inner) : 0;
    if (!cut(shape, size, inner_size, &from))
        return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                         "options are NULL or not initialised (%s)", shape->name);
    cut(shape, shape->size, shape->inner_size, &to);
    for (int i = 0; i < PIECES; i++) {
        const char *piece = (const char *)given + from.at[i];
        for (size_t b = to.size[i]; b < from.size[i]; b++)
            if (piece[b])
                return error_set(error, MVAD_ERROR_INVALID_ARGUMENT,
                                 "%s of %zu bytes sets what version %s does not know", shape->name,
                                 size, mvad_version());
        memcpy((char *)own + to.at[i], piece, smaller(from.size[i], to.size[i]));
    }
    write_size(own, shape->size);
    if (shape->inner) write_size((char *)own + shape->inner, shape->inner_size);
    return MVAD_OK;
}
