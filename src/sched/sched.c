/* SPDX-License-Identifier: MIT */
#include "sched/sched.h"

#include <math.h>

#include "base/err.h"
#include "clock/clock.h"

/* What a poll costs where nothing is scarce, in seconds of not knowing that a task has ended: a
 * task of a minute is then looked at every two seconds, one of an hour every fifteen. */
static const double FREE_PRICE = 0.02;
/* Without a budget no task is polled more often, and none more rarely. */
#define LEAST_PAUSE (TQ_SECOND / 5)
#define LONGEST_PAUSE (15 * TQ_SECOND)
/* How many rounds of all others an entry is passed over at most. */
enum { PATIENCE = 3 };
/* The best one is looked for among the first places of the heap, in whole generations, and among
 * some more. */
enum { CANDIDATES = 21, SWEPT = 3 };
/* The step by which the price follows what looks go for. */
static const double PRICE_STEP = 0.1;

void tq_sched_init(tq_sched *sched, int64_t interval_ns)
{
    *sched = (tq_sched){.stamp = 1};
    tq_heap_init(&sched->waiting);
    tq_heap_init(&sched->ready);
    tq_heap_init(&sched->promised);
    tq_history_init(&sched->history);
    tq_sched_set_interval(sched, interval_ns);
}

void tq_sched_free(tq_sched *sched)
{
    tq_heap_free(&sched->waiting);
    tq_heap_free(&sched->ready);
    tq_heap_free(&sched->promised);
    sched->oldest = sched->newest = NULL;
    sched->unseen = 0;
}

static bool is_scarce(const tq_sched *sched)
{
    return sched->interval_ns > 0;
}

void tq_sched_set_interval(tq_sched *sched, int64_t interval_ns)
{
    if (interval_ns == sched->interval_ns && sched->log_price != 0)
        return;
    sched->interval_ns = interval_ns;
    sched->log_price = log(interval_ns > 0 ? (double)interval_ns / (double)TQ_SECOND : FREE_PRICE);
}

void tq_sched_entry_init(tq_sched_entry *entry, int64_t born_ns, bool knows_birth)
{
    *entry = (tq_sched_entry){
        .node = {.place = TQ_HEAP_OUT}, .promise = {.place = TQ_HEAP_OUT}, .by_ns = TQ_NEVER};
    tq_forecast_init(&entry->forecast, born_ns, knows_birth);
}

void tq_sched_entry_restore(tq_sched_entry *entry, const tq_forecast *forecast)
{
    entry->forecast = *forecast;
    entry->stamp = 0;
}

static void change_stamp(tq_sched *sched)
{
    if (++sched->stamp == 0)
        sched->stamp = 1;
}

void tq_sched_restore(tq_sched *sched, const tq_history *history)
{
    sched->history = *history;
    change_stamp(sched);
}

int tq_sched_reserve(tq_sched *sched, size_t count)
{
    int err = tq_heap_reserve(&sched->waiting, count);
    if (err == TQ_OK)
        err = tq_heap_reserve(&sched->ready, count);
    return err == TQ_OK ? tq_heap_reserve(&sched->promised, count) : err;
}

/* Nodes are found in their entries by where they are: the first one is an entry's first member. */
static tq_sched_entry *entry_of(tq_heap_node *node)
{
    return (tq_sched_entry *)node;
}

static tq_sched_entry *entry_of_promise(tq_heap_node *node)
{
    return (tq_sched_entry *)(void *)((char *)node - offsetof(tq_sched_entry, promise));
}

static bool is_unseen(const tq_sched_entry *entry)
{
    return !entry->forecast.is_read;
}

/* How long so many slots take. */
static int64_t slots_ns(const tq_sched *sched, size_t count)
{
    double span = (double)sched->interval_ns * (double)count;
    return span < (double)(TQ_NEVER / 4) ? (int64_t)span : TQ_NEVER / 4;
}

/* Many first looks that are wanted by the same instant cannot all be taken at it: each is promised
 * for a slot before the others' ones, as far as it may be polled then. */
static int64_t promise_ns(const tq_sched *sched, const tq_sched_entry *entry, int64_t due_ns)
{
    if (!is_unseen(entry))
        return entry->by_ns;
    int64_t by = entry->by_ns - slots_ns(sched, sched->unseen);
    return by > due_ns ? by : due_ns;
}

static void put_promise(tq_sched *sched, tq_sched_entry *entry, int64_t due_ns, uint64_t tie)
{
    if (entry->by_ns == TQ_NEVER || !is_scarce(sched))
        return;
    tq_heap_put(&sched->promised, &entry->promise, promise_ns(sched, entry, due_ns), tie);
    sched->unseen += is_unseen(entry);
}

static void remove_promise(tq_sched *sched, tq_sched_entry *entry)
{
    if (!tq_heap_is_in(&entry->promise))
        return;
    tq_heap_remove(&sched->promised, &entry->promise);
    sched->unseen -= is_unseen(entry);
}

