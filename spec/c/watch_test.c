/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "engine/engine.h"

static tq_engine engine_open(void)
{
    tq_engine engine;
    CHECK(tq_engine_open(&engine, TQ_HTTP_IN_PLACE) == TQ_OK);
    return engine;
}

TEST("a new watch knows nothing and wants nothing")
{
    tq_engine engine = engine_open();
    tq_lane lane;
    tq_watch watch;
    tq_lane_init(&lane, 1, 1, 1);
    tq_lane_attach(&lane, &engine);
    tq_watch_init(&watch, &lane, NULL, "123", 3);
    CHECK(!watch.is_seen && watch.transfer == NULL && watch.polls == 0);
    CHECK(watch.job == TQ_JOB_POLL && watch.id_len == 3 && memcmp(watch.id, "123", 3) == 0);
    CHECK(!tq_sched_has(&watch.entry));
    tq_watch_stop(&watch);
    tq_watch_finish_poll(&watch);
    CHECK(tq_engine_wait_ns(&engine, 0) == TQ_NEVER);
    tq_engine_close(&engine);
}

TEST("scheduling again replaces what was asked before, earlier or later")
{
    tq_engine engine = engine_open();
    tq_lane lane;
    tq_watch watch;
    tq_lane_init(&lane, 1, 1, 1);
    tq_lane_attach(&lane, &engine);
    tq_watch_init(&watch, &lane, NULL, "123", 3);
    CHECK(tq_watch_schedule(&watch, 500) == TQ_OK);
    CHECK(tq_watch_schedule(&watch, 200) == TQ_OK);
    CHECK(tq_sched_count(&lane.sched) == 1 && tq_engine_wait_ns(&engine, 0) == 200);
    CHECK(tq_watch_schedule(&watch, 900) == TQ_OK);
    CHECK(tq_sched_count(&lane.sched) == 1 && tq_engine_wait_ns(&engine, 0) == 900);
    tq_watch_stop(&watch);
    tq_watch_stop(&watch);
    CHECK(tq_sched_count(&lane.sched) == 0 && tq_engine_wait_ns(&engine, 0) == TQ_NEVER);
    tq_engine_close(&engine);
}

TEST("the first reading is news, and then whatever differs from the last one")
{
    tq_engine engine = engine_open();
    tq_lane lane;
    tq_watch watch;
    tq_lane_init(&lane, 1, 1, 1);
    tq_lane_attach(&lane, &engine);
    tq_watch_init(&watch, &lane, NULL, "1", 1);
    const tq_reading none = {0};
    CHECK(tq_watch_learn(&watch, &none, 10) && watch.is_seen && watch.changed_ns == 10);
    CHECK(!tq_watch_learn(&watch, &none, 20) && watch.changed_ns == 10);
    const tq_reading further = {.code = 1, .state = TQ_RUNNING, .progress = 5};
    CHECK(tq_watch_learn(&watch, &further, 30) && watch.changed_ns == 30);
    CHECK(tq_reading_equals(&watch.last, &further));
    CHECK(!tq_watch_learn(&watch, &further, 40) && watch.changed_ns == 30);
    CHECK(tq_watch_learn(&watch, &none, 50) && watch.changed_ns == 50);
    tq_engine_close(&engine);
}

TEST("a watch of a closed lane cannot be scheduled and can be stopped")
{
    tq_engine engine = engine_open();
    tq_lane lane;
    tq_watch watch;
    tq_lane_init(&lane, 1, 1, 1);
    tq_lane_attach(&lane, &engine);
    tq_watch_init(&watch, &lane, NULL, "1", 1);
    CHECK(tq_watch_schedule(&watch, 100) == TQ_OK);
    tq_lane_close(&lane);
    tq_lane_close(&lane);
    CHECK(tq_watch_schedule(&watch, 100) == TQ_ERR_CLOSED);
    tq_watch_stop(&watch);
    CHECK(tq_engine_wait_ns(&engine, 0) == TQ_NEVER);
    tq_engine_close(&engine);
}

TEST("lanes can be closed in any order")
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        tq_engine engine = engine_open();
        tq_lane lanes[3];
        tq_watch watches[3];
        for (int i = 0; i < 3; i++) {
            tq_lane_init(&lanes[i], 1, 1, 1);
            tq_lane_attach(&lanes[i], &engine);
            tq_watch_init(&watches[i], &lanes[i], NULL, "1", 1);
            CHECK(tq_watch_schedule(&watches[i], 100 * (1 + i)) == TQ_OK);
        }
        for (int closed = 0; closed < 3; closed++) {
            int64_t first = TQ_NEVER;
            for (int i = closed; i < 3; i++)
                first = 100 * (1 + orders[o][i]) < first ? 100 * (1 + orders[o][i]) : first;
            CHECK(tq_engine_wait_ns(&engine, 0) == first);
            tq_lane_close(&lanes[orders[o][closed]]);
        }
        CHECK(engine.lanes == NULL && tq_engine_wait_ns(&engine, 0) == TQ_NEVER);
        tq_engine_close(&engine);
    }
}

