/* SPDX-License-Identifier: MIT */
#ifndef BUDGET_AT_H
#define BUDGET_AT_H
/* What happens to a budget, at given times. */
#include "budget/budget.h"
#include "check.h"
#include "clock/clock.h"

#define MS (TQ_SECOND / 1000)

static inline tq_budget budget_of(double rate, unsigned burst)
{
    tq_budget budget;
    tq_budget_init(&budget, rate, burst, 42);
    return budget;
}

static inline void send_at(tq_budget *budget, int64_t now)
{
    tq_budget_take(budget);
    tq_budget_sent(budget, now);
}

/* Sends and is answered at once: nothing more is to be settled. */
static inline void ask_at(tq_budget *budget, int64_t now)
{
    send_at(budget, now);
    tq_budget_answered(budget, now, now);
}

static inline void refuse_at(tq_budget *budget, int64_t now)
{
    tq_budget_refused(budget, now, now, -1);
}

/* So many answers, one each ten seconds, until the budget knows the service. Gives the time after.
 */
static inline int64_t get_known(tq_budget *budget, int64_t took)
{
    int64_t now = 0;
    for (int i = 0; i < 256; i++, now += 10 * TQ_SECOND) {
        send_at(budget, now);
        tq_budget_answered(budget, now, now + took);
    }
    return now;
}

#endif
