/* SPDX-License-Identifier: MIT */
#ifndef TQ_BUDGET_H
#define TQ_BUDGET_H
/*
 * A rate budget: how many requests a second a service allows for one method. It answers "how long
 * until the next one", it never sleeps and never reads a clock: `now` is an argument, in
 * nanoseconds.
 *
 * A slot is taken, and then either sent or given back, so that a request that waits for its
 * connection delays the ones behind it instead of arriving together with them. What counts for the
 * service is when a request arrives, and that lies somewhere between its sending and its answer.
 * With a burst of one, the next slot therefore opens one interval after the sending plus what the
 * answer took longer than the fastest one, within an allowance: two requests do not come closer at
 * the service than the rate says, although networks jitter. The allowance is a tenth of the
 * interval, at least 20 ms and at most the interval itself. A service whose fastest answer takes
 * longer than the interval is asked ahead of its answers, and there its network's jitter shows.
 *
 *     if (tq_budget_wait_ns(&budget, now) == 0) {
 *         tq_budget_take(&budget);
 *         tq_budget_sent(&budget, now);                  ... or tq_budget_give_back(&budget)
 *         tq_budget_answered(&budget, sent_ns, now);
 *     }
 */
#include <stdbool.h>
#include <stdint.h>

typedef struct tq_budget {
    int64_t interval_ns; /* between two requests; 0 for no limit */
    unsigned burst;      /* how many may go at once after an idle spell */
    unsigned unsent;     /* slots that are taken, neither sent nor given back */
    int64_t full_ns;     /* when the whole burst is available again */
    int64_t last_sent_ns;
    bool settling;      /* the last request sent has not been answered */
    int64_t fastest_ns; /* the fastest answer of late */
    int64_t window_fastest_ns;
    unsigned window_count;
    unsigned answers;        /* up to what is enough to know the service by */
    int64_t pushed_until_ns; /* no slot before, because the service refused */
    int64_t pushed_at_ns;
    unsigned refusals; /* in a row */
    uint64_t random;
} tq_budget;

/* `rate` in requests a second, INFINITY for no limit; `seed` for the jitter of push-backs. */
void tq_budget_init(tq_budget *budget, double rate, unsigned burst, uint64_t seed);

/* Changes the rate, also for the slot that is waited for now. What was pushed back stays so. */
void tq_budget_set_rate(tq_budget *budget, double rate);

/* 0 when a slot is free, else how long until one is. TQ_NEVER while it depends on a slot that is
 * taken and not yet sent. */
int64_t tq_budget_wait_ns(const tq_budget *budget, int64_t now);

/* Is all that was taken sent, and nothing expected that may still move the next slot? */
bool tq_budget_is_settled(const tq_budget *budget);

void tq_budget_take(tq_budget *budget);
void tq_budget_give_back(tq_budget *budget);
void tq_budget_sent(tq_budget *budget, int64_t now);

/* The request sent at `sent_ns` has been answered, or will not be. */
void tq_budget_answered(tq_budget *budget, int64_t sent_ns, int64_t now);

/* How long an answer may be expected to take: twice the fastest one of late and a little. */
int64_t tq_budget_answer_ns(const tq_budget *budget);

/* No slot before `until_ns`, for a reason of the caller's. */
void tq_budget_hold(tq_budget *budget, int64_t until_ns);

/* The service refused the request sent at `sent_ns` as too frequent: pushes the whole budget back
 * by `retry_after_ns` and, where it is negative because the service named none, by a delay that
 * doubles with each refusal in a row (from one interval, at least 50 ms, to 60 s) and is jittered
 * upwards by at most a half. A Retry-After is believed up to one hour. */
void tq_budget_refused(tq_budget *budget, int64_t sent_ns, int64_t now, int64_t retry_after_ns);

/* The service took the request sent at `sent_ns`: the next refusal counts as a first one. */
void tq_budget_accepted(tq_budget *budget, int64_t sent_ns);

#endif
