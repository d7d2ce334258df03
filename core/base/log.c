#include "core/base/log.h"

#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

enum { LINE_BYTES = 1024 };

/* The one thing the library keeps for all threads and handles: messages come from places that have none,
 * such as the opening of a device. */
static struct {
    atomic_int level; /* read without the lock, so that messages nobody wants cost nothing */
    pthread_mutex_t lock;
    mvad_log_function function;
    void *user;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER};

void mvad_log_set(mvad_log_level level, mvad_log_function function, void *user)
{
    pthread_mutex_lock(&sink.lock);
    sink.function = function;
    sink.user = user;
    atomic_store(&sink.level, function ? (int)level : MVAD_LOG_NONE);
    pthread_mutex_unlock(&sink.lock);
}

void log_write(mvad_log_level level, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    if ((int)level > atomic_load(&sink.level)) return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if (iscntrl((unsigned char)*c)) *c = '?';
    pthread_mutex_lock(&sink.lock);
    /* It may have changed meanwhile. */
    if ((int)level <= atomic_load(&sink.level)) sink.function(level, line, sink.user);
    pthread_mutex_unlock(&sink.lock);
}
