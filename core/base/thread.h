/* Threads of the library's own. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* pthread_create with default attributes and all signals blocked in the new thread: they are left to
 * the host program's threads, whose handlers and waiting calls expect them. Returns 0, or an error
 * number. */
int thread_start(pthread_t *thread, void *(*work)(void *user), void *user);

#endif
