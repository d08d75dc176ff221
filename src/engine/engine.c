/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include "base/err.h"
#include "clock/clock.h"

/* When a poll cannot even be written down, for want of memory, its task waits this long. */
#define MEMORY_PAUSE TQ_SECOND

/* Connections that are left to others by polls which do not need one yet. */
enum { LEFT_FREE = 2 };

/* A step must not take long, for the sake of the loop that it runs in: the rest is due at once. */
enum { STARTS_IN_STEP = 16 };

/* So many polls may be on their way that are not known for slow ones: see has_enough. */
enum { ENOUGH = 64 };

static void on_sent(void *owner, int64_t now)
{
    tq_watch *watch = owner;
    if (watch->job != TQ_JOB_POLL)
        return;
    tq_watch_forget_early(watch);
    if (!watch->is_gated) {
        tq_budget *budget = tq_lane_lock(watch->lane);
        if (watch->has_sent)
            tq_budget_take(budget);
        tq_budget_sent(budget, now);
        tq_lane_unlock(watch->lane);
    }
    watch->has_sent = true;
}

int tq_engine_open(tq_engine *engine, tq_http_mode mode)
{
    *engine = (tq_engine){0};
    tq_heap_init(&engine->timers);
    return tq_http_open(&engine->http, on_sent, mode);
}

void tq_engine_close(tq_engine *engine)
{
    if (engine->http == NULL)
        return;
    tq_http_close(engine->http);
    engine->http = NULL;
    while (engine->lanes != NULL)
        tq_lane_close(engine->lanes);
    while (engine->timers.count > 0)
        tq_heap_remove(&engine->timers, tq_heap_peek(&engine->timers));
    tq_heap_free(&engine->timers);
}

bool tq_engine_is_parents(const tq_engine *engine)
{
    return engine->http != NULL && tq_http_is_parents(engine->http);
}

static void on_lost(void *owner)
{
    tq_watch *watch = owner;
    if (watch->job != TQ_JOB_POLL || watch->transfer == NULL)
        return;
    watch->transfer = NULL;
    watch->lane->tally.in_flight--;
    watch->source->tally.in_flight--;
    if (!watch->has_sent)
        tq_watch_give_back(watch);
}

/* The parent's thread is not here, and may have left in the middle of something. */
static void leave_gate(tq_lane *lane)
{
    if (lane->gate != NULL)
        lane->budget.unsent = 0;
    lane->gate = NULL;
}

int tq_engine_open_again(tq_engine *engine, tq_http_mode mode)
{
    tq_http_abandon(engine->http, on_lost);
    while (engine->lanes != NULL) {
        tq_lane *lane = engine->lanes;
        /* What the parent may not send, its child may not either. */
        tq_fence *fence = tq_fence_hold(lane->fence);
        leave_gate(lane);
        tq_sched_clear(&lane->sched);
        tq_lane_close(lane);
        lane->fence = fence;
    }
    engine->http = NULL;
    return tq_http_open(&engine->http, on_sent, mode);
}

/* A watch is found by its scheduler entry. */
static tq_watch *watch_of(tq_sched_entry *entry)
{
    return (tq_watch *)(void *)((char *)entry - offsetof(tq_watch, entry));
}

static bool has_room(const tq_watch *watch)
{
    return tq_http_peer_has_room(watch->source->peer);
}

static int64_t budget_wait_ns(const tq_lane *lane, int64_t now)
{
    int64_t wait = tq_budget_wait_ns(tq_lane_lock(lane), now);
    tq_lane_unlock(lane);
    return wait;
}

/* How long until there is a slot for one more than those at the gate. While one of them is on its
 * way to its connection that cannot be told, and is guessed. */
static int64_t slot_wait_ns(const tq_lane *lane, int64_t now)
{
    int64_t wait = budget_wait_ns(lane, now), interval = lane->budget.interval_ns;
    if (lane->early_count == 0)
        return wait;
    if (wait == TQ_NEVER)
        wait = interval;
    return tq_clock_add(wait, (int64_t)lane->early_count * interval);
}

static int64_t lane_wait_ns(const tq_lane *lane, int64_t now)
{
    if (tq_lane_is_fenced(lane, now) || (lane->crowded != NULL && !has_room(lane->crowded)))
        return TQ_NEVER;
    int64_t due = tq_sched_wait_ns(&lane->sched, now);
    if (due == TQ_NEVER)
        return TQ_NEVER;
    int64_t slot = slot_wait_ns(lane, now);
    /* The thread is to have it a little before the slot. */
    if (lane->early_count > 0)
        slot -= lane->budget.interval_ns / 2;
    return due > slot ? due : slot;
}

