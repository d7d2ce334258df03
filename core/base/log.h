/* Messages to the function given with mvad_log_set: what goes on, and what went another way than asked,
 * where the result is the same. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "mvad.h"

/* Hands one line to the caller's function where it wants messages of this level. Control characters,
 * which names of files may hold, become question marks. */
void log_write(mvad_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
