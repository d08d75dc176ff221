/* SPDX-License-Identifier: MIT */
#include "base/err.h"
#include "engine/engine.h"

void tq_lane_init(tq_lane *lane, double rate, unsigned burst, uint64_t seed)
{
    *lane = (tq_lane){0};
    tq_budget_init(&lane->budget, rate, burst, seed);
    tq_sched_init(&lane->sched);
}

void tq_lane_attach(tq_lane *lane, tq_engine *engine)
{
    lane->engine = engine;
    lane->prev = NULL;
    lane->next = engine->lanes;
    if (lane->next != NULL)
        lane->next->prev = lane;
    engine->lanes = lane;
}

void tq_lane_close(tq_lane *lane)
{
    tq_engine *engine = lane->engine;
    if (engine == NULL)
        return;
    if (lane->prev != NULL)
        lane->prev->next = lane->next;
    else
        engine->lanes = lane->next;
    if (lane->next != NULL)
        lane->next->prev = lane->prev;
    tq_sched_free(&lane->sched);
    lane->engine = NULL;
}

void tq_watch_init(tq_watch *watch, tq_lane *lane, const tq_source *source, const char *id,
                   size_t id_len)
{
    *watch =
        (tq_watch){.job = TQ_JOB_POLL, .lane = lane, .source = source, .id = id, .id_len = id_len};
    tq_sched_entry_init(&watch->entry);
}

int tq_watch_schedule(tq_watch *watch, int64_t due_ns)
{
    if (watch->lane->engine == NULL)
        return TQ_ERR_CLOSED;
    if (watch->transfer != NULL)
        return TQ_OK;
    tq_sched_remove(&watch->lane->sched, &watch->entry);
    return tq_sched_add(&watch->lane->sched, &watch->entry, due_ns);
}

int tq_watch_hasten(tq_watch *watch, int64_t due_ns)
{
    const tq_sched_entry *entry = &watch->entry;
    bool is_sooner = tq_sched_has(entry) && (entry->is_due || entry->node.key <= due_ns);
    return is_sooner ? TQ_OK : tq_watch_schedule(watch, due_ns);
}

void tq_watch_finish_poll(tq_watch *watch)
{
    if (watch->lane->engine == NULL || watch->transfer == NULL)
        return;
    tq_http_release(watch->transfer);
    watch->transfer = NULL;
}

void tq_watch_stop(tq_watch *watch)
{
    if (watch->lane->engine == NULL)
        return;
    tq_sched_remove(&watch->lane->sched, &watch->entry);
    if (watch->lane->crowded == watch)
        watch->lane->crowded = NULL;
    if (watch->transfer != NULL && !watch->has_sent)
        tq_budget_give_back(&watch->lane->budget);
    tq_watch_finish_poll(watch);
}

bool tq_watch_learn(tq_watch *watch, const tq_reading *reading, int64_t now)
{
    bool is_new = !watch->is_seen || !tq_reading_equals(&watch->last, reading);
    watch->is_seen = true;
    watch->last = *reading;
    watch->read_ns = now;
    if (is_new)
        watch->changed_ns = now;
    return is_new;
}
