/* Threads of the library leave signals to the program. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/thread.h"

static const int signals[] = {SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGXFSZ};

struct seen {
    bool ran, blocked[sizeof signals / sizeof *signals];
};

static void *look(void *user)
{
    struct seen *seen = user;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        seen->blocked[i] = sigismember(&mask, signals[i]) == 1;
    seen->ran = true;
    return seen;
}

static void signals_stay_with_the_caller(void **state)
{
    (void)state;
    struct seen seen = {0};
    void *result = NULL;
    pthread_t thread;
    sigset_t mask, own;
    sigemptyset(&own);
    sigaddset(&own, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &own, NULL), 0);
    assert_int_equal(thread_start(&thread, look, &seen), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &seen);
    assert_true(seen.ran);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        assert_true(seen.blocked[i]);
        assert_int_equal(sigismember(&mask, signals[i]), signals[i] == SIGUSR1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signals_stay_with_the_caller)};
    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
