/* Options of a caller that may be compiled against another version of mvad.h: shorter structures lack
 * the fields that were added since, longer ones have fields that this version does not know. */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "mvad.h"

/* A type of options as this version has it. Every one begins with its size; so do options inside it,
 * behind which its own fields go on: where those begin depends on the caller's version of either. */
struct options_shape {
    const char *name;
    size_t size;
    size_t inner, inner_size; /* offset and size of options inside it; 0: none */
};

#define OPTIONS_SHAPE(type)        \
    {                              \
#type, sizeof(type), 0, 0, \
    }
#define OPTIONS_SHAPE_WITH(type, member)                                          \
    {                                                                             \
#type, sizeof(type), offsetof(type, member), sizeof(((type *)0)->member), \
    }

/* Writes the caller's `size` bytes, `inner_size` of them options inside: `defaults` (of this version) as
 * far as the caller knows them, and zeros. Sizes that do not go together leave zeros only, which
 * options_read refuses. `options` NULL: nothing. */
void options_init(const struct options_shape *shape, const void *defaults, void *options,
                  size_t size, size_t inner_size);

/* Replaces in `own`, which holds this version's defaults, what the caller gave. What this version does not
 * know must be zero. MVAD_ERROR_INVALID_ARGUMENT where it is not, where `given` is NULL or was not
 * initialised. */
mvad_status options_read(const struct options_shape *shape, const void *given, void *own,
                         mvad_error *error);

#endif
