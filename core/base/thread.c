#include "core/base/thread.h"

#include <signal.h>
#include <stddef.h>

int thread_start(pthread_t *thread, void *(*work)(void *user), void *user)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* a new thread takes over its maker's mask */
    const int failed = pthread_create(thread, NULL, work, user);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed;
}
