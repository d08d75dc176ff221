/* SPDX-License-Identifier: MIT */
/* The pacing is the generic cell rate algorithm with its virtual time kept in full_ns. */
#include "budget/budget.h"

#include <math.h>

#include "clock/clock.h"

#define FIRST_PUSH (TQ_SECOND / 20)
#define LONGEST_PUSH (60 * TQ_SECOND)
#define LONGEST_RETRY_AFTER (3600 * TQ_SECOND)
#define LEAST_ALLOWANCE (TQ_SECOND / 50)
#define UNKNOWN_ANSWER (TQ_SECOND / 10)
/* Of a whole burst: longer than any process runs, short enough to be added up. */
#define LONGEST_BURST (TQ_NEVER / 8)
enum { ALLOWANCE_PART = 10, FASTEST_WINDOW = 4096, ENOUGH_ANSWERS = 256, MOST_DOUBLINGS = 20 };

static int64_t interval_of(double rate, unsigned burst)
{
    if (!isfinite(rate))
        return 0;
    int64_t interval = tq_clock_from_seconds(1.0 / rate);
    int64_t longest = LONGEST_BURST / burst;
    return interval < longest ? interval : longest;
}

void tq_budget_init(tq_budget *budget, double rate, unsigned burst, uint64_t seed)
{
    if (burst == 0)
        burst = 1;
    *budget = (tq_budget){
        .interval_ns = interval_of(rate, burst),
        .burst = burst,
        .full_ns = INT64_MIN,
        .fastest_ns = TQ_NEVER,
        .window_fastest_ns = TQ_NEVER,
        .pushed_until_ns = INT64_MIN,
        .pushed_at_ns = INT64_MIN,
        .random = seed | 1,
    };
}

void tq_budget_set_rate(tq_budget *budget, double rate)
{
    int64_t interval = interval_of(rate, budget->burst);
    if (budget->full_ns != INT64_MIN)
        budget->full_ns = tq_clock_add(budget->full_ns - budget->interval_ns, interval);
    budget->interval_ns = interval;
}

static int64_t allowance_ns(const tq_budget *budget)
{
    int64_t part = budget->interval_ns / ALLOWANCE_PART;
    int64_t least = part > LEAST_ALLOWANCE ? part : LEAST_ALLOWANCE;
    return least < budget->interval_ns ? least : budget->interval_ns;
}

/* No answer ever came within an interval: waiting for one would only cost slots. */
static bool is_asked_ahead(const tq_budget *budget)
{
    return budget->answers >= ENOUGH_ANSWERS && budget->fastest_ns >= budget->interval_ns;
}

/* How long the last request's answer is waited for when it is overdue. */
static int64_t settling_ns(const tq_budget *budget)
{
    bool waits = budget->burst == 1 && budget->settling && !is_asked_ahead(budget);
    return waits ? allowance_ns(budget) : 0;
}

/* When the pace lets another one go, counting those that are taken as if they went now. */
static int64_t opens_at(const tq_budget *budget, int64_t now)
{
    if (budget->interval_ns == 0)
        return now;
    int64_t settling = settling_ns(budget);
    int64_t full = settling > 0 ? tq_clock_add(budget->full_ns, settling) : budget->full_ns;
    int64_t from = full > now ? full : now;
    int64_t ahead = (int64_t)budget->burst - 1 - budget->unsent;
    bool is_far_ahead = ahead > (from - now) / budget->interval_ns;
    return is_far_ahead ? now : from - ahead * budget->interval_ns;
}

int64_t tq_budget_wait_ns(const tq_budget *budget, int64_t now)
{
    if (budget->interval_ns > 0 && budget->unsent >= budget->burst)
        return TQ_NEVER;
    int64_t opens = opens_at(budget, now);
    if (budget->pushed_until_ns > opens)
        opens = budget->pushed_until_ns;
    return opens > now ? opens - now : 0;
}

bool tq_budget_is_settled(const tq_budget *budget)
{
    return budget->unsent == 0 && settling_ns(budget) == 0;
}

