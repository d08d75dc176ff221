/* SPDX-License-Identifier: MIT */
#ifndef TQ_SCHED_H
#define TQ_SCHED_H
/*
 * Decides who is polled next among the tasks that share a budget, and when a task is polled again
 * where polls are not scarce. Whether the budget has a slot is not asked here. Never reads a
 * clock: `now` is an argument, in nanoseconds.
 *
 * An entry waits until it may be polled, and then is ready. Under a budget the next slot goes to
 * the ready entry for which a look is worth most (forecast.h). Worths grow at different speeds, so
 * no order stays right. The ready are therefore kept by the instant at which a look at them
 * reaches the price that looks went for of late, and the best is chosen among the first of those
 * and a few that are swept up in passing: O(log n). Two things come before worth: a look that was
 * promised by some instant (`by_ns`), and an entry that has been passed over for some rounds; of
 * both the first, unless it can yield to the second.
 *
 * Without a budget (interval_ns is 0) a look has a fixed price, and who reaches it is polled.
 *
 *     tq_sched_add(&sched, &entry, now);
 *     tq_sched_entry *next = tq_sched_peek(&sched, now);
 *     if (next != NULL)
 *         tq_sched_take(&sched, next, now);
 *     ... its poll told progress ...
 *     tq_sched_read(&sched, next, 42, now);
 *     tq_sched_add_when_worth(&sched, next, now);
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/forecast.h"
#include "sched/heap.h"
#include "sched/history.h"

typedef struct tq_sched_entry {
    tq_heap_node node;                    /* in `waiting` or in `ready` */
    tq_heap_node promise;                 /* in `promised` */
    struct tq_sched_entry *older, *newer; /* among the ready, by when they became so */
    tq_forecast forecast;
    int64_t by_ns; /* a look is wanted by then; TQ_NEVER for none. Set it before adding. */
    int64_t ready_ns;
    double worth; /* as a logarithm, if it has the schedule's stamp */
    uint32_t stamp;
    bool is_ready;
    bool can_yield; /* to whoever has been passed over, although its look is promised */
} tq_sched_entry;

typedef struct tq_sched {
    int64_t interval_ns; /* between two slots of the budget; 0 when polls are not scarce */
    tq_heap waiting;     /* by the instant from which on they may be polled */
    tq_heap ready;       /* by the instant at which a look is worth the price */
    tq_heap promised;    /* by the instant at which their look has to be on its way */
    tq_sched_entry *oldest, *newest; /* of the ready */
    tq_history history;
    double log_price; /* what looks went for of late */
    uint64_t added;
    int64_t worth_ns; /* for when worths with the present stamp were found out */
    uint32_t stamp;   /* another one when the history has learned, or time has passed; never 0 */
    size_t swept;     /* the place in `ready` at which the sweep has arrived */
    size_t unseen;    /* entries in, promised a look, that were never read */
} tq_sched;

void tq_sched_init(tq_sched *sched, int64_t interval_ns);
void tq_sched_free(tq_sched *sched);

/* Changes how scarce polls are. Entries that are in keep their places. */
void tq_sched_set_interval(tq_sched *sched, int64_t interval_ns);

/* `born_ns` and `knows_birth` as in tq_forecast_init. */
void tq_sched_entry_init(tq_sched_entry *entry, int64_t born_ns, bool knows_birth);

/* Takes up what was known of an entry, and of all, before. */
void tq_sched_entry_restore(tq_sched_entry *entry, const tq_forecast *forecast);
void tq_sched_restore(tq_sched *sched, const tq_history *history);

/* Makes room for `count` entries, so that adding up to there cannot fail. */
int tq_sched_reserve(tq_sched *sched, size_t count);

/* Adds an entry that may be polled from `due_ns` on and, where polls are not scarce, is polled
 * then. 0 or TQ_ERR_MEMORY. It must not be in already. */
int tq_sched_add(tq_sched *sched, tq_sched_entry *entry, int64_t due_ns);

/* The same for an entry that has been polled before: where polls are not scarce it is polled when
 * that is worth its price, not before `from_ns`. */
int tq_sched_add_when_worth(tq_sched *sched, tq_sched_entry *entry, int64_t from_ns);

/* Takes an entry out; one that is not in stays as it is. */
void tq_sched_remove(tq_sched *sched, tq_sched_entry *entry);

/* Takes all entries out. */
void tq_sched_clear(tq_sched *sched);

bool tq_sched_has(const tq_sched_entry *entry);

/* Since when, or from when on, an entry that is in may be polled. */
int64_t tq_sched_due_ns(const tq_sched *sched, const tq_sched_entry *entry);

/* The entry to be polled at `now`, which stays in, or NULL when there is none. */
tq_sched_entry *tq_sched_peek(tq_sched *sched, int64_t now);

/* Takes the entry out that tq_sched_peek gave, because it is polled now. */
void tq_sched_take(tq_sched *sched, tq_sched_entry *entry, int64_t now);

/* What a poll told: the task goes on with that progress (negative for none), or has ended. */
void tq_sched_read(tq_sched *sched, tq_sched_entry *entry, int level, int64_t now);
void tq_sched_end(tq_sched *sched, tq_sched_entry *entry, int64_t now);

/* How long until tq_sched_peek gives somebody: 0 when it does, TQ_NEVER when nobody is in. */
int64_t tq_sched_wait_ns(const tq_sched *sched, int64_t now);

size_t tq_sched_count(const tq_sched *sched);

/* How many entries that were never read are promised a look by then. O(n) when it is not plain
 * from `unseen`, the most that it can be. */
size_t tq_sched_unseen_by(const tq_sched *sched, int64_t by_ns);

#endif
