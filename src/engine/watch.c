/* SPDX-License-Identifier: MIT */
#include "base/err.h"
#include "clock/clock.h"
#include "engine/engine.h"

void tq_lane_init(tq_lane *lane, double rate, unsigned burst, uint64_t seed)
{
    *lane = (tq_lane){0};
    tq_budget_init(&lane->budget, rate, burst, seed);
    tq_sched_init(&lane->sched, lane->budget.interval_ns);
}

tq_budget *tq_lane_lock(const tq_lane *lane)
{
    tq_gate_lock(lane->gate);
    return (tq_budget *)&lane->budget;
}

void tq_lane_unlock(const tq_lane *lane)
{
    tq_gate_unlock(lane->gate);
}

bool tq_lane_looks_ahead(const tq_lane *lane)
{
    return lane->gate != NULL && lane->budget.interval_ns <= TQ_LOOK_AHEAD;
}

void tq_watch_forget_early(const tq_watch *watch)
{
    tq_lane *lane = watch->lane;
    unsigned kept = 0;
    for (unsigned i = 0; i < lane->early_count; i++)
        if (lane->early[i] != watch)
            lane->early[kept++] = lane->early[i];
    lane->early_count = kept;
}

/* The polls that were chosen ahead get other slots, since those have moved. */
static void call_back_early(tq_lane *lane)
{
    if (lane->early_count > 0)
        tq_http_hear_sent(lane->engine->http);
    while (lane->early_count > 0) {
        tq_watch *watch = lane->early[lane->early_count - 1];
        tq_watch_stop(watch);
        if (!watch->has_sent)
            tq_watch_uncount_poll(watch);
        /* There is memory: the entry goes back to the place that it has left. */
        (void)tq_watch_schedule(watch, tq_clock_now());
    }
}

void tq_lane_set_rate(tq_lane *lane, double rate)
{
    int64_t before = lane->budget.interval_ns;
    tq_budget_set_rate(tq_lane_lock(lane), rate);
    tq_lane_unlock(lane);
    tq_sched_set_interval(&lane->sched, lane->budget.interval_ns);
    /* One that is making its connection would have to begin again. */
    if (lane->budget.interval_ns != before)
        call_back_early(lane);
}

