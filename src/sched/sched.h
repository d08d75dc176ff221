/* SPDX-License-Identifier: MIT */
#ifndef TQ_SCHED_H
#define TQ_SCHED_H
/*
 * Decides who is polled next among the tasks that share a budget. An entry waits until it is due;
 * of those that are due, the one whose last look is oldest goes first, and one that was never
 * looked at before all others. Whether the budget has a slot is not asked here. Never reads a
 * clock: `now` is an argument, in nanoseconds.
 *
 *     tq_sched_add(&sched, &entry, now);
 *     tq_sched_entry *next = tq_sched_peek(&sched, now);
 *     if (next != NULL)
 *         tq_sched_remove(&sched, next);
 */
#include <stdbool.h>
#include <stdint.h>

#include "sched/heap.h"

typedef struct tq_sched_entry {
    tq_heap_node node;
    int64_t seen_ns; /* the last look; INT64_MIN before the first one. Set it before adding. */
    bool is_due;
} tq_sched_entry;

typedef struct tq_sched {
    tq_heap waiting; /* by the instant at which they are due */
    tq_heap due;     /* by their last look */
    uint64_t added;
} tq_sched;

void tq_sched_init(tq_sched *sched);
void tq_sched_free(tq_sched *sched);
void tq_sched_entry_init(tq_sched_entry *entry);

/* Makes room for `count` entries, so that adding up to there cannot fail. */
int tq_sched_reserve(tq_sched *sched, size_t count);

/* Adds an entry that is due at `due_ns`. 0 or TQ_ERR_MEMORY. It must not be in already. */
int tq_sched_add(tq_sched *sched, tq_sched_entry *entry, int64_t due_ns);

/* Takes an entry out; one that is not in stays as it is. */
void tq_sched_remove(tq_sched *sched, tq_sched_entry *entry);

bool tq_sched_has(const tq_sched_entry *entry);

/* The entry to be polled at `now`, which stays in, or NULL when none is due. */
tq_sched_entry *tq_sched_peek(tq_sched *sched, int64_t now);

/* How long until some entry is due: 0 when one is, TQ_NEVER when there is none at all. */
int64_t tq_sched_wait_ns(const tq_sched *sched, int64_t now);

size_t tq_sched_count(const tq_sched *sched);

#endif
