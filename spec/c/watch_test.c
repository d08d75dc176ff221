/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "engine/engine.h"

static tq_engine engine_open(void)
{
    tq_engine engine;
    CHECK(tq_engine_open(&engine) == TQ_OK);
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