void tq_lane_hold(tq_lane *lane, int64_t until_ns)
{
    tq_budget_hold(tq_lane_lock(lane), until_ns);
    tq_lane_unlock(lane);
    if (until_ns > tq_clock_now())
        call_back_early(lane);
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
    tq_fence_release(lane->fence);
    lane->fence = NULL;
    tq_gate_shut(lane->gate);
    tq_gate_release(lane->gate);
    lane->gate = NULL;
    lane->early_count = 0;
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

int tq_lane_set_fence(tq_lane *lane, int64_t at_ns)
{
    if (lane->fence == NULL && at_ns == TQ_NEVER)
        return TQ_OK;
    if (lane->fence == NULL)
        lane->fence = tq_fence_new();
    if (lane->fence == NULL)
        return TQ_ERR_MEMORY;
    tq_fence_move(lane->fence, at_ns);
    return TQ_OK;
}

bool tq_lane_is_fenced(const tq_lane *lane, int64_t now)
{
    return tq_fence_is_passed(lane->fence, now);
}

void tq_lane_refuse(tq_lane *lane, tq_source *source, int64_t sent_ns, int64_t retry_after_ns)
{
    lane->tally.refused++;
    source->tally.refused++;
    tq_budget_refused(tq_lane_lock(lane), sent_ns, tq_clock_now(), retry_after_ns);
    tq_lane_unlock(lane);
    call_back_early(lane);
}

void tq_watch_init(tq_watch *watch, tq_lane *lane, tq_source *source, const char *id, size_t id_len)
{
    *watch = (tq_watch){.job = TQ_JOB_POLL,
                        .lane = lane,
                        .source = source,
                        .id = id,
                        .id_len = (uint32_t)id_len,
                        .deadline_ns = TQ_NEVER};
    tq_sched_entry_init(&watch->entry, tq_clock_now(), false);
}

void tq_watch_set_birth(tq_watch *watch, int64_t born_ns, bool is_begin)
{
    tq_forecast_init(&watch->entry.forecast, born_ns, is_begin);
}

/* By when the last look has to be on its way for its answer to come before the deadline. */
static int64_t last_look_ns(const tq_watch *watch, int64_t now)
{
    if (watch->deadline_ns == TQ_NEVER)
        return TQ_NEVER;
    const tq_lane *lane = watch->lane;
    int64_t last = watch->deadline_ns - tq_budget_answer_ns(tq_lane_lock(lane));
    tq_lane_unlock(lane);
    if (tq_lane_looks_ahead(lane))
        last -= TQ_LOOK_AHEAD;
    return last > now ? last : TQ_NEVER;
}

typedef int adder(tq_sched *sched, tq_sched_entry *entry, int64_t at_ns);

static int ask(tq_watch *watch, adder *add, int64_t at_ns, int64_t by_ns)
{
    if (watch->lane->engine == NULL)
        return TQ_ERR_CLOSED;
    if (watch->transfer != NULL || watch->is_muted)
        return TQ_OK;
    tq_sched *sched = &watch->lane->sched;
    tq_sched_remove(sched, &watch->entry);
    watch->entry.by_ns = by_ns;
    return add(sched, &watch->entry, at_ns < by_ns ? at_ns : by_ns);
}

int tq_watch_schedule(tq_watch *watch, int64_t due_ns)
{
    return ask(watch, tq_sched_add, due_ns, last_look_ns(watch, tq_clock_now()));
}

int tq_watch_ask_first(tq_watch *watch, int64_t now)
{
    watch->entry.can_yield = true;
    return ask(watch, tq_sched_add, now, now);
}

int tq_watch_continue(tq_watch *watch, int64_t now)
{
    int64_t from = tq_clock_add(now, watch->interval_ns);
    return ask(watch, tq_sched_add_when_worth, from, last_look_ns(watch, now));
}

int tq_watch_hasten(tq_watch *watch, int64_t due_ns)
{
    const tq_sched_entry *entry = &watch->entry;
    bool is_sooner = tq_sched_has(entry) &&
                     (entry->is_ready || tq_sched_due_ns(&watch->lane->sched, entry) <= due_ns);
    return is_sooner ? TQ_OK : tq_watch_schedule(watch, due_ns);
}

void tq_watch_set_pace(tq_watch *watch, int64_t interval_ns, int64_t deadline_ns)
{
    const tq_sched_entry *entry = &watch->entry;
    watch->interval_ns = interval_ns;
    watch->deadline_ns = deadline_ns;
    /* There is memory: the entry goes back to the place that it has left. */
    if (tq_sched_has(entry))
        (void)tq_watch_schedule(watch, tq_sched_due_ns(&watch->lane->sched, entry));
}

bool tq_watch_can_look(const tq_watch *watch, int64_t deadline_ns, int64_t now, int64_t *slot_ns)
{
    const tq_budget *budget = &watch->lane->budget;
    const tq_sched *sched = &watch->lane->sched;
    int64_t wait = tq_budget_wait_ns(tq_lane_lock(watch->lane), now);
    tq_lane_unlock(watch->lane);
    *slot_ns = wait == TQ_NEVER ? now : tq_clock_add(now, wait);
    if (watch->is_muted || tq_lane_is_fenced(watch->lane, now))
        return true;
    if (watch->is_seen || watch->transfer != NULL || *slot_ns >= deadline_ns)
        return watch->is_seen || watch->transfer != NULL;
    size_t ahead = sched->unseen;
    if (sched->interval_ns > 0 && (deadline_ns - *slot_ns) / sched->interval_ns < (int64_t)ahead)
        ahead = tq_sched_unseen_by(sched, deadline_ns);
    bool is_itself = tq_heap_is_in(&watch->entry.promise) && ahead > 0;
    ahead -= is_itself;
    ahead += watch->lane->early_count;
    ahead -= ahead < budget->burst - 1 ? ahead : budget->burst - 1;
    double slot = (double)*slot_ns + (double)ahead * (double)sched->interval_ns;
    *slot_ns = slot < (double)TQ_NEVER ? (int64_t)slot : TQ_NEVER;
    return *slot_ns < deadline_ns;
}

static void count_end(tq_watch *watch)
{
    watch->lane->tally.in_flight--;
    watch->source->tally.in_flight--;
}

void tq_watch_finish_poll(tq_watch *watch)
{
    if (watch->lane->engine == NULL || watch->transfer == NULL)
        return;
    tq_http_release(watch->transfer);
    watch->transfer = NULL;
    tq_watch_forget_early(watch);
    count_end(watch);
}

void tq_watch_uncount_poll(tq_watch *watch)
{
    watch->lane->tally.polls--;
    watch->source->tally.polls--;
}

void tq_watch_give_back(const tq_watch *watch)
{
    if (watch->is_gated)
        return;
    tq_budget_give_back(tq_lane_lock(watch->lane));
    tq_lane_unlock(watch->lane);
}

static void leave_sched(tq_watch *watch)
{
    tq_sched_remove(&watch->lane->sched, &watch->entry);
    if (watch->lane->crowded == watch)
        watch->lane->crowded = NULL;
}

void tq_watch_stop(tq_watch *watch)
{
    if (watch->lane->engine == NULL)
        return;
    leave_sched(watch);
    bool is_polled = watch->transfer != NULL;
    tq_watch_finish_poll(watch);
    /* Its releasing may have told that it went out. */
    if (is_polled && !watch->has_sent)
        tq_watch_give_back(watch);
}

void tq_watch_mute(tq_watch *watch, bool is_muted)
{
    watch->is_muted = is_muted;
    if (!is_muted || watch->lane->engine == NULL)
        return;
    if (watch->is_gated && watch->transfer != NULL)
        tq_http_hear_sent(watch->lane->engine->http);
    if (watch->transfer != NULL && !watch->has_sent)
        tq_watch_stop(watch);
    else
        leave_sched(watch);
}

bool tq_watch_learn(tq_watch *watch, const tq_reading *reading, int64_t now)
{
    bool is_new = !watch->is_seen || !tq_reading_equals(&watch->last, reading);
    bool was_end = watch->is_seen && tq_reading_is_end(&watch->last);
    watch->is_seen = true;
    watch->last = *reading;
    watch->read_ns = now;
    if (is_new)
        watch->changed_ns = now;
    if (!tq_reading_is_end(reading))
        tq_sched_read(&watch->lane->sched, &watch->entry, reading->level, now);
    else if (!was_end)
        tq_sched_end(&watch->lane->sched, &watch->entry, now);
    return is_new;
}

bool tq_watch_hear(tq_watch *watch, const tq_reading *reading, int64_t read_ns)
{
    const tq_forecast *forecast = &watch->entry.forecast;
    /* What is known already does not become older by what comes late. */
    int64_t known_ns = forecast->is_read ? forecast->read_ns : forecast->born_ns;
    bool is_new = tq_watch_learn(watch, reading, read_ns > known_ns ? read_ns : known_ns);
    watch->polls++;
    if (watch->lane->engine == NULL)
        return is_new;
    if (tq_reading_is_end(reading))
        leave_sched(watch);
    else
        (void)tq_watch_continue(watch, tq_clock_now());
    return is_new;
}