TEST("the last look is placed before the deadline, in time for its answer")
{
    tq_engine engine = engine_open();
    tq_lane lane;
    tq_watch watch;
    tq_lane_init(&lane, INFINITY, 1, 1);
    tq_lane_attach(&lane, &engine);
    tq_watch_init(&watch, &lane, NULL, "1", 1);
    int64_t now = tq_clock_now(), deadline = now + 100 * TQ_SECOND;
    tq_watch_set_pace(&watch, 0, deadline);
    CHECK(tq_watch_schedule(&watch, now + 200 * TQ_SECOND) == TQ_OK);
    int64_t wait = tq_engine_wait_ns(&engine, now);
    CHECK(wait < 100 * TQ_SECOND && wait > 99 * TQ_SECOND);
    /* A nearer deadline brings the look forward, a farther one leaves it. */
    tq_watch_set_pace(&watch, 0, now + 50 * TQ_SECOND);
    wait = tq_engine_wait_ns(&engine, now);
    CHECK(wait < 50 * TQ_SECOND && wait > 49 * TQ_SECOND);
    tq_watch_set_pace(&watch, 0, TQ_NEVER);
    CHECK(tq_engine_wait_ns(&engine, now) == wait);
    tq_engine_close(&engine);
}

TEST("a budget can give as many first looks before a deadline as it has slots")
{
    enum { WAITS = 20 };
    tq_engine engine = engine_open();
    tq_lane lane;
    tq_watch watches[WAITS], late;
    int64_t now = tq_clock_now(), slot, deadline = now + (WAITS - 1) * TQ_SECOND + TQ_SECOND / 2;
    tq_lane_init(&lane, 1, 1, 1);
    tq_lane_attach(&lane, &engine);
    for (int i = 0; i < WAITS; i++) {
        tq_watch_init(&watches[i], &lane, NULL, "1", 1);
        CHECK(tq_watch_can_look(&watches[i], deadline, now, &slot));
        tq_watch_set_pace(&watches[i], 0, deadline);
        CHECK(tq_watch_schedule(&watches[i], now) == TQ_OK);
    }
    tq_watch_init(&late, &lane, NULL, "1", 1);
    CHECK(!tq_watch_can_look(&late, deadline, now, &slot));
    CHECK(slot - now == WAITS * TQ_SECOND);
    CHECK(tq_watch_can_look(&late, deadline + TQ_SECOND, now, &slot));
    CHECK(tq_watch_can_look(&late, TQ_NEVER, now, &slot));
    /* One that has a slot already keeps it, and whoever leaves makes room. */
    CHECK(tq_watch_can_look(&watches[3], deadline, now, &slot));
    tq_watch_stop(&watches[7]);
    CHECK(tq_watch_can_look(&late, deadline, now, &slot));
    tq_engine_close(&engine);
}

TEST("a budget that is pushed back beyond a deadline can give no look before it")
{
    tq_engine engine = engine_open();
    tq_lane lane;
    tq_source source = {.peer = NULL};
    tq_watch watch;
    int64_t slot;
    tq_lane_init(&lane, INFINITY, 1, 1);
    tq_lane_attach(&lane, &engine);
    tq_watch_init(&watch, &lane, &source, "1", 1);
    tq_lane_refuse(&lane, &source, tq_clock_now(), 100 * TQ_SECOND);
    CHECK(lane.tally.refused == 1 && source.tally.refused == 1);
    int64_t now = tq_clock_now();
    CHECK(!tq_watch_can_look(&watch, now + 90 * TQ_SECOND, now, &slot));
    CHECK(slot > now + 90 * TQ_SECOND &&
          tq_watch_can_look(&watch, now + 110 * TQ_SECOND, now, &slot));
    /* Who knows something already is not told that nothing can be known. */
    const tq_reading reading = {.state = TQ_RUNNING, .progress = 5, .level = 5};
    tq_watch_learn(&watch, &reading, now);
    CHECK(tq_watch_can_look(&watch, now + 90 * TQ_SECOND, now, &slot));
    tq_engine_close(&engine);
}
