/* SPDX-License-Identifier: MIT */
#include "sched/sched.h"

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"

enum { MANY = 100 };

static void init_all(tq_sched *sched, tq_sched_entry *entries, size_t count)
{
    tq_sched_init(sched);
    for (size_t i = 0; i < count; i++)
        tq_sched_entry_init(&entries[i]);
}

static tq_sched_entry *take(tq_sched *sched, int64_t now)
{
    tq_sched_entry *entry = tq_sched_peek(sched, now);
    if (entry != NULL)
        tq_sched_remove(sched, entry);
    return entry;
}

TEST("an empty schedule has nobody to poll and nothing to wait for")
{
    tq_sched sched;
    tq_sched_init(&sched);
    CHECK(tq_sched_peek(&sched, TQ_NEVER) == NULL);
    CHECK(tq_sched_wait_ns(&sched, 0) == TQ_NEVER);
    CHECK(tq_sched_count(&sched) == 0);
    tq_sched_free(&sched);
    tq_sched_free(&sched);
}

TEST("an entry is given from the instant on at which it is due, and not before")
{
    tq_sched sched;
    tq_sched_entry entry;
    init_all(&sched, &entry, 1);
    CHECK(!tq_sched_has(&entry));
    CHECK(tq_sched_add(&sched, &entry, 100) == TQ_OK);
    CHECK(tq_sched_has(&entry) && tq_sched_count(&sched) == 1);
    CHECK(tq_sched_wait_ns(&sched, 0) == 100 && tq_sched_peek(&sched, 0) == NULL);
    CHECK(tq_sched_wait_ns(&sched, 99) == 1 && tq_sched_peek(&sched, 99) == NULL);
    CHECK(tq_sched_wait_ns(&sched, 100) == 0 && tq_sched_peek(&sched, 100) == &entry);
    CHECK(tq_sched_wait_ns(&sched, 500) == 0);
    tq_sched_free(&sched);
}

TEST("peeking leaves the entry in until it is removed")
{
    tq_sched sched;
    tq_sched_entry entry;
    init_all(&sched, &entry, 1);
    CHECK(tq_sched_add(&sched, &entry, 10) == TQ_OK);
    CHECK(tq_sched_peek(&sched, 10) == &entry && tq_sched_peek(&sched, 10) == &entry);
    CHECK(tq_sched_has(&entry) && tq_sched_count(&sched) == 1);
    tq_sched_remove(&sched, &entry);
    CHECK(!tq_sched_has(&entry) && tq_sched_count(&sched) == 0);
    CHECK(tq_sched_peek(&sched, 10) == NULL && tq_sched_wait_ns(&sched, 10) == TQ_NEVER);
    tq_sched_free(&sched);
}

TEST("the wait is for the entry that is due first")
{
    tq_sched sched;
    tq_sched_entry entries[3];
    init_all(&sched, entries, 3);
    CHECK(tq_sched_add(&sched, &entries[0], 300) == TQ_OK);
    CHECK(tq_sched_add(&sched, &entries[1], 100) == TQ_OK);
    CHECK(tq_sched_add(&sched, &entries[2], TQ_NEVER) == TQ_OK);
    CHECK(tq_sched_wait_ns(&sched, 50) == 50);
    tq_sched_remove(&sched, &entries[1]);
    CHECK(tq_sched_wait_ns(&sched, 50) == 250);
    tq_sched_remove(&sched, &entries[0]);
    CHECK(tq_sched_wait_ns(&sched, 0) == TQ_NEVER);
    tq_sched_free(&sched);
}

TEST("among those that are due the one whose last look is oldest goes first")
{
    tq_sched sched;
    tq_sched_entry entries[4];
    static const int64_t seen[] = {40, 10, 30, 20};
    init_all(&sched, entries, 4);
    for (size_t i = 0; i < 4; i++) {
        entries[i].seen_ns = seen[i];
        CHECK(tq_sched_add(&sched, &entries[i], 100 + (int64_t)i) == TQ_OK);
    }
    CHECK(take(&sched, 200) == &entries[1]);
    CHECK(take(&sched, 200) == &entries[3]);
    CHECK(take(&sched, 200) == &entries[2]);
    CHECK(take(&sched, 200) == &entries[0]);
    CHECK(take(&sched, 200) == NULL);
    tq_sched_free(&sched);
}

TEST("one that is not due does not go, however old its last look is")
{
    tq_sched sched;
    tq_sched_entry entries[2];
    init_all(&sched, entries, 2);
    entries[1].seen_ns = 50;
    CHECK(tq_sched_add(&sched, &entries[0], 300) == TQ_OK);
    CHECK(tq_sched_add(&sched, &entries[1], 100) == TQ_OK);
    CHECK(take(&sched, 200) == &entries[1]);
    CHECK(take(&sched, 200) == NULL && tq_sched_wait_ns(&sched, 200) == 100);
    tq_sched_free(&sched);
}

TEST("one that was never looked at goes before all others, even if it came due last")
{
    tq_sched sched;
    tq_sched_entry entries[3];
    init_all(&sched, entries, 3);
    entries[0].seen_ns = 1;
    entries[1].seen_ns = -1000;
    CHECK(tq_sched_add(&sched, &entries[0], 10) == TQ_OK);
    CHECK(tq_sched_add(&sched, &entries[1], 10) == TQ_OK);
    CHECK(tq_sched_peek(&sched, 50) == &entries[1]);
    CHECK(tq_sched_add(&sched, &entries[2], 60) == TQ_OK);
    CHECK(tq_sched_peek(&sched, 60) == &entries[2]);
    tq_sched_free(&sched);
}

