/* SPDX-License-Identifier: MIT */
#include "clock/clock.h"

#include <math.h>
#include <time.h>

int64_t tq_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * TQ_SECOND + now.tv_nsec;
}

int64_t tq_clock_from_seconds(double seconds)
{
    double ns = ceil(seconds * (double)TQ_SECOND);
    if (!(ns < (double)TQ_NEVER))
        return TQ_NEVER;
    return ns > -(double)TQ_NEVER ? (int64_t)ns : -TQ_NEVER;
}

double tq_clock_to_seconds(int64_t ns)
{
    return ns == TQ_NEVER ? (double)INFINITY : (double)ns / (double)TQ_SECOND;
}

int64_t tq_clock_add(int64_t now, int64_t span)
{
    return span > TQ_NEVER - now ? TQ_NEVER : now + span;
}
