/* Errors: a status and one line, written into the caller's mvad_error. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "mvad.h"

/* Fills `error` (may be NULL) and returns `status`, so that `return error_set(error, ..)` reads as
 * one statement. */
mvad_status error_set(mvad_error *error, mvad_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* MVAD_OK, with `error` (may be NULL) cleared. */
mvad_status error_clear(mvad_error *error);

/* The usual message for an allocation that failed. */
mvad_status error_out_of_memory(mvad_error *error, const char *what, size_t bytes);

#endif
