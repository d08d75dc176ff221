/* SPDX-License-Identifier: MIT */
#include "sched/sched.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "clock/clock.h"

#define FREE 0
enum { MANY = 100, CROWD = 1000 };

static void init_all(tq_sched *sched, int64_t interval, tq_sched_entry *entries, size_t count)
{
    tq_sched_init(sched, interval);
    for (size_t i = 0; i < count; i++)
        tq_sched_entry_init(&entries[i], 0, true);
}

static tq_sched_entry *take(tq_sched *sched, int64_t now)
{
    tq_sched_entry *entry = tq_sched_peek(sched, now);
    if (entry != NULL)
        tq_sched_take(sched, entry, now);
    return entry;
}

static void add(tq_sched *sched, tq_sched_entry *entry, int64_t due)
{
    CHECK(tq_sched_add(sched, entry, due) == 0);
}

TEST("an empty schedule has nobody to poll and nothing to wait for")
{
    tq_sched sched;
    tq_sched_init(&sched, TQ_SECOND);
    CHECK(tq_sched_peek(&sched, TQ_NEVER) == NULL);
    CHECK(tq_sched_wait_ns(&sched, 0) == TQ_NEVER);
    CHECK(tq_sched_count(&sched) == 0);
    tq_sched_free(&sched);
    tq_sched_free(&sched);
}

TEST("an entry is given from the instant on at which it is due, and not before")
{
    static const int64_t intervals[] = {FREE, TQ_SECOND};
    for (size_t i = 0; i < 2; i++) {
        tq_sched sched;
        tq_sched_entry entry;
        init_all(&sched, intervals[i], &entry, 1);
        CHECK(!tq_sched_has(&entry));
        add(&sched, &entry, 100);
        CHECK(tq_sched_has(&entry) && tq_sched_count(&sched) == 1);
        CHECK(tq_sched_wait_ns(&sched, 0) == 100 && tq_sched_peek(&sched, 0) == NULL);
        CHECK(tq_sched_wait_ns(&sched, 99) == 1 && tq_sched_peek(&sched, 99) == NULL);
        CHECK(tq_sched_wait_ns(&sched, 100) == 0 && tq_sched_peek(&sched, 100) == &entry);
        CHECK(tq_sched_wait_ns(&sched, 500) == 0);
        tq_sched_free(&sched);
    }
}

TEST("peeking leaves the entry in until it is taken or removed")
{
    tq_sched sched;
    tq_sched_entry entry;
    init_all(&sched, TQ_SECOND, &entry, 1);
    add(&sched, &entry, 10);
    CHECK(tq_sched_peek(&sched, 10) == &entry && tq_sched_peek(&sched, 10) == &entry);
    CHECK(tq_sched_has(&entry) && tq_sched_count(&sched) == 1);
    tq_sched_remove(&sched, &entry);
    CHECK(!tq_sched_has(&entry) && tq_sched_count(&sched) == 0);
    CHECK(tq_sched_peek(&sched, 10) == NULL && tq_sched_wait_ns(&sched, 10) == TQ_NEVER);
    tq_sched_remove(&sched, &entry);
    add(&sched, &entry, 20);
    CHECK(take(&sched, 20) == &entry && !tq_sched_has(&entry));
    tq_sched_free(&sched);
}

TEST("what is learned between two slots of one instant counts for the second")
{
    tq_sched sched;
    tq_sched_entry entries[2];
    init_all(&sched, TQ_SECOND, entries, 2);
    for (size_t i = 0; i < 2; i++) {
        tq_sched_read(&sched, &entries[i], -1, (int64_t)i * TQ_SECOND);
        add(&sched, &entries[i], TQ_SECOND);
    }
    int64_t now = 5 * TQ_SECOND;
    CHECK(tq_sched_peek(&sched, now) == &entries[0]);
    tq_sched_read(&sched, &entries[0], -1, now);
    CHECK(tq_sched_peek(&sched, now) == &entries[1]);
    tq_forecast before = entries[0].forecast;
    before.read_ns = 0;
    tq_sched_entry_restore(&entries[0], &before);
    CHECK(tq_sched_peek(&sched, now) == &entries[0]);
    tq_sched_free(&sched);
}

