/* SPDX-License-Identifier: MIT */
#include "budget/budget.h"

#include <math.h>
#include <stdbool.h>

#include "check.h"
#include "clock/clock.h"

#define MS (TQ_SECOND / 1000)

static tq_budget budget_of(double rate, unsigned burst)
{
    tq_budget budget;
    tq_budget_init(&budget, rate, burst, 42);
    return budget;
}

static void send_at(tq_budget *budget, int64_t now)
{
    tq_budget_take(budget);
    tq_budget_sent(budget, now);
}

/* Sends and is answered at once: nothing more is to be settled. */
static void ask_at(tq_budget *budget, int64_t now)
{
    send_at(budget, now);
    tq_budget_answered(budget, now, now);
}

static void refuse_at(tq_budget *budget, int64_t now)
{
    tq_budget_refused(budget, now, now, -1);
}

/* So many answers, one each ten seconds, until the budget knows the service. Gives the time after.
 */
static int64_t get_known(tq_budget *budget, int64_t took)
{
    int64_t now = 0;
    for (int i = 0; i < 256; i++, now += 10 * TQ_SECOND) {
        send_at(budget, now);
        tq_budget_answered(budget, now, now + took);
    }
    return now;
}

TEST("the first slot is free at once, whatever the clock says")
{
    static const int64_t nows[] = {0, 1, -5 * TQ_SECOND, INT64_C(1) << 60};
    for (size_t i = 0; i < sizeof nows / sizeof *nows; i++) {
        tq_budget budget = budget_of(1, 1);
        CHECK(tq_budget_wait_ns(&budget, nows[i]) == 0);
    }
}

TEST("the second slot opens one interval after the first request was sent")
{
    tq_budget budget = budget_of(2, 1);
    ask_at(&budget, TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) == TQ_SECOND / 2);
    CHECK(tq_budget_wait_ns(&budget, TQ_SECOND + 499 * MS) == MS);
    CHECK(tq_budget_wait_ns(&budget, TQ_SECOND + 500 * MS) == 0);
    CHECK(tq_budget_wait_ns(&budget, 100 * TQ_SECOND) == 0);
}

TEST("an idle spell saves no slots with a burst of one")
{
    tq_budget budget = budget_of(1, 1);
    ask_at(&budget, 0);
    ask_at(&budget, 1000 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 1000 * TQ_SECOND) == TQ_SECOND);
}

TEST("without a limit a slot is always free")
{
    tq_budget budget = budget_of(INFINITY, 1);
    for (int i = 0; i < 100; i++) {
        CHECK(tq_budget_wait_ns(&budget, 7) == 0);
        tq_budget_take(&budget);
    }
    for (int i = 0; i < 100; i++)
        tq_budget_sent(&budget, 7);
    CHECK(tq_budget_wait_ns(&budget, 7) == 0);
}

TEST("a slot that is taken and not sent keeps the next one closed")
{
    tq_budget budget = budget_of(1, 1);
    tq_budget_take(&budget);
    CHECK(tq_budget_wait_ns(&budget, 0) == TQ_NEVER);
    CHECK(tq_budget_wait_ns(&budget, 100 * TQ_SECOND) == TQ_NEVER);
    tq_budget_sent(&budget, 100 * TQ_SECOND);
    tq_budget_answered(&budget, 100 * TQ_SECOND, 100 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 100 * TQ_SECOND) == TQ_SECOND);
}

TEST("a slot that is given back is free again")
{
    tq_budget budget = budget_of(1, 1);
    tq_budget_take(&budget);
    tq_budget_give_back(&budget);
    CHECK(tq_budget_wait_ns(&budget, 0) == 0);
    ask_at(&budget, 0);
    int64_t wait = tq_budget_wait_ns(&budget, 0);
    tq_budget_take(&budget);
    tq_budget_give_back(&budget);
    CHECK(tq_budget_wait_ns(&budget, 0) == wait);
}

TEST("until the answer is there the next slot opens an allowance later")
{
    /* A tenth of the interval, at least 20 ms, at most the interval. */
    static const double rates[] = {0.1, 1, 5, 10, 50, 100, 1000};
    static const int64_t allowances[] = {1000, 100, 20, 20, 20, 10, 1};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        tq_budget budget = budget_of(rates[i], 1);
        int64_t interval = tq_clock_from_seconds(1 / rates[i]);
        send_at(&budget, 0);
        CHECK(tq_budget_wait_ns(&budget, 0) == interval + allowances[i] * MS);
    }
}