int tq_sched_add(tq_sched *sched, tq_sched_entry *entry, int64_t due_ns)
{
    int err = tq_sched_reserve(sched, tq_sched_count(sched) + 1);
    if (err != TQ_OK)
        return err;
    entry->is_ready = false;
    uint64_t tie = sched->added++;
    tq_heap_put(&sched->waiting, &entry->node, due_ns, tie);
    put_promise(sched, entry, due_ns, tie);
    return TQ_OK;
}

/* When a look is worth the fixed price, within the bounds. */
static int64_t worth_ns(const tq_sched *sched, const tq_sched_entry *entry)
{
    const tq_forecast *forecast = &entry->forecast;
    int64_t due = tq_forecast_due(forecast, &sched->history, sched->log_price);
    int64_t least = tq_clock_add(forecast->read_ns, LEAST_PAUSE);
    int64_t longest = tq_clock_add(forecast->read_ns, LONGEST_PAUSE);
    return due < least ? least : due > longest ? longest : due;
}

int tq_sched_add_when_worth(tq_sched *sched, tq_sched_entry *entry, int64_t from_ns)
{
    if (!is_scarce(sched) && !is_unseen(entry)) {
        int64_t due = worth_ns(sched, entry);
        due = due < entry->by_ns ? due : entry->by_ns;
        from_ns = due > from_ns ? due : from_ns;
    }
    return tq_sched_add(sched, entry, from_ns);
}

static void append_ready(tq_sched *sched, tq_sched_entry *entry)
{
    entry->newer = NULL;
    entry->older = sched->newest;
    if (sched->newest != NULL)
        sched->newest->newer = entry;
    else
        sched->oldest = entry;
    sched->newest = entry;
}

static void unlink_ready(tq_sched *sched, tq_sched_entry *entry)
{
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        sched->oldest = entry->newer;
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        sched->newest = entry->older;
}

void tq_sched_remove(tq_sched *sched, tq_sched_entry *entry)
{
    if (!tq_sched_has(entry))
        return;
    tq_heap_remove(entry->is_ready ? &sched->ready : &sched->waiting, &entry->node);
    if (entry->is_ready)
        unlink_ready(sched, entry);
    remove_promise(sched, entry);
    entry->is_ready = false;
}

void tq_sched_clear(tq_sched *sched)
{
    while (sched->waiting.count > 0)
        tq_sched_remove(sched, entry_of(tq_heap_peek(&sched->waiting)));
    while (sched->ready.count > 0)
        tq_sched_remove(sched, entry_of(tq_heap_peek(&sched->ready)));
}

bool tq_sched_has(const tq_sched_entry *entry)
{
    return tq_heap_is_in(&entry->node);
}

int64_t tq_sched_due_ns(const tq_sched *sched, const tq_sched_entry *entry)
{
    return entry->is_ready ? entry->ready_ns : tq_heap_key(&sched->waiting, &entry->node);
}

static int64_t ready_key(const tq_sched *sched, const tq_sched_entry *entry)
{
    return tq_forecast_due(&entry->forecast, &sched->history, sched->log_price);
}

static void move_due(tq_sched *sched, int64_t now)
{
    for (tq_heap_node *node = tq_heap_peek(&sched->waiting);
         node != NULL && tq_heap_key(&sched->waiting, node) <= now;
         node = tq_heap_peek(&sched->waiting)) {
        tq_sched_entry *entry = entry_of(node);
        int64_t key = tq_heap_key(&sched->waiting, node);
        uint64_t tie = tq_heap_tie(&sched->waiting, node);
        tq_heap_remove(&sched->waiting, node);
        entry->is_ready = true;
        entry->ready_ns = now;
        append_ready(sched, entry);
        if (is_scarce(sched))
            key = ready_key(sched, entry);
        tq_heap_put(&sched->ready, node, key, tie);
    }
}

/* Several slots may be given away at one instant: what looks are worth then is found out once. */
static double worth_of(tq_sched *sched, tq_sched_entry *entry, int64_t now)
{
    if (sched->worth_ns != now)
        change_stamp(sched);
    sched->worth_ns = now;
    if (entry->stamp != sched->stamp)
        entry->worth = tq_forecast_worth(&entry->forecast, &sched->history, now);
    entry->stamp = sched->stamp;
    return entry->worth;
}

/* The best that was found so far, and who stands in the wrong place. */
typedef struct search {
    tq_sched_entry *best;
    double worth;
    tq_sched_entry *misplaced[CANDIDATES + SWEPT];
    size_t misplaced_count;
} search;

static void consider(tq_sched *sched, search *found, size_t place, int64_t now)
{
    tq_sched_entry *entry = entry_of(sched->ready.slots[place].node);
    double worth = worth_of(sched, entry, now);
    if (found->best == NULL || worth > found->worth) {
        found->best = entry;
        found->worth = worth;
    }
    bool is_due = sched->ready.slots[place].key <= now;
    if (is_due != (worth >= sched->log_price))
        found->misplaced[found->misplaced_count++] = entry;
}