TEST("the wait is for the entry that is due first")
{
    tq_sched sched;
    tq_sched_entry entries[3];
    init_all(&sched, TQ_SECOND, entries, 3);
    add(&sched, &entries[0], 300);
    add(&sched, &entries[1], 100);
    add(&sched, &entries[2], TQ_NEVER);
    CHECK(tq_sched_wait_ns(&sched, 50) == 50);
    tq_sched_remove(&sched, &entries[1]);
    CHECK(tq_sched_wait_ns(&sched, 50) == 250);
    tq_sched_remove(&sched, &entries[0]);
    CHECK(tq_sched_wait_ns(&sched, 0) == TQ_NEVER && tq_sched_wait_ns(&sched, 50) == TQ_NEVER);
    tq_sched_free(&sched);
}

TEST("without a budget all go in the order in which they came due")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    init_all(&sched, FREE, entries, MANY);
    for (size_t i = 0; i < MANY; i++)
        add(&sched, &entries[i], (int64_t)(i * 37 % MANY));
    for (size_t i = 0; i < MANY; i++)
        CHECK(take(&sched, MANY) == &entries[i * 73 % MANY]);
    CHECK(take(&sched, MANY) == NULL);
    tq_sched_free(&sched);
}

/* How often a task with even progress is polled without a budget, and how late its end is seen. */
static int follow(tq_sched *sched, tq_sched_entry *entry, double length, double *late)
{
    int looks = 0;
    for (int64_t now = 0;; looks++) {
        now += tq_sched_wait_ns(sched, now);
        CHECK(take(sched, now) == entry);
        double seconds = (double)now / 1e9;
        if (seconds >= length) {
            tq_sched_end(sched, entry, now);
            *late = seconds - length;
            return looks;
        }
        tq_sched_read(sched, entry, (int)(100 * seconds / length), now);
        CHECK(tq_sched_add_when_worth(sched, entry, now) == 0);
    }
}

TEST("without a budget a task is polled seldom far from its end and closely near it")
{
    tq_sched sched;
    tq_sched_entry entry;
    init_all(&sched, FREE, &entry, 1);
    add(&sched, &entry, 0);
    double late;
    int looks = follow(&sched, &entry, 1800, &late);
    CHECK(late < 0.5);
    CHECK(looks < 360);
    tq_sched_free(&sched);
}

TEST("without a budget the pause is bounded on both sides, and by what is promised")
{
    tq_sched sched;
    tq_sched_entry entry;
    init_all(&sched, FREE, &entry, 1);
    tq_sched_read(&sched, &entry, -1, TQ_SECOND);
    CHECK(tq_sched_add_when_worth(&sched, &entry, TQ_SECOND) == 0);
    CHECK(tq_sched_wait_ns(&sched, TQ_SECOND) >= TQ_SECOND / 5);
    tq_sched_remove(&sched, &entry);
    tq_sched_read(&sched, &entry, -1, 1000000 * TQ_SECOND);
    CHECK(tq_sched_add_when_worth(&sched, &entry, 1000000 * TQ_SECOND) == 0);
    CHECK(tq_sched_wait_ns(&sched, 1000000 * TQ_SECOND) == 15 * TQ_SECOND);
    tq_sched_remove(&sched, &entry);
    entry.by_ns = 1000004 * TQ_SECOND;
    CHECK(tq_sched_add_when_worth(&sched, &entry, 1000000 * TQ_SECOND) == 0);
    CHECK(tq_sched_wait_ns(&sched, 1000000 * TQ_SECOND) == 4 * TQ_SECOND);
    tq_sched_remove(&sched, &entry);
    entry.by_ns = TQ_NEVER;
    CHECK(tq_sched_add_when_worth(&sched, &entry, 1000060 * TQ_SECOND) == 0);
    CHECK(tq_sched_wait_ns(&sched, 1000000 * TQ_SECOND) == 60 * TQ_SECOND);
    tq_sched_free(&sched);
}