TEST("an answer as fast as the fastest opens the next slot after exactly one interval")
{
    tq_budget budget = budget_of(1, 1);
    int64_t now = get_known(&budget, 30 * MS);
    for (int i = 0; i < 5; i++, now += 10 * TQ_SECOND) {
        send_at(&budget, now);
        tq_budget_answered(&budget, now, now + 30 * MS);
        CHECK(tq_budget_wait_ns(&budget, now) == TQ_SECOND);
    }
}

TEST("an answer counts as wholly late while the service is not known yet")
{
    tq_budget budget = budget_of(1, 1);
    for (int i = 0; i < 256; i++) {
        int64_t now = i * 10 * TQ_SECOND;
        send_at(&budget, now);
        tq_budget_answered(&budget, now, now + 30 * MS);
        CHECK(tq_budget_wait_ns(&budget, now) == TQ_SECOND + 30 * MS);
    }
}

TEST("an answer that is later than the fastest delays the next slot by so much, up to a tenth")
{
    static const int64_t late[] = {1, 10, 99, 100, 101, 5000};
    for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
        tq_budget budget = budget_of(1, 1);
        int64_t now = get_known(&budget, 30 * MS);
        send_at(&budget, now);
        tq_budget_answered(&budget, now, now + (30 + late[i]) * MS);
        int64_t settled = (late[i] < 100 ? late[i] : 100) * MS;
        CHECK(tq_budget_wait_ns(&budget, now) == TQ_SECOND + settled);
    }
}

TEST("a service that always takes longer than the interval is asked ahead of its answers")
{
    tq_budget budget = budget_of(10, 1);
    int64_t now = 0;
    send_at(&budget, now);
    CHECK(tq_budget_wait_ns(&budget, now) == 120 * MS);
    now = get_known(&budget, 300 * MS);
    send_at(&budget, now);
    CHECK(tq_budget_wait_ns(&budget, now) == 100 * MS);
}

TEST("an answer to an older request says nothing about the last one")
{
    tq_budget budget = budget_of(1, 1);
    ask_at(&budget, 0);
    send_at(&budget, 10 * TQ_SECOND);
    send_at(&budget, 12 * TQ_SECOND);
    tq_budget_answered(&budget, 10 * TQ_SECOND, 12 * TQ_SECOND + MS);
    CHECK(tq_budget_wait_ns(&budget, 12 * TQ_SECOND) == 1100 * MS);
    tq_budget_answered(&budget, 12 * TQ_SECOND, 12 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 12 * TQ_SECOND) == TQ_SECOND);
}

TEST("a burst goes at once after an idle spell, then one an interval")
{
    tq_budget budget = budget_of(10, 4);
    for (int round = 0; round < 3; round++) {
        int64_t start = round * 60 * TQ_SECOND, now = start;
        for (int i = 0; i < 4; i++) {
            CHECK(tq_budget_wait_ns(&budget, now) == 0);
            ask_at(&budget, now);
        }
        for (int i = 0; i < 20; i++) {
            CHECK(tq_budget_wait_ns(&budget, now) == 100 * MS);
            now += 100 * MS;
            CHECK(tq_budget_wait_ns(&budget, now) == 0);
            ask_at(&budget, now);
        }
    }
}

TEST("a whole burst can be taken before any of it is sent, and no more")
{
    tq_budget budget = budget_of(10, 3);
    for (int i = 0; i < 3; i++) {
        CHECK(tq_budget_wait_ns(&budget, 0) == 0);
        tq_budget_take(&budget);
    }
    CHECK(tq_budget_wait_ns(&budget, 0) == TQ_NEVER);
    tq_budget_give_back(&budget);
    CHECK(tq_budget_wait_ns(&budget, 0) == 0);
}

TEST("a taken slot counts against a used-up burst before it is sent")
{
    tq_budget budget = budget_of(10, 3);
    for (int i = 0; i < 3; i++)
        ask_at(&budget, 0);
    CHECK(tq_budget_wait_ns(&budget, 100 * MS) == 0);
    tq_budget_take(&budget);
    CHECK(tq_budget_wait_ns(&budget, 100 * MS) > 0);
}

TEST("a burst of zero is a burst of one")
{
    tq_budget budget = budget_of(1, 0);
    CHECK(tq_budget_wait_ns(&budget, 0) == 0);
    ask_at(&budget, 0);
    CHECK(tq_budget_wait_ns(&budget, 0) == TQ_SECOND);
}

