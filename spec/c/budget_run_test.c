/* SPDX-License-Identifier: MIT */
/* What a budget keeps to over long random runs. */
#include "budget_at.h"

/* A service at the end of a way that takes `way` and jitters by up to a tenth of the interval. */
enum { RUN = 20000, WAY_MS = 20 };

typedef struct run {
    tq_budget budget;
    int64_t now;
    int64_t sent;   /* the last request */
    int64_t answer; /* when its answer comes; TQ_NEVER once that was told */
    int64_t closest_sending, closest_arrival; /* of two in a row, in nanoseconds */
    int64_t arrived;
} run;

static void tell_answer(run *r)
{
    if (r->answer > r->now)
        return;
    tq_budget_answered(&r->budget, r->sent, r->answer);
    tq_budget_accepted(&r->budget, r->sent);
    r->answer = TQ_NEVER;
}

static void wait_for_slot(run *r)
{
    for (;;) {
        tell_answer(r);
        int64_t wait = tq_budget_wait_ns(&r->budget, r->now);
        if (wait == 0)
            return;
        /* Whatever comes first: the slot or the answer, which can change the slot. */
        int64_t then = r->now + wait;
        r->now = r->answer < then ? r->answer : then;
    }
}

static void send_next(run *r, int64_t jitter, int64_t server)
{
    int64_t before = r->sent, arrived = r->arrived;
    wait_for_slot(r);
    tq_budget_take(&r->budget);
    /* Now and then the request waits for its connection. */
    if (check_random(20) == 0)
        r->now += (int64_t)check_random(300) * MS;
    tq_budget_sent(&r->budget, r->now);
    r->sent = r->now;
    r->arrived = r->now + WAY_MS * MS + jitter;
    r->answer = r->arrived + server + WAY_MS * MS;
    if (arrived == 0)
        return;
    if (r->sent - before < r->closest_sending)
        r->closest_sending = r->sent - before;
    if (r->arrived - arrived < r->closest_arrival)
        r->closest_arrival = r->arrived - arrived;
}

static run long_run(bool jitters_from_the_first)
{
    run r = {.now = TQ_SECOND, .answer = TQ_NEVER, .closest_sending = TQ_NEVER};
    r.closest_arrival = TQ_NEVER;
    tq_budget_init(&r.budget, 1, 1, 42);
    for (int i = 0; i < RUN; i++) {
        int64_t jitter = (int64_t)check_random(100 * (uint64_t)MS + 1);
        if (i == 0 && !jitters_from_the_first)
            jitter = 0;
        /* Some answers take a moment, some longer than the interval. */
        int64_t server = check_random(10) == 0 ? (int64_t)check_random(4000) * MS : 0;
        send_next(&r, jitter, server);
        if (check_random(50) == 0)
            r.now += (int64_t)check_random(30000) * MS;
    }
    return r;
}

TEST("two requests are never sent closer than the interval over a long random run")
{
    CHECK(long_run(true).closest_sending >= TQ_SECOND);
    CHECK(long_run(false).closest_sending >= TQ_SECOND);
}

TEST("two requests never arrive closer than the interval over a long random run")
{
    /* The fastest of many answers is a little slower than the fastest possible one. */
    const int64_t unknown = TQ_SECOND / 10000;
    CHECK(long_run(false).closest_arrival >= TQ_SECOND - unknown);
}

TEST("two requests never arrive closer than the interval while the way is still being learned")
{
    CHECK(long_run(true).closest_arrival >= TQ_SECOND - TQ_SECOND / 100);
}

TEST("two requests never arrive closer than the interval although the first one was delayed")
{
    tq_budget budget = budget_of(1, 1);
    send_at(&budget, 0);
    int64_t arrived = WAY_MS * MS + 100 * MS;
    tq_budget_answered(&budget, 0, arrived + WAY_MS * MS);
    int64_t second = WAY_MS * MS * 2 + 100 * MS;
    second += tq_budget_wait_ns(&budget, second);
    CHECK(second + WAY_MS * MS - arrived >= TQ_SECOND);
}

TEST("the rate is used up: no more than a tenth is lost when answers come in time")
{
    tq_budget budget = budget_of(10, 1);
    int64_t now = 0;
    for (int i = 0; i < 1000; i++) {
        now += tq_budget_wait_ns(&budget, now);
        send_at(&budget, now);
        int64_t took = 20 * MS + (int64_t)check_random(10 * (uint64_t)MS);
        tq_budget_answered(&budget, now, now + took);
        now += took;
    }
    CHECK(now >= 999 * 100 * MS && now <= 1000 * 110 * MS);
}

TEST("in any window a burst and the rate are not passed over a long random run")
{
    enum { BURST = 5 };
    tq_budget budget = budget_of(10, BURST);
    int64_t now = 0, sent[BURST + 1] = {0};
    for (int i = 0; i < RUN; i++) {
        now += tq_budget_wait_ns(&budget, now);
        send_at(&budget, now);
        sent[i % (BURST + 1)] = now;
        /* The one that came a burst before this one lies at least an interval back. */
        if (i >= BURST)
            CHECK(now - sent[(i + 1) % (BURST + 1)] >= 100 * MS);
        now += check_random(20) == 0 ? (int64_t)check_random(3000) * MS : 0;
    }
}