static size_t next_swept(tq_sched *sched)
{
    bool is_in = sched->swept >= CANDIDATES && sched->swept + 1 < sched->ready.count;
    sched->swept = is_in ? sched->swept + 1 : CANDIDATES;
    return sched->swept;
}

/* The best of the first ones and of the next ones of a sweep through all. Places were right when
 * they were computed: since then the price has changed and the history has learned. Who is found
 * in a wrong place gets a new one; without the sweep those who stand too far behind would not be.
 */
static tq_sched_entry *find_best(tq_sched *sched, int64_t now)
{
    search found = {.best = NULL};
    size_t count = sched->ready.count;
    for (size_t place = 0; place < count && place < CANDIDATES; place++)
        consider(sched, &found, place, now);
    for (size_t i = 0; i < SWEPT && CANDIDATES + i < count; i++)
        consider(sched, &found, next_swept(sched), now);
    for (size_t i = 0; i < found.misplaced_count; i++) {
        tq_sched_entry *entry = found.misplaced[i];
        tq_heap_move(&sched->ready, &entry->node, ready_key(sched, entry));
    }
    return found.best;
}

/* The entry whose promise leaves no slot but the present one. */
static tq_sched_entry *find_promised(const tq_sched *sched, int64_t now)
{
    tq_heap_node *node = tq_heap_peek(&sched->promised);
    if (node == NULL || tq_heap_key(&sched->promised, node) > tq_clock_add(now, sched->interval_ns))
        return NULL;
    return entry_of_promise(node);
}

static bool is_passed_over(const tq_sched *sched, const tq_sched_entry *entry, int64_t now)
{
    return now - entry->ready_ns > slots_ns(sched, PATIENCE * tq_sched_count(sched));
}

/* Who goes before worth counts: a promised look, and then whoever has been passed over. */
static tq_sched_entry *find_privileged(const tq_sched *sched, int64_t now)
{
    tq_sched_entry *promised = find_promised(sched, now);
    bool passed_over = is_passed_over(sched, sched->oldest, now);
    if (promised != NULL && promised->is_ready && !(passed_over && promised->can_yield))
        return promised;
    return passed_over ? sched->oldest : NULL;
}

/* A promise that can wait keeps the slot for itself, unless others could use it meanwhile. */
static int64_t held_until(const tq_sched *sched, int64_t now)
{
    const tq_sched_entry *entry = find_promised(sched, now);
    if (entry == NULL || (entry->is_ready && sched->ready.count > 1))
        return now;
    int64_t key = tq_heap_key(&sched->promised, &entry->promise);
    return key > now ? key : now;
}

tq_sched_entry *tq_sched_peek(tq_sched *sched, int64_t now)
{
    move_due(sched, now);
    if (!is_scarce(sched)) {
        tq_heap_node *node = tq_heap_peek(&sched->ready);
        return node != NULL ? entry_of(node) : NULL;
    }
    if (held_until(sched, now) > now || sched->ready.count == 0)
        return NULL;
    tq_sched_entry *privileged = find_privileged(sched, now);
    return privileged != NULL ? privileged : find_best(sched, now);
}

void tq_sched_take(tq_sched *sched, tq_sched_entry *entry, int64_t now)
{
    if (is_scarce(sched)) {
        double worth = worth_of(sched, entry, now);
        sched->log_price += worth > sched->log_price ? PRICE_STEP : -PRICE_STEP;
    }
    tq_sched_remove(sched, entry);
}

void tq_sched_read(tq_sched *sched, tq_sched_entry *entry, int level, int64_t now)
{
    tq_forecast_read(&entry->forecast, &sched->history, level, now);
    change_stamp(sched);
}

void tq_sched_end(tq_sched *sched, tq_sched_entry *entry, int64_t now)
{
    tq_forecast_end(&entry->forecast, &sched->history, now);
    change_stamp(sched);
}

int64_t tq_sched_wait_ns(const tq_sched *sched, int64_t now)
{
    const tq_heap_node *node = tq_heap_peek(&sched->waiting);
    if (sched->ready.count == 0 && node == NULL)
        return TQ_NEVER;
    int64_t until = sched->ready.count > 0 ? now : tq_heap_key(&sched->waiting, node);
    if (is_scarce(sched)) {
        int64_t held = held_until(sched, now);
        until = held > until ? held : until;
    }
    if (until == TQ_NEVER)
        return TQ_NEVER;
    return until > now ? until - now : 0;
}

size_t tq_sched_count(const tq_sched *sched)
{
    return sched->waiting.count + sched->ready.count;
}

size_t tq_sched_unseen_by(const tq_sched *sched, int64_t by_ns)
{
    size_t count = 0;
    for (size_t i = 0; count < sched->unseen && i < sched->promised.count; i++) {
        const tq_sched_entry *entry = entry_of_promise(sched->promised.slots[i].node);
        count += is_unseen(entry) && entry->by_ns <= by_ns;
    }
    return count;
}