TEST("under a budget the task goes first for which a look is worth most")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    init_all(&sched, TQ_SECOND, entries, MANY);
    /* All but one are at their begin; one is expected to end at 100 s. */
    for (size_t i = 0; i < MANY; i++)
        tq_sched_read(&sched, &entries[i], i == 42 ? 90 : 1, 90 * TQ_SECOND);
    for (size_t i = 0; i < MANY; i++)
        add(&sched, &entries[i], 90 * TQ_SECOND);
    CHECK(take(&sched, 101 * TQ_SECOND) == &entries[42]);
    tq_sched_free(&sched);
}

/* By how much the best look of all would have been worth more than the chosen one (logarithms). */
static double regret(tq_sched *sched, tq_sched_entry *entries, int64_t now)
{
    const tq_sched_entry *chosen = tq_sched_peek(sched, now);
    double worth = tq_forecast_worth(&chosen->forecast, &sched->history, now), best = worth;
    for (size_t i = 0; i < CROWD; i++)
        if (tq_sched_has(&entries[i]))
            best = fmax(best, tq_forecast_worth(&entries[i].forecast, &sched->history, now));
    return best - worth;
}

TEST("among many who end one by one the choice is nearly always about the best of all")
{
    static tq_sched_entry entries[CROWD];
    double length[CROWD];
    tq_sched sched;
    init_all(&sched, TQ_SECOND / 50, entries, CROWD);
    for (size_t i = 0; i < CROWD; i++) {
        length[i] = 10 + (double)check_random(300);
        add(&sched, &entries[i], 0);
    }
    int good = 0, choices = 0;
    for (int64_t now = TQ_SECOND; tq_sched_count(&sched) > 0; now += TQ_SECOND / 50) {
        CHECK(tq_sched_peek(&sched, now) != NULL);
        bool is_forced = now - sched.oldest->ready_ns > 55 * TQ_SECOND;
        good += !is_forced && regret(&sched, entries, now) < 1;
        choices += !is_forced;
        tq_sched_entry *entry = take(&sched, now);
        double part = (double)now / 1e9 / length[entry - entries];
        if (part >= 1) {
            tq_sched_end(&sched, entry, now);
            continue;
        }
        tq_sched_read(&sched, entry, (int)(100 * part), now);
        CHECK(tq_sched_add_when_worth(&sched, entry, now) == 0);
    }
    CHECK(choices > CROWD && good > choices * 9 / 10);
    tq_sched_free(&sched);
}

TEST("nobody is passed over for more than some rounds, however little a look is worth")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    int64_t last[MANY] = {0};
    init_all(&sched, TQ_SECOND, entries, MANY);
    for (size_t i = 0; i < MANY; i++)
        add(&sched, &entries[i], 0);
    for (int64_t second = 0; second < 20 * MANY; second++) {
        tq_sched_entry *entry = take(&sched, second * TQ_SECOND);
        size_t i = (size_t)(entry - entries);
        CHECK(second - last[i] <= 5 * MANY);
        last[i] = second;
        /* Half of them seem to be at their end for ever, the others at their begin. */
        tq_sched_read(&sched, entry, i % 2 == 0 ? 99 : 1, second * TQ_SECOND);
        CHECK(tq_sched_add_when_worth(&sched, entry, second * TQ_SECOND) == 0);
    }
    for (size_t i = 0; i < MANY; i++)
        CHECK(20 * MANY - last[i] <= 5 * MANY);
    tq_sched_free(&sched);
}

TEST("a promised look goes before all others in the last slot that is left for it")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    init_all(&sched, TQ_SECOND, entries, MANY);
    for (size_t i = 0; i < MANY; i++) {
        tq_sched_read(&sched, &entries[i], 50, 50 * TQ_SECOND);
        entries[i].by_ns = i == 7 ? 55 * TQ_SECOND : TQ_NEVER;
        add(&sched, &entries[i], 50 * TQ_SECOND);
    }
    for (int64_t second = 51; second < 54; second++)
        CHECK(take(&sched, second * TQ_SECOND) != &entries[7]);
    CHECK(take(&sched, 54 * TQ_SECOND) == &entries[7]);
    tq_sched_free(&sched);
}