int64_t tq_engine_wait_ns(const tq_engine *engine, int64_t now)
{
    int64_t wait = tq_http_wait_ns(engine->http, now);
    for (const tq_lane *lane = engine->lanes; lane != NULL && wait > 0; lane = lane->next) {
        int64_t lane_wait = lane_wait_ns(lane, now);
        wait = lane_wait < wait ? lane_wait : wait;
    }
    const tq_heap_node *timer = tq_heap_peek(&engine->timers);
    int64_t at = timer != NULL ? tq_heap_key(&engine->timers, timer) : TQ_NEVER;
    if (at != TQ_NEVER && at - now < wait)
        wait = at > now ? at - now : 0;
    return wait;
}

static void count_poll(tq_tally *tally)
{
    tally->polls++;
    tally->in_flight++;
}

static int start_poll(tq_engine *engine, tq_watch *watch, tq_gate *gate)
{
    tq_source *source = watch->source;
    tq_transfer *transfer;
    int err = tq_http_begin(engine->http, source->peer, &transfer);
    if (err != TQ_OK)
        return err;
    err = source->encode(source, watch, tq_transfer_body(transfer));
    if (err != TQ_OK) {
        tq_http_release(transfer);
        return err;
    }
    tq_transfer_set_fence(transfer, watch->lane->fence);
    tq_transfer_set_gate(transfer, gate);
    tq_transfer_expect(transfer, watch->mark);
    watch->transfer = transfer;
    watch->has_sent = false;
    watch->is_gated = gate != NULL;
    if (gate == NULL) {
        tq_budget_take(tq_lane_lock(watch->lane));
        tq_lane_unlock(watch->lane);
    }
    count_poll(&watch->lane->tally);
    count_poll(&watch->source->tally);
    tq_http_submit(transfer, source->target, watch);
    return TQ_OK;
}

static bool can_start(const tq_lane *lane, const tq_watch *watch)
{
    const tq_http_peer *peer = watch->source->peer;
    if (lane->early_count == 0)
        return tq_http_peer_has_room(peer);
    /* First connections of many clients are not made one right after the other: what handshakes
     * take of the processors is felt by others. */
    return tq_http_peer_is_used(peer) && tq_http_peer_has_room_for(peer, 1 + LEFT_FREE);
}

/* Starts the poll whose turn it is, at once or by way of the gate. The task, or NULL. */
static tq_watch *start_next(tq_engine *engine, tq_lane *lane, int64_t now, tq_gate *gate)
{
    tq_sched_entry *entry = tq_sched_peek(&lane->sched, now);
    if (entry == NULL)
        return NULL;
    tq_watch *watch = watch_of(entry);
    if (!can_start(lane, watch)) {
        lane->crowded = watch;
        return NULL;
    }
    tq_sched_take(&lane->sched, entry, now);
    if (start_poll(engine, watch, gate) != TQ_OK)
        (void)tq_watch_schedule(watch, tq_clock_add(now, MEMORY_PAUSE));
    return watch;
}

/* Where slots come one by one and a thread sends the polls, it does so when the budget lets it. */
static bool has_gate(const tq_engine *engine, tq_lane *lane)
{
    const tq_budget *budget = &lane->budget;
    if (!tq_http_can_wait(engine->http) || budget->burst != 1 || budget->interval_ns == 0)
        return false;
    if (lane->gate == NULL)
        lane->gate = tq_gate_new(&lane->budget);
    return lane->gate != NULL;
}

static void start_at_gate(tq_engine *engine, tq_lane *lane, int64_t now)
{
    int64_t slot = slot_wait_ns(lane, now);
    int64_t ahead = tq_lane_looks_ahead(lane) ? TQ_LOOK_AHEAD : 0;
    while (slot <= ahead && lane->early_count < TQ_MOST_EARLY) {
        tq_watch *watch = start_next(engine, lane, now, lane->gate);
        if (watch == NULL || watch->transfer == NULL)
            return;
        lane->early[lane->early_count++] = watch;
        slot = tq_clock_add(slot, lane->budget.interval_ns);
    }
}

static void start_due_of(tq_engine *engine, tq_lane *lane, int64_t now)
{
    lane->crowded = NULL;
    if (tq_lane_is_fenced(lane, now))
        return;
    if (has_gate(engine, lane)) {
        start_at_gate(engine, lane, now);
        return;
    }
    for (int left = STARTS_IN_STEP; left > 0 && budget_wait_ns(lane, now) == 0; left--)
        if (start_next(engine, lane, now, NULL) == NULL)
            return;
}

void tq_engine_arm(tq_engine *engine)
{
    int64_t now = tq_clock_now();
    bool can_wait = tq_http_can_wait(engine->http);
    /* Whose slot is there goes out with the next step: while a program begins many waits at once, a
     * thread that makes connections meanwhile would only hold it up. */
    for (tq_lane *lane = engine->lanes; can_wait && lane != NULL; lane = lane->next)
        if (slot_wait_ns(lane, now) > 0)
            start_due_of(engine, lane, now);
    int64_t wait = tq_engine_wait_ns(engine, now);
    if (wait != TQ_NEVER)
        tq_http_arm(engine->http, tq_clock_add(now, wait));
    if (can_wait)
        tq_http_kick(engine->http);
}

