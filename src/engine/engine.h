/* SPDX-License-Identifier: MIT */
#ifndef TQ_ENGINE_H
#define TQ_ENGINE_H
/*
 * Joins transport, budgets and scheduler: which task is polled when. It knows neither Lua nor what
 * a reply means: it hands finished transfers out, and is told what they said.
 *
 * - tq_engine: one transport, the lanes and the timers. One pollable fd.
 * - tq_lane: one budget and the tasks that wait for their turn under it.
 * - tq_source: how the tasks of one client are polled.
 * - tq_watch: one task that is polled. The caller owns its memory; it stays where it is.
 *
 *     tq_watch_init(&watch, lane, source, id, id_len);
 *     tq_watch_schedule(&watch, now);
 *     tq_engine_step(engine, wait_ns);
 *     while ((transfer = tq_engine_take(engine)) != NULL) {
 *         ... read the reply of the watch that owns it, then one of ...
 *         tq_watch_learn(&watch, &reading, now);      and tq_watch_continue for another look
 *         tq_watch_finish_poll(&watch);
 *     }
 */
#include "base/fence.h"
#include "base/reading.h"
#include "budget/gate.h"
#include "clock/clock.h"
#include "http/http.h"
#include "sched/sched.h"

/* Who owns a transfer. It is the first member of whatever does. */
typedef enum tq_job { TQ_JOB_POLL, TQ_JOB_CALL } tq_job;

struct tq_watch;

/* What has been asked so far, of one client or under one budget. */
typedef struct tq_tally {
    uint64_t polls;   /* begun */
    uint64_t refused; /* found too frequent by the service */
    size_t in_flight;
} tq_tally;

typedef struct tq_source {
    tq_http_peer *peer;
    tq_http_target *target;
    /* Writes the body of a request for the status of a task; 0 or an error. */
    int (*encode)(const struct tq_source *source, const struct tq_watch *watch, tq_buf *out);
    tq_tally tally;
} tq_source;

/* How far ahead of its slot a poll may be chosen, and how many of a lane. Only budgets whose slots
 * are closer use it: what becomes more urgent meanwhile gets the next one, no later than this. */
#define TQ_LOOK_AHEAD (TQ_SECOND / 50)
enum { TQ_MOST_EARLY = 8 };

typedef struct tq_lane {
    tq_budget budget; /* to be locked where there is a gate */
    tq_sched sched;
    struct tq_lane *next, *prev;
    struct tq_engine *engine; /* NULL before they are joined, and once one of them is closed */
    bool is_over;             /* it joins no engine any more, since its memory is about to go */
    tq_fence *fence;          /* no poll goes out once it is passed; NULL for never */
    struct tq_watch *crowded; /* whose turn it is, while its client has no room for a request */
    tq_gate *gate;            /* by which a transport's thread sees the budget; NULL before */
    struct tq_watch *early[TQ_MOST_EARLY]; /* whose polls are at the gate; one that has gone out
                                              stays until that is heard */
    unsigned early_count;
    tq_tally tally;
} tq_lane;

typedef struct tq_watch {
    tq_job job;
    bool is_seen;  /* `last` holds what a poll told */
    bool has_sent; /* the poll in flight has used its slot */
    bool is_gated; /* what becomes of its slot is told to the budget by the transport */
    bool is_muted; /* somebody else looks at the task */
    tq_sched_entry entry;
    tq_lane *lane;
    tq_source *source;
    tq_transfer *transfer; /* of the poll in flight, or NULL */
    const char *id;
    const char *more; /* what else the request says, encoded already; not owned */
    uint32_t id_len, more_len;
    int64_t interval_ns; /* the least time between two looks */
    int64_t deadline_ns; /* the last look comes before it; TQ_NEVER for none */
    tq_reading last;
    int64_t changed_ns; /* when `last` became what it is */
    int64_t read_ns;    /* when a poll told it last */
    tq_mark mark;       /* of the reply that told it, unless that is an end */
    uint64_t polls;     /* answered or failed */
} tq_watch;

/* Begins as TQ_TIMER_UNSET, which is also how it is after it went off. */
typedef struct tq_timer {
    tq_heap_node node;
} tq_timer;

#define TQ_TIMER_UNSET ((tq_timer){.node = {.place = TQ_HEAP_OUT}})

typedef struct tq_engine {
    tq_http *http;
    tq_lane *lanes;
    tq_heap timers;
    uint64_t timers_set;
    size_t slow;   /* how many in flight are not answered as soon as one can read */
    bool has_read; /* the last step found replies */
} tq_engine;

/* 0, TQ_ERR_MEMORY or TQ_ERR_SYSTEM. */
int tq_engine_open(tq_engine *engine, tq_http_mode mode);

/* Drops what is in flight. Lanes, peers and watches stay valid memory, and do nothing any more. */
void tq_engine_close(tq_engine *engine);

/* Is it that of the process which this one was forked from? It has to be opened again then: nothing
 * of the parent's is touched, its polls in flight are forgotten, and its lanes are as they were
 * before they were attached, but fenced if they are. Timers stay. 0, TQ_ERR_MEMORY or
 * TQ_ERR_SYSTEM, and the engine is closed. */
bool tq_engine_is_parents(const tq_engine *engine);
int tq_engine_open_again(tq_engine *engine, tq_http_mode mode);