void tq_budget_take(tq_budget *budget)
{
    budget->unsent++;
}

void tq_budget_give_back(tq_budget *budget)
{
    if (budget->unsent > 0)
        budget->unsent--;
}

void tq_budget_sent(tq_budget *budget, int64_t now)
{
    if (budget->unsent > 0)
        budget->unsent--;
    int64_t from = budget->full_ns > now ? budget->full_ns : now;
    budget->full_ns = tq_clock_add(from, budget->interval_ns);
    budget->last_sent_ns = now;
    budget->settling = true;
}

/* The fastest answer of the last one or two windows: the way to a service may become longer. */
static void learn_fastest(tq_budget *budget, int64_t took)
{
    if (took < budget->window_fastest_ns)
        budget->window_fastest_ns = took;
    if (took < budget->fastest_ns)
        budget->fastest_ns = took;
    if (budget->answers < ENOUGH_ANSWERS)
        budget->answers++;
    if (++budget->window_count < FASTEST_WINDOW)
        return;
    budget->fastest_ns = budget->window_fastest_ns;
    budget->window_fastest_ns = TQ_NEVER;
    budget->window_count = 0;
}

void tq_budget_answered(tq_budget *budget, int64_t sent_ns, int64_t now)
{
    int64_t took = now - sent_ns;
    /* Before the service is known its fastest answer may have been a slow one. */
    int64_t late = budget->answers < ENOUGH_ANSWERS ? took : took - budget->fastest_ns;
    learn_fastest(budget, took);
    if (!budget->settling || sent_ns != budget->last_sent_ns)
        return;
    int64_t most = budget->burst == 1 ? allowance_ns(budget) : 0;
    if (late > 0)
        budget->full_ns = tq_clock_add(budget->full_ns, late < most ? late : most);
    budget->settling = false;
}

int64_t tq_budget_answer_ns(const tq_budget *budget)
{
    int64_t fastest = budget->fastest_ns == TQ_NEVER ? UNKNOWN_ANSWER : budget->fastest_ns;
    return 2 * fastest + LEAST_ALLOWANCE;
}

void tq_budget_hold(tq_budget *budget, int64_t until_ns)
{
    if (until_ns > budget->pushed_until_ns)
        budget->pushed_until_ns = until_ns;
}

/* A number from 0 to 1 (xorshift64). */
static double next_random(tq_budget *budget)
{
    budget->random ^= budget->random << 13;
    budget->random ^= budget->random >> 7;
    budget->random ^= budget->random << 17;
    return (double)(budget->random >> 11) / (double)(UINT64_C(1) << 53);
}

static int64_t growing_push(tq_budget *budget)
{
    int64_t push = budget->interval_ns > FIRST_PUSH ? budget->interval_ns : FIRST_PUSH;
    for (unsigned i = 1; i < budget->refusals && push < LONGEST_PUSH; i++)
        push *= 2;
    if (push > LONGEST_PUSH)
        push = LONGEST_PUSH;
    return push + (int64_t)((double)push / 2 * next_random(budget));
}

void tq_budget_refused(tq_budget *budget, int64_t sent_ns, int64_t now, int64_t retry_after_ns)
{
    /* What was on its way already when the budget was pushed back says nothing new. */
    bool news = sent_ns >= budget->pushed_at_ns;
    if (news && budget->refusals < MOST_DOUBLINGS)
        budget->refusals++;
    int64_t push = 0;
    if (retry_after_ns >= 0)
        push = retry_after_ns < LONGEST_RETRY_AFTER ? retry_after_ns : LONGEST_RETRY_AFTER;
    else if (news)
        push = growing_push(budget);
    tq_budget_hold(budget, now + push);
    if (news)
        budget->pushed_at_ns = now;
}

void tq_budget_accepted(tq_budget *budget, int64_t sent_ns)
{
    if (sent_ns >= budget->pushed_at_ns)
        budget->refusals = 0;
}
