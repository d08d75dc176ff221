/* SPDX-License-Identifier: MIT */
/* How refusals push a budget back. */
#include <math.h>

#include "budget_at.h"

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
