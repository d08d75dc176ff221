/* SPDX-License-Identifier: MIT */
#ifndef TQ_SIM_CLOCK_H
#define TQ_SIM_CLOCK_H
/* The simulator's only clock: monotonic seconds. */
#include <time.h>

static inline double tq_sim_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#endif