TEST("promised looks that can yield do so to whoever has been passed over")
{
    tq_sched sched;
    tq_sched_entry entries[2];
    init_all(&sched, TQ_SECOND, entries, 2);
    entries[1].can_yield = true;
    add(&sched, &entries[0], 0);
    int looks = 0, others = 0;
    for (int64_t now = 0; now < 70 * TQ_SECOND; now += TQ_SECOND) {
        entries[1].by_ns = now;
        add(&sched, &entries[1], now);
        tq_sched_entry *next = take(&sched, now);
        looks += next == &entries[1];
        if (next == &entries[0]) {
            others++;
            add(&sched, &entries[0], now);
        }
        tq_sched_remove(&sched, &entries[1]);
    }
    CHECK(others >= 7 && looks >= 35 && looks + others == 70);
    tq_sched_free(&sched);
}

TEST("a promised look that can wait keeps its slot when nobody else could use it")
{
    tq_sched sched;
    tq_sched_entry entry;
    init_all(&sched, TQ_SECOND, &entry, 1);
    entry.by_ns = 10 * TQ_SECOND;
    tq_sched_read(&sched, &entry, 50, TQ_SECOND);
    add(&sched, &entry, 2 * TQ_SECOND);
    CHECK(tq_sched_peek(&sched, 8 * TQ_SECOND) == &entry);
    CHECK(tq_sched_peek(&sched, 9 * TQ_SECOND + 1) == NULL);
    CHECK(tq_sched_wait_ns(&sched, 9 * TQ_SECOND + 1) == TQ_SECOND - 1);
    CHECK(tq_sched_peek(&sched, 10 * TQ_SECOND) == &entry);
    tq_sched_free(&sched);
}

TEST("first looks that are promised for the same instant all come before it")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    int64_t looked[MANY] = {0};
    init_all(&sched, TQ_SECOND, entries, MANY);
    for (size_t i = 0; i < MANY; i++) {
        entries[i].by_ns = (MANY + 20) * TQ_SECOND;
        add(&sched, &entries[i], 0);
    }
    CHECK(sched.unseen == MANY && tq_sched_unseen_by(&sched, (MANY + 20) * TQ_SECOND) == MANY);
    CHECK(tq_sched_unseen_by(&sched, (MANY + 19) * TQ_SECOND) == 0);
    for (int64_t second = 0; second < MANY + 20; second++) {
        tq_sched_entry *entry = take(&sched, second * TQ_SECOND);
        size_t i = (size_t)(entry - entries);
        if (looked[i] == 0)
            looked[i] = second + 1;
        /* Those who were looked at seem to be near their end, and compete for the slots. */
        tq_sched_read(&sched, entry, 99, second * TQ_SECOND);
        CHECK(tq_sched_add_when_worth(&sched, entry, second * TQ_SECOND) == 0);
    }
    for (size_t i = 0; i < MANY; i++)
        CHECK(looked[i] > 0);
    CHECK(sched.unseen == 0);
    tq_sched_free(&sched);
}

TEST("without a budget promises are not counted")
{
    tq_sched sched;
    tq_sched_entry entry;
    init_all(&sched, FREE, &entry, 1);
    entry.by_ns = 5;
    add(&sched, &entry, 1);
    CHECK(sched.unseen == 0 && sched.promised.count == 0);
    tq_sched_free(&sched);
}