TEST("a new rate holds for the slot that is waited for, up or down")
{
    tq_budget budget = budget_of(2, 1);
    ask_at(&budget, 0);
    tq_budget_set_rate(&budget, 1);
    CHECK(tq_budget_wait_ns(&budget, 0) == TQ_SECOND);
    tq_budget_set_rate(&budget, 10);
    CHECK(tq_budget_wait_ns(&budget, 0) == TQ_SECOND / 10);
    tq_budget_set_rate(&budget, INFINITY);
    CHECK(tq_budget_wait_ns(&budget, 0) == 0);
    tq_budget_set_rate(&budget, 1);
    CHECK(tq_budget_wait_ns(&budget, 0) == TQ_SECOND);
}

TEST("a restriction limits a budget that had no limit")
{
    tq_budget budget = budget_of(INFINITY, 1);
    ask_at(&budget, 0);
    tq_budget_set_rate(&budget, 1);
    ask_at(&budget, 5 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 5 * TQ_SECOND) == TQ_SECOND);
}

TEST("a refusal pushes the budget back by an interval to one and a half")
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        tq_budget budget;
        tq_budget_init(&budget, 1, 1, seed);
        ask_at(&budget, 0);
        refuse_at(&budget, 0);
        int64_t wait = tq_budget_wait_ns(&budget, 0);
        CHECK(wait >= TQ_SECOND && wait <= TQ_SECOND + TQ_SECOND / 2);
    }
}

TEST("the push is jittered, and the seed decides how")
{
    int64_t waits[50], least = TQ_NEVER, most = 0;
    for (uint64_t i = 0; i < 50; i++) {
        tq_budget budget;
        tq_budget_init(&budget, 1, 1, 1000 + 77 * i);
        refuse_at(&budget, 0);
        refuse_at(&budget, 10 * TQ_SECOND);
        waits[i] = tq_budget_wait_ns(&budget, 10 * TQ_SECOND);
        least = waits[i] < least ? waits[i] : least;
        most = waits[i] > most ? waits[i] : most;
    }
    CHECK(most - least > TQ_SECOND / 4);
    tq_budget same;
    tq_budget_init(&same, 1, 1, 1000);
    refuse_at(&same, 0);
    refuse_at(&same, 10 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&same, 10 * TQ_SECOND) == waits[0]);
}

TEST("a push is at least 50 milliseconds, even without a limit")
{
    static const double rates[] = {INFINITY, 1e9, 1000, 21};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        tq_budget budget = budget_of(rates[i], 1);
        refuse_at(&budget, 0);
        int64_t wait = tq_budget_wait_ns(&budget, 0);
        CHECK(wait >= 50 * MS && wait <= 75 * MS);
    }
}

TEST("the push doubles with each refusal in a row, up to a minute and a half with its jitter")
{
    tq_budget budget = budget_of(1, 1);
    int64_t now = 0, expected = TQ_SECOND;
    for (int i = 0; i < 100; i++) {
        refuse_at(&budget, now);
        int64_t wait = tq_budget_wait_ns(&budget, now);
        CHECK(wait >= expected && wait <= expected + expected / 2);
        expected = expected < 30 * TQ_SECOND ? 2 * expected : 60 * TQ_SECOND;
        now += wait;
    }
}

TEST("a request that is accepted starts the pushes from the beginning")
{
    tq_budget budget = budget_of(1, 1);
    int64_t now = 0;
    for (int i = 0; i < 5; i++) {
        refuse_at(&budget, now);
        now += tq_budget_wait_ns(&budget, now);
    }
    tq_budget_accepted(&budget, now);
    refuse_at(&budget, now);
    CHECK(tq_budget_wait_ns(&budget, now) <= TQ_SECOND + TQ_SECOND / 2);
}

TEST("an acceptance of what was sent before the push changes nothing")
{
    tq_budget budget = budget_of(1, 1);
    refuse_at(&budget, 10 * TQ_SECOND);
    int64_t wait = tq_budget_wait_ns(&budget, 10 * TQ_SECOND);
    tq_budget_accepted(&budget, 9 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 10 * TQ_SECOND) == wait);
    refuse_at(&budget, 20 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 20 * TQ_SECOND) >= 2 * TQ_SECOND);
}

TEST("several refusals of what was in flight together count once")
{
    tq_budget budget = budget_of(100, 10);
    for (int i = 0; i < 10; i++)
        send_at(&budget, i * MS);
    for (int i = 0; i < 10; i++)
        tq_budget_refused(&budget, i * MS, (20 + i) * MS, -1);
    CHECK(tq_budget_wait_ns(&budget, 20 * MS) <= 75 * MS + 9 * MS);
    tq_budget_refused(&budget, TQ_SECOND, TQ_SECOND, -1);
    int64_t wait = tq_budget_wait_ns(&budget, TQ_SECOND);
    CHECK(wait >= 100 * MS && wait <= 150 * MS);
}