/* How long until tq_engine_step has something to do of itself; TQ_NEVER when it has not. */
int64_t tq_engine_wait_ns(const tq_engine *engine, int64_t now);

/* Makes the engine's fd readable when that time has come. What can be handed to a transport's
 * thread ahead of its slot is, so that nobody needs to wake up for it. */
void tq_engine_arm(tq_engine *engine);

/* Waits at most `wait_ns`, reads what has come and starts the polls that are due. 0, or
 * TQ_ERR_SYSTEM. On a simulated clock it does not wait but sets the clock to when it would have
 * ended; TQ_ERR_STUCK when that is never. */
int tq_engine_step(tq_engine *engine, int64_t wait_ns);

/* A transfer that has ended, or NULL. Its owner begins with a tq_job. */
tq_transfer *tq_engine_take(tq_engine *engine);

/* A timer goes off once, or never at TQ_NEVER. It must not be set already. Setting can fail with
 * TQ_ERR_MEMORY. */
int tq_engine_set_timer(tq_engine *engine, tq_timer *timer, int64_t at_ns);
void tq_engine_clear_timer(tq_engine *engine, tq_timer *timer);
tq_timer *tq_engine_take_timer(tq_engine *engine, int64_t now);

/* A lane needs no engine before its first watch, and opens no fd. */
void tq_lane_init(tq_lane *lane, double rate, unsigned burst, uint64_t seed);
void tq_lane_set_rate(tq_lane *lane, double rate);
void tq_lane_attach(tq_lane *lane, tq_engine *engine);
void tq_lane_close(tq_lane *lane);

/* No poll of the lane goes out at `at_ns` or later, be it on its way to a connection already; what
 * was asked for waits until the fence is moved. TQ_NEVER for none, as in the beginning. 0 or
 * TQ_ERR_MEMORY. */
int tq_lane_set_fence(tq_lane *lane, int64_t at_ns);
bool tq_lane_is_fenced(const tq_lane *lane, int64_t now);

/* No slot before `until_ns`. */
void tq_lane_hold(tq_lane *lane, int64_t until_ns);

/* The service found the poll sent at `sent_ns` too frequent; as tq_budget_refused. */
void tq_lane_refuse(tq_lane *lane, tq_source *source, int64_t sent_ns, int64_t retry_after_ns);

/* `id` is not copied. `more` begins empty and may be set. The task is first heard of now. */
void tq_watch_init(tq_watch *watch, tq_lane *lane, tq_source *source, const char *id,
                   size_t id_len);

/* The task began at `born_ns`, or was first heard of then. To be told before the first look. */
void tq_watch_set_birth(tq_watch *watch, int64_t born_ns, bool is_begin);

/* Sets the pace, also for the look that is asked for already. */
void tq_watch_set_pace(tq_watch *watch, int64_t interval_ns, int64_t deadline_ns);

/* A muted watch has no looks, and gives up the one in flight unless that was sent. Whoever unmutes
 * it asks for the next look. */
void tq_watch_mute(tq_watch *watch, bool is_muted);

/* Can the budget give this watch, if it knows nothing yet, a look before `deadline_ns`? When it
 * cannot, `slot_ns` is when the first one would come. Where others look, nothing speaks against it.
 */
bool tq_watch_can_look(const tq_watch *watch, int64_t deadline_ns, int64_t now, int64_t *slot_ns);

/* Asks for a look at `due_ns`, or as soon after as the budget lets; replaces what was asked before.
 * A look that would come after the deadline comes before it, in time for its answer. While a poll
 * is in flight it is kept. 0, TQ_ERR_MEMORY or TQ_ERR_CLOSED. */
int tq_watch_schedule(tq_watch *watch, int64_t due_ns);

/* Asks for the next slot, before all but those that have been passed over for some rounds. */
int tq_watch_ask_first(tq_watch *watch, int64_t now);

/* Asks for another look, when it is worth one (sched/forecast.h). */
int tq_watch_continue(tq_watch *watch, int64_t now);

/* The same, unless a look has been asked for that comes sooner. */
int tq_watch_hasten(tq_watch *watch, int64_t due_ns);

/* No more looks; a poll in flight is cancelled. */
void tq_watch_stop(tq_watch *watch);

/* Takes in what a poll told. True when that differs from what was known. */
bool tq_watch_learn(tq_watch *watch, const tq_reading *reading, int64_t now);

/* Takes in what somebody else was told of the task at `read_ns`, as if it had been a poll of this
 * watch. True when that differs from what was known. */
bool tq_watch_hear(tq_watch *watch, const tq_reading *reading, int64_t read_ns);

/* Ends the poll whose transfer was taken. */
void tq_watch_finish_poll(tq_watch *watch);

/* Its budget, for as long as it takes to ask or to tell it something: the thread that has polls at
 * the gate waits meanwhile. */
tq_budget *tq_lane_lock(const tq_lane *lane);
void tq_lane_unlock(const tq_lane *lane);

/* Is a poll handed over before its slot has come? */
bool tq_lane_looks_ahead(const tq_lane *lane);

/* Its poll is not at the gate any more. */
void tq_watch_forget_early(const tq_watch *watch);

/* The slot of its poll is not used. */
void tq_watch_give_back(const tq_watch *watch);

/* What was counted as a poll of the watch never went out. */
void tq_watch_uncount_poll(tq_watch *watch);

#endif
