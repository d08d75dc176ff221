/* SPDX-License-Identifier: MIT */
#include "base/fork.h"

#include <pthread.h>

static unsigned forks;

static void count_fork(void)
{
    forks++;
}

static void begin_to_count(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

unsigned tq_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin_to_count);
    return forks;
}
