/* SPDX-License-Identifier: MIT */
/*
 * What it costs to choose whom to poll next, to take in what the poll told and to put the task
 * back, among a thousand waits and among a million. Rounds are interleaved, medians are compared.
 * Usage: scheduling [rounds]. Exit status 1 when a million costs more than three times as much.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clock/clock.h"
#include "sched/sched.h"

enum { FEW = 1000, MANY = 1000000, CHOICES = 20000, ROUNDS = 15, MOST_ROUNDS = 101 };

static const double BOUND = 3;

typedef struct crowd {
    tq_sched sched;
    tq_sched_entry *entries;
    size_t count;
    int64_t now;
} crowd;

static uint64_t state = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t below(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % limit;
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void open_crowd(crowd *all, size_t count)
{
    all->count = count;
    all->now = TQ_SECOND;
    all->entries = calloc(count, sizeof *all->entries);
    must(all->entries != NULL);
    tq_sched_init(&all->sched, TQ_SECOND / 1000);
    for (size_t i = 0; i < count; i++) {
        tq_sched_entry_init(&all->entries[i], 0, true);
        all->entries[i].by_ns = 1000000 * TQ_SECOND + (int64_t)below(1000000);
        must(tq_sched_add(&all->sched, &all->entries[i], 0) == 0);
    }
}

static void choose(crowd *all)
{
    all->now += TQ_SECOND / 1000;
    tq_sched_entry *entry = tq_sched_peek(&all->sched, all->now);
    must(entry != NULL);
    tq_sched_take(&all->sched, entry, all->now);
    tq_sched_read(&all->sched, entry, (int)below(100), all->now);
    must(tq_sched_add_when_worth(&all->sched, entry, all->now) == 0);
}

static double round_us(crowd *all)
{
    int64_t begin = tq_clock_now();
    for (int i = 0; i < CHOICES; i++)
        choose(all);
    return (double)(tq_clock_now() - begin) / 1000 / CHOICES;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
    double few_us[MOST_ROUNDS], many_us[MOST_ROUNDS];
    crowd few, many;
    rounds = rounds < 1 ? 1 : rounds > MOST_ROUNDS ? MOST_ROUNDS : rounds;
    open_crowd(&few, FEW);
    open_crowd(&many, MANY);
    /* Once through all of them, so that each has been looked at. */
    for (int i = 0; i < MANY; i++)
        choose(&many);
    round_us(&few);
    for (int i = 0; i < rounds; i++) {
        few_us[i] = round_us(&few);
        many_us[i] = round_us(&many);
    }
    qsort(few_us, (size_t)rounds, sizeof *few_us, compare);
    qsort(many_us, (size_t)rounds, sizeof *many_us, compare);
    double ratio = many_us[rounds / 2] / few_us[rounds / 2];
    printf("choosing, reading, putting back: %.2f us among %d, %.2f us among %d: ratio %.2f "
           "(bound %.0f)\n",
           few_us[rounds / 2], FEW, many_us[rounds / 2], MANY, ratio, BOUND);
    tq_sched_free(&few.sched);
    tq_sched_free(&many.sched);
    free(few.entries);
    free(many.entries);
    return ratio <= BOUND ? 0 : 1;
}
