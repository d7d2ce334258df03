/* SIGINT and SIGTERM: the first one lets the program end its work in good order, the second one ends
 * the program. */
#ifndef CLI_COMMON_INTERRUPT_H
#define CLI_COMMON_INTERRUPT_H

#define EXIT_INTERRUPTED 130 /* what a shell says of a program that SIGINT ended */

void interrupt_catch(void);

/* Nonzero once a signal came. */
int interrupt_came(void);

#endif
