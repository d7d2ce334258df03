#include "core/data/parallel.h"

#include <pthread.h>
#include <unistd.h>

#include "core/base/thread.h"

#define MAX_THREADS 64

struct parallel {
    const struct parallel_job *job;
    pthread_mutex_t lock; /* of all below */
    size_t next, done;
    bool ended, stopped; /* `stopped`: by progress */
};

static void *work(void *user)
{
    struct parallel *parallel = user;
    const struct parallel_job *job = parallel->job;
    for (;;) {
        pthread_mutex_lock(&parallel->lock);
        const size_t index = parallel->ended ? job->count : parallel->next++;
        pthread_mutex_unlock(&parallel->lock);
        if (index >= job->count) return NULL;
        const bool more = job->work(index, job->user);

        pthread_mutex_lock(&parallel->lock);
        const size_t done = ++parallel->done;
        if (!more) parallel->ended = true;
        if (job->progress && !parallel->stopped &&
            job->progress(done, job->count, job->progress_user))
            parallel->ended = parallel->stopped = true;
        pthread_mutex_unlock(&parallel->lock);
    }
}

bool parallel_run(const struct parallel_job *job)
{
    struct parallel parallel = {.job = job};
    pthread_t threads[MAX_THREADS];
    long wanted = job->threads > 0 ? job->threads : sysconf(_SC_NPROCESSORS_ONLN);
    long started = 0;
    if (wanted > MAX_THREADS) wanted = MAX_THREADS;
    pthread_mutex_init(&parallel.lock, NULL);
    while (started + 1 < wanted && thread_start(&threads[started], work, &parallel) == 0) started++;
    work(&parallel);
    for (long i = 0; i < started; i++) pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&parallel.lock);
    return !parallel.stopped;
}
