/* SIGINT and SIGTERM: the first one lets the program end its work in good order, the second one ends
 * the program. */
#ifndef CLI_COMMON_INTERRUPT_H
#define CLI_COMMON_INTERRUPT_H

#include <stddef.h>
#include <stdint.h>

#define EXIT_INTERRUPTED 130 /* what a shell says of a program that SIGINT ended */

void interrupt_catch(void);

/* Nonzero once a signal came. */
int interrupt_came(void);

/* The same as a `progress` of the library that shows none. */
int32_t interrupt_progress(size_t done, size_t total, void *user);

#endif