TEST("a late refusal of an old request does not hide the refusal of a newer one")
{
    tq_budget budget = budget_of(100, 10);
    tq_budget_refused(&budget, 0, MS, -1);
    /* Pushed back to 76 ms at most. One is sent then; after it the old one's refusal arrives. */
    send_at(&budget, 80 * MS);
    tq_budget_refused(&budget, 0, 90 * MS, -1);
    tq_budget_refused(&budget, 80 * MS, 100 * MS, -1);
    CHECK(tq_budget_wait_ns(&budget, 100 * MS) >= 100 * MS);
}

TEST("a Retry-After is kept to exactly")
{
    tq_budget budget = budget_of(1, 1);
    ask_at(&budget, 0);
    tq_budget_refused(&budget, 0, TQ_SECOND, 7 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) == 7 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 8 * TQ_SECOND) == 0);
}

TEST("a Retry-After is believed up to one hour")
{
    static const int64_t told[] = {3600, 3601, 1000000};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        tq_budget budget = budget_of(1, 1);
        tq_budget_refused(&budget, 0, 0, told[i] * TQ_SECOND);
        CHECK(tq_budget_wait_ns(&budget, 0) == 3600 * TQ_SECOND);
    }
    tq_budget budget = budget_of(1, 1);
    tq_budget_refused(&budget, 0, 0, TQ_NEVER);
    CHECK(tq_budget_wait_ns(&budget, 0) == 3600 * TQ_SECOND);
}

TEST("a shorter push does not take back a longer one")
{
    tq_budget budget = budget_of(1, 1);
    tq_budget_refused(&budget, 0, 0, 100 * TQ_SECOND);
    tq_budget_refused(&budget, 0, TQ_SECOND, 5 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) == 99 * TQ_SECOND);
    refuse_at(&budget, 2 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 2 * TQ_SECOND) == 98 * TQ_SECOND);
}

TEST("a Retry-After of a request that was in flight at the push still holds")
{
    tq_budget budget = budget_of(1, 1);
    refuse_at(&budget, 10 * TQ_SECOND);
    tq_budget_refused(&budget, 9 * TQ_SECOND, 11 * TQ_SECOND, 30 * TQ_SECOND);
    CHECK(tq_budget_wait_ns(&budget, 11 * TQ_SECOND) == 30 * TQ_SECOND);
}

TEST("a push shorter than the interval does not open a slot early")
{
    tq_budget budget = budget_of(1, 1);
    ask_at(&budget, 0);
    tq_budget_refused(&budget, 0, 100 * MS, 200 * MS);
    CHECK(tq_budget_wait_ns(&budget, 300 * MS) == 700 * MS);
    CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) == 0);
}

TEST("while pushed back the wait is until a slot is really free")
{
    tq_budget budget = budget_of(1, 1);
    ask_at(&budget, 0);
    tq_budget_refused(&budget, 0, 100 * MS, 200 * MS);
    CHECK(tq_budget_wait_ns(&budget, 100 * MS) == 900 * MS);
}

TEST("a rate next to nothing lets one request through and then none in a lifetime")
{
    static const double rates[] = {1e-9, 1e-12, 1e-300, 4.9e-324};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        tq_budget budget = budget_of(rates[i], 1);
        CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) == 0);
        send_at(&budget, TQ_SECOND);
        CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) > 900000000 * TQ_SECOND);
        tq_budget_answered(&budget, TQ_SECOND, TQ_SECOND);
        CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) > 900000000 * TQ_SECOND);
    }
}

TEST("a rate next to nothing lets its burst through and then none in a year")
{
    tq_budget budget = budget_of(1e-12, 20);
    for (int i = 0; i < 20; i++) {
        CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) == 0);
        send_at(&budget, TQ_SECOND);
    }
    CHECK(tq_budget_wait_ns(&budget, TQ_SECOND) > 365 * 86400 * TQ_SECOND);
}

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

TEST("an answer is expected to take twice the fastest one and a little")
{
    tq_budget budget = budget_of(1, 1);
    CHECK(tq_budget_answer_ns(&budget) == 220 * MS);
    send_at(&budget, 0);
    tq_budget_answered(&budget, 0, 30 * MS);
    CHECK(tq_budget_answer_ns(&budget) == 80 * MS);
}
