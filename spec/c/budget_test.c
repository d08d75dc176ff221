/* SPDX-License-Identifier: MIT */
/* When slots open, by what was sent and answered. */
#include <math.h>

#include "budget_at.h"

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

TEST("an answer is expected to take twice the fastest one and a little")
{
    tq_budget budget = budget_of(1, 1);
    CHECK(tq_budget_answer_ns(&budget) == 220 * MS);
    send_at(&budget, 0);
    tq_budget_answered(&budget, 0, 30 * MS);
    CHECK(tq_budget_answer_ns(&budget) == 80 * MS);
}
