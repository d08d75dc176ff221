/* SPDX-License-Identifier: MIT */
#include "clock/clock.h"

#include <math.h>
#include <stdatomic.h>
#include <time.h>

/* 0 while the clock is the real one. */
static _Atomic int64_t simulated;

void tq_clock_simulate(int64_t now)
{
    atomic_store_explicit(&simulated, now, memory_order_relaxed);
}

void tq_clock_take_up(void)
{
    tq_clock_simulate(0);
}

bool tq_clock_is_simulated(void)
{
    return atomic_load_explicit(&simulated, memory_order_relaxed) != 0;
}

int64_t tq_clock_now(void)
{
    int64_t set = atomic_load_explicit(&simulated, memory_order_relaxed);
    if (set != 0)
        return set;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * TQ_SECOND + now.tv_nsec;
}

int64_t tq_clock_from_seconds(double seconds)
{
    double ns = ceil(seconds * (double)TQ_SECOND);
    if (!(ns < (double)TQ_NEVER))
        return TQ_NEVER;
    if (!(ns > -(double)TQ_NEVER))
        return -TQ_NEVER;
    /* The product was rounded too: down, maybe, to an instant that is not yet the one meant. */
    bool is_early = tq_clock_to_seconds((int64_t)ns) < seconds;
    return is_early ? tq_clock_from_seconds(nextafter(seconds, INFINITY)) : (int64_t)ns;
}

double tq_clock_to_seconds(int64_t ns)
{
    return ns == TQ_NEVER ? (double)INFINITY : (double)ns / (double)TQ_SECOND;
}

int64_t tq_clock_add(int64_t now, int64_t span)
{
    return now > 0 && span > TQ_NEVER - now ? TQ_NEVER : now + span;
}
