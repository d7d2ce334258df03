#include "cli/common/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* Handlers have nothing else to tell the program with. */
static volatile sig_atomic_t interrupted;

static void take_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = take_signal,
                               .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int interrupt_came(void)
{
    return interrupted;
}

int32_t interrupt_progress(size_t done, size_t total, void *user)
{
    (void)done;
    (void)total;
    (void)user;
    return interrupted;
}