TEST("several that were never looked at go in the order in which they were added")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    init_all(&sched, entries, MANY);
    for (size_t i = 0; i < MANY; i++)
        CHECK(tq_sched_add(&sched, &entries[i], (int64_t)(MANY - i)) == TQ_OK);
    for (size_t i = 0; i < MANY; i++)
        CHECK(take(&sched, MANY) == &entries[i]);
    tq_sched_free(&sched);
}

TEST("an entry can be removed whether it waits, is due, or is not in at all")
{
    tq_sched sched;
    tq_sched_entry entries[3];
    init_all(&sched, entries, 3);
    CHECK(tq_sched_add(&sched, &entries[0], 10) == TQ_OK);
    CHECK(tq_sched_add(&sched, &entries[1], 20) == TQ_OK);
    CHECK(tq_sched_peek(&sched, 10) == &entries[0]);
    tq_sched_remove(&sched, &entries[2]);
    CHECK(tq_sched_count(&sched) == 2);
    tq_sched_remove(&sched, &entries[0]);
    tq_sched_remove(&sched, &entries[0]);
    tq_sched_remove(&sched, &entries[1]);
    CHECK(tq_sched_count(&sched) == 0 && tq_sched_wait_ns(&sched, 30) == TQ_NEVER);
    CHECK(tq_sched_add(&sched, &entries[0], 40) == TQ_OK);
    CHECK(tq_sched_peek(&sched, 30) == NULL && tq_sched_peek(&sched, 40) == &entries[0]);
    tq_sched_free(&sched);
}

TEST("after reserving there is room in both orders")
{
    tq_sched sched;
    tq_sched_init(&sched);
    CHECK(tq_sched_reserve(&sched, MANY) == TQ_OK);
    CHECK(sched.waiting.capacity >= MANY && sched.due.capacity >= MANY);
    tq_sched_free(&sched);
}

TEST("with one slot at a time all entries take turns")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    init_all(&sched, entries, MANY);
    for (size_t i = 0; i < MANY; i++)
        CHECK(tq_sched_add(&sched, &entries[i], 0) == TQ_OK);
    for (int64_t now = 0; now < 10 * MANY; now++) {
        tq_sched_entry *entry = take(&sched, now);
        CHECK(entry == &entries[now % MANY]);
        entry->seen_ns = now;
        /* Each wants to be looked at again long before its turn. */
        CHECK(tq_sched_add(&sched, entry, now + 1 + (int64_t)check_random(MANY / 2)) == TQ_OK);
    }
    tq_sched_free(&sched);
}

TEST("an eager entry does not keep a patient one from its turn")
{
    tq_sched sched;
    tq_sched_entry entries[2];
    int turns[2] = {0};
    init_all(&sched, entries, 2);
    CHECK(tq_sched_add(&sched, &entries[0], 0) == TQ_OK);
    CHECK(tq_sched_add(&sched, &entries[1], 0) == TQ_OK);
    for (int64_t now = 0; now < 1000; now++) {
        tq_sched_entry *entry = take(&sched, now);
        turns[entry - entries]++;
        entry->seen_ns = now;
        CHECK(tq_sched_add(&sched, entry, entry == &entries[0] ? now : now + 10) == TQ_OK);
    }
    CHECK(turns[1] == 100 && turns[0] == 900);
    tq_sched_free(&sched);
}

/* The rule once more: the due entry with the oldest look, the earlier added one of two alike. */
static tq_sched_entry *oldest(tq_sched_entry *entries, const int64_t *due, int64_t now)
{
    tq_sched_entry *best = NULL;
    for (size_t i = 0; i < MANY; i++) {
        if (!tq_sched_has(&entries[i]) || due[i] > now)
            continue;
        if (best == NULL || entries[i].seen_ns < best->seen_ns ||
            (entries[i].seen_ns == best->seen_ns && entries[i].node.tie < best->node.tie))
            best = &entries[i];
    }
    return best;
}

TEST("a random run of adding, removing and taking agrees with a plain search")
{
    tq_sched sched;
    tq_sched_entry entries[MANY];
    int64_t due[MANY], now = 0;
    init_all(&sched, entries, MANY);
    for (int step = 0; step < 20000; step++) {
        size_t i = check_random(MANY);
        now += (int64_t)check_random(3);
        if (!tq_sched_has(&entries[i])) {
            due[i] = now + (int64_t)check_random(100) - 10;
            CHECK(tq_sched_add(&sched, &entries[i], due[i]) == TQ_OK);
        } else if (check_random(4) == 0) {
            tq_sched_remove(&sched, &entries[i]);
        }
        tq_sched_entry *expected = oldest(entries, due, now);
        CHECK((tq_sched_wait_ns(&sched, now) == 0) == (expected != NULL));
        CHECK(tq_sched_peek(&sched, now) == expected);
        if (expected != NULL && check_random(2) == 0) {
            tq_sched_remove(&sched, expected);
            expected->seen_ns = now - (int64_t)check_random(5);
        }
    }
    tq_sched_free(&sched);
}
