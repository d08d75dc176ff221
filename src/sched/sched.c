/* SPDX-License-Identifier: MIT */
#include "sched/sched.h"

#include "base/err.h"
#include "clock/clock.h"

void tq_sched_init(tq_sched *sched)
{
    tq_heap_init(&sched->waiting);
    tq_heap_init(&sched->due);
    sched->added = 0;
}

void tq_sched_free(tq_sched *sched)
{
    tq_heap_free(&sched->waiting);
    tq_heap_free(&sched->due);
}

void tq_sched_entry_init(tq_sched_entry *entry)
{
    *entry = (tq_sched_entry){.node = {.place = TQ_HEAP_OUT}, .seen_ns = INT64_MIN};
}

int tq_sched_reserve(tq_sched *sched, size_t count)
{
    int err = tq_heap_reserve(&sched->waiting, count);
    return err == TQ_OK ? tq_heap_reserve(&sched->due, count) : err;
}

int tq_sched_add(tq_sched *sched, tq_sched_entry *entry, int64_t due_ns)
{
    int err = tq_sched_reserve(sched, tq_sched_count(sched) + 1);
    if (err != TQ_OK)
        return err;
    entry->is_due = false;
    entry->node.key = due_ns;
    entry->node.tie = sched->added++;
    tq_heap_put(&sched->waiting, &entry->node);
    return TQ_OK;
}

void tq_sched_remove(tq_sched *sched, tq_sched_entry *entry)
{
    if (tq_sched_has(entry))
        tq_heap_remove(entry->is_due ? &sched->due : &sched->waiting, &entry->node);
}

bool tq_sched_has(const tq_sched_entry *entry)
{
    return tq_heap_is_in(&entry->node);
}

/* The node is an entry's first member. */
static tq_sched_entry *entry_of(tq_heap_node *node)
{
    return (tq_sched_entry *)node;
}

static void move_due(tq_sched *sched, int64_t now)
{
    for (tq_heap_node *node = tq_heap_peek(&sched->waiting); node != NULL && node->key <= now;
         node = tq_heap_peek(&sched->waiting)) {
        tq_sched_entry *entry = entry_of(node);
        tq_heap_remove(&sched->waiting, node);
        entry->is_due = true;
        node->key = entry->seen_ns;
        tq_heap_put(&sched->due, node);
    }
}

tq_sched_entry *tq_sched_peek(tq_sched *sched, int64_t now)
{
    move_due(sched, now);
    tq_heap_node *node = tq_heap_peek(&sched->due);
    return node != NULL ? entry_of(node) : NULL;
}

int64_t tq_sched_wait_ns(const tq_sched *sched, int64_t now)
{
    if (sched->due.count > 0)
        return 0;
    const tq_heap_node *node = tq_heap_peek(&sched->waiting);
    if (node == NULL)
        return TQ_NEVER;
    return node->key > now ? node->key - now : 0;
}

size_t tq_sched_count(const tq_sched *sched)
{
    return sched->waiting.count + sched->due.count;
}