/* As long as replies come as fast as they are read, more polls would only queue in the service,
 * each with a connection and with memory that leaves the processor's caches before it is used
 * again. So replies come first, and polls that are due go out once fewer are on their way, or
 * nothing has come: then the service takes its time, and those in flight count no more. */
static bool has_enough(const tq_engine *engine)
{
    return engine->has_read && tq_http_in_flight(engine->http) >= engine->slow + ENOUGH;
}

static void note_read(tq_engine *engine)
{
    size_t read = tq_http_ended(engine->http);
    engine->has_read = read > 0;
    if (!engine->has_read)
        engine->slow = tq_http_in_flight(engine->http);
    else
        engine->slow -= read < engine->slow ? read : engine->slow;
}

static void start_due(tq_engine *engine)
{
    if (has_enough(engine))
        return;
    int64_t now = tq_clock_now();
    for (tq_lane *lane = engine->lanes; lane != NULL; lane = lane->next)
        start_due_of(engine, lane, now);
    tq_http_kick(engine->http);
}

static int pass_time(int64_t wait_ns)
{
    if (wait_ns == TQ_NEVER)
        return TQ_ERR_STUCK;
    tq_clock_simulate(tq_clock_add(tq_clock_now(), wait_ns));
    return TQ_OK;
}

int tq_engine_step(tq_engine *engine, int64_t wait_ns)
{
    int64_t own_wait = tq_engine_wait_ns(engine, tq_clock_now());
    /* What is due already goes out before the waiting for its answer. */
    bool is_due = own_wait == 0;
    if (is_due)
        start_due(engine);
    if (is_due && !tq_clock_is_simulated())
        own_wait = tq_engine_wait_ns(engine, tq_clock_now());
    int64_t wait = own_wait < wait_ns ? own_wait : wait_ns;
    int err = tq_clock_is_simulated() ? pass_time(wait) : tq_http_step(engine->http, wait);
    note_read(engine);
    if (!is_due)
        start_due(engine);
    return err;
}

static void settle_budget(tq_watch *watch, const tq_http_reply *reply)
{
    if (watch->is_gated)
        return;
    tq_budget *budget = tq_lane_lock(watch->lane);
    /* What never got a connection has used its slot all the same: attempts are paced too. */
    if (watch->has_sent)
        tq_budget_answered(budget, reply->sent_ns, reply->ended_ns);
    else
        tq_budget_sent(budget, reply->ended_ns);
    tq_lane_unlock(watch->lane);
    watch->has_sent = true;
}

/* The poll that came too late to its connection never was. */
static void take_back(tq_watch *watch)
{
    tq_watch_give_back(watch);
    tq_watch_uncount_poll(watch);
    tq_watch_finish_poll(watch);
    /* There is memory: this entry has just left the place it goes back to. */
    (void)tq_watch_schedule(watch, tq_clock_now());
}

static bool is_late(const tq_transfer *transfer)
{
    const tq_watch *watch = tq_transfer_owner(transfer);
    return tq_transfer_reply(transfer)->outcome == TQ_HTTP_LATE && watch->job == TQ_JOB_POLL;
}

tq_transfer *tq_engine_take(tq_engine *engine)
{
    tq_transfer *transfer = tq_http_take(engine->http);
    for (; transfer != NULL && is_late(transfer); transfer = tq_http_take(engine->http))
        take_back(tq_transfer_owner(transfer));
    if (transfer == NULL)
        return NULL;
    tq_watch *watch = tq_transfer_owner(transfer);
    if (watch->job == TQ_JOB_POLL) {
        tq_watch_forget_early(watch);
        settle_budget(watch, tq_transfer_reply(transfer));
        watch->polls++;
    }
    return transfer;
}

int tq_engine_set_timer(tq_engine *engine, tq_timer *timer, int64_t at_ns)
{
    int err = tq_heap_reserve(&engine->timers, engine->timers.count + 1);
    if (err != TQ_OK)
        return err;
    tq_heap_put(&engine->timers, &timer->node, at_ns, engine->timers_set++);
    return TQ_OK;
}

void tq_engine_clear_timer(tq_engine *engine, tq_timer *timer)
{
    if (tq_heap_is_in(&timer->node))
        tq_heap_remove(&engine->timers, &timer->node);
}

tq_timer *tq_engine_take_timer(tq_engine *engine, int64_t now)
{
    tq_heap_node *node = tq_heap_peek(&engine->timers);
    if (node == NULL || tq_heap_key(&engine->timers, node) > now)
        return NULL;
    tq_heap_remove(&engine->timers, node);
    return (tq_timer *)node;
}
