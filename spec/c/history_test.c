/* SPDX-License-Identifier: MIT */
#include "sched/history.h"

#include <math.h>

#include "check.h"

/* So many tasks that ran from 0 to that age and ended there. */
static void teach(tq_history *history, int count, double age)
{
    for (int i = 0; i < count; i++) {
        tq_history_watch(history, 0, age);
        tq_history_end(history, age);
    }
}

TEST("without experience the hazard is positive and falls with the age")
{
    tq_history history;
    tq_history_init(&history);
    double last = INFINITY;
    for (double age = 0; age < 1e7; age = age * 1.5 + 1) {
        double hazard = tq_history_hazard(&history, age);
        CHECK(hazard > 0 && hazard <= last);
        last = hazard;
    }
    CHECK(tq_history_hazard(&history, -5) > 0 && tq_history_hazard(&history, 1e12) > 0);
}

TEST("a constant hazard is found at every age that was watched")
{
    tq_history history;
    tq_history_init(&history);
    for (int i = 0; i < 20000; i++)
        teach(&history, 1, -50 * log(1 - (double)check_random(1000000) / 1e6));
    for (double age = 5; age < 100; age *= 1.5)
        CHECK(fabs(tq_history_hazard(&history, age) * 50 - 1) < 0.25);
}

TEST("tasks that always take as long end at that age and hardly before")
{
    tq_history history;
    tq_history_init(&history);
    for (int i = 0; i < 300; i++)
        teach(&history, 1, 110 + (double)check_random(20));
    CHECK(tq_history_hazard(&history, 40) < 0.001);
    CHECK(tq_history_hazard(&history, 120) > 0.03);
}

TEST("those that have not ended count as well")
{
    tq_history few, many;
    tq_history_init(&few);
    teach(&few, 100, 60);
    many = few;
    for (int i = 0; i < 900; i++)
        tq_history_watch(&many, 0, 60);
    CHECK(tq_history_hazard(&many, 60) < tq_history_hazard(&few, 60) / 2);
}

TEST("spans that make no sense teach nothing")
{
    tq_history history, before;
    tq_history_init(&history);
    before = history;
    tq_history_watch(&history, 5, 5);
    tq_history_watch(&history, 5, 4);
    tq_history_watch(&history, -1, 4);
    tq_history_watch(&history, NAN, 4);
    tq_history_watch(&history, 1, NAN);
    for (double age = 0; age < 100; age += 7)
        CHECK(tq_history_hazard(&history, age) == tq_history_hazard(&before, age));
}

TEST("a span is counted whole, however many steps it passes and however long it is")
{
    tq_history history;
    tq_history_init(&history);
    tq_history_watch(&history, 0, 0.2);
    tq_history_watch(&history, 0.2, 1000);
    tq_history_watch(&history, 1000, 1e10);
    double sum = 0;
    for (int i = 0; i < TQ_AGES; i++)
        sum += (double)history.seconds[i];
    CHECK(fabs(sum / 1e10 - 1) < 1e-5);
}

TEST("old experience fades, so that a service may change")
{
    tq_history history;
    tq_history_init(&history);
    teach(&history, 20000, 10);
    CHECK(history.end_count < 4096);
    teach(&history, 6000, 80);
    CHECK(tq_history_hazard(&history, 10) < 0.1);
}

TEST("unevenness begins at a guess and goes to what was seen, within bounds")
{
    tq_history history;
    tq_history_init(&history);
    double guess = tq_history_unevenness(&history);
    CHECK(guess > 0);
    for (int i = 0; i < 5000; i++)
        tq_history_add_stretch(&history, 0);
    CHECK(tq_history_unevenness(&history) > 0 && tq_history_unevenness(&history) < guess / 100);
    for (int i = 0; i < 20000; i++)
        tq_history_add_stretch(&history, 1e9);
    CHECK(tq_history_unevenness(&history) <= 4);
}
