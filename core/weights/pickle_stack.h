/* The stack and the values of a pickle being run, for the interpreter's own files. Functions fail as
 * pickle_run does. */
#ifndef WEIGHTS_PICKLE_STACK_H
#define WEIGHTS_PICKLE_STACK_H

#include "core/weights/pickle.h"

#define PICKLE_MARK UINT32_MAX /* on the stack, no value's index */

mvad_status pickle_out_of_memory(const struct pickle *pickle, size_t bytes);

/* A new value, not on the stack. */
mvad_status pickle_add(struct pickle *pickle, const struct pickle_value *value, uint32_t *index);

mvad_status pickle_push(struct pickle *pickle, uint32_t value);
mvad_status pickle_push_new(struct pickle *pickle, const struct pickle_value *value);
mvad_status pickle_push_empty(struct pickle *pickle, enum pickle_kind kind);
mvad_status pickle_push_integer(struct pickle *pickle, enum pickle_kind kind, int64_t integer);

/* The value on top, which stays there; which is taken off; which is a list of this kind and stays. */
mvad_status pickle_top(struct pickle *pickle, uint32_t *value);
mvad_status pickle_pop(struct pickle *pickle, uint32_t *value);
mvad_status pickle_top_list(struct pickle *pickle, enum pickle_kind kind, uint32_t *list);

/* Takes off `*count` values, or with `to_mark` all above the uppermost mark, and the mark. They stay
 * in pickle->stack from *first on until something is pushed. */
mvad_status pickle_pop_entries(struct pickle *pickle, bool to_mark, size_t *count, size_t *first);

#endif