TEST("an entry can be removed whether it waits, is ready, or is not in at all")
{
    tq_sched sched;
    tq_sched_entry entries[3];
    init_all(&sched, TQ_SECOND, entries, 3);
    entries[0].by_ns = entries[1].by_ns = 1000 * TQ_SECOND;
    add(&sched, &entries[0], 10);
    add(&sched, &entries[1], 20);
    CHECK(tq_sched_peek(&sched, 10) != NULL);
    tq_sched_remove(&sched, &entries[2]);
    CHECK(tq_sched_count(&sched) == 2 && sched.unseen == 2);
    tq_sched_remove(&sched, &entries[0]);
    tq_sched_remove(&sched, &entries[0]);
    tq_sched_remove(&sched, &entries[1]);
    CHECK(tq_sched_count(&sched) == 0 && tq_sched_wait_ns(&sched, 30) == TQ_NEVER);
    CHECK(sched.unseen == 0 && sched.promised.count == 0 && sched.oldest == NULL);
    tq_sched_free(&sched);
}

TEST("after reserving there is room in all orders")
{
    tq_sched sched;
    tq_sched_init(&sched, TQ_SECOND);
    CHECK(tq_sched_reserve(&sched, MANY) == 0);
    CHECK(sched.waiting.capacity >= MANY && sched.ready.capacity >= MANY);
    CHECK(sched.promised.capacity >= MANY);
    tq_sched_free(&sched);
}

TEST("polls may become scarce and stop to be so while entries are in")
{
    tq_sched sched;
    tq_sched_entry entries[3];
    init_all(&sched, FREE, entries, 3);
    for (int i = 0; i < 3; i++) {
        entries[i].by_ns = 1000 * TQ_SECOND;
        add(&sched, &entries[i], i);
    }
    CHECK(tq_sched_peek(&sched, 1) == &entries[0]);
    tq_sched_set_interval(&sched, TQ_SECOND);
    CHECK(take(&sched, TQ_SECOND) != NULL);
    tq_sched_set_interval(&sched, FREE);
    CHECK(take(&sched, TQ_SECOND) != NULL);
    CHECK(take(&sched, TQ_SECOND) != NULL);
    CHECK(tq_sched_count(&sched) == 0 && sched.unseen == 0);
    tq_sched_free(&sched);
}

TEST("a budget of one request in a hundred years is counted without overflow")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    init_all(&sched, TQ_NEVER / 8, entries, MANY);
    for (size_t i = 0; i < MANY; i++) {
        entries[i].by_ns = 1000 * TQ_SECOND;
        add(&sched, &entries[i], 0);
    }
    for (size_t i = 0; i < MANY; i++)
        CHECK(take(&sched, 1000 * TQ_SECOND) != NULL);
    tq_sched_free(&sched);
}

TEST("a long random run loses nobody, whatever is added, removed and taken")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    int64_t now = 1, due[MANY];
    size_t in = 0;
    init_all(&sched, TQ_SECOND, entries, MANY);
    for (int step = 0; step < 50000; step++) {
        size_t i = check_random(MANY);
        now += (int64_t)check_random(2 * TQ_SECOND);
        if (step % 5000 == 0)
            tq_sched_set_interval(&sched, (int64_t)check_random(3) * TQ_SECOND);
        if (!tq_sched_has(&entries[i])) {
            due[i] = now + (int64_t)check_random(20 * TQ_SECOND);
            bool promises = check_random(3) == 0;
            entries[i].by_ns = promises ? due[i] + (int64_t)check_random(TQ_SECOND) : TQ_NEVER;
            add(&sched, &entries[i], due[i]);
            in++;
        } else if (check_random(4) == 0) {
            tq_sched_remove(&sched, &entries[i]);
            in--;
        }
        tq_sched_entry *next = tq_sched_peek(&sched, now);
        CHECK(next == NULL || due[next - entries] <= now);
        CHECK((tq_sched_wait_ns(&sched, now) == 0) == (next != NULL));
        if (next != NULL && check_random(2) == 0) {
            tq_sched_take(&sched, next, now);
            tq_sched_read(&sched, next, (int)check_random(101) - 1, now);
            in--;
        }
        CHECK(tq_sched_count(&sched) == in);
        CHECK(sched.promised.count <= in && sched.unseen <= sched.promised.count);
    }
    tq_sched_free(&sched);
}
