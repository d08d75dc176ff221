/* SPDX-License-Identifier: MIT */
/*
 * How soon is the end of a task known, under one poll a second? The real scheduler and the real
 * budget in simulated time, beside round robin (the oldest look first) and an oracle that knows
 * each end and polls in their order.
 *
 * Workloads: log-normal durations around 60 s (sigma 1), arriving over 10 s, a look tells at once.
 * "linear" has even progress in whole percents, "uneven" six pieces of different size and speed
 * (sigma 0.7), "none" shows nothing, "mixed" is a third of each. "steps" is like uneven, but tells
 * a piece only once it is done; there are no bounds for it. Usage: detection [seeds]. Exit status 1
 * when a bound is not kept.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "budget/budget.h"
#include "clock/clock.h"
#include "sched/sched.h"

enum { MOST_TASKS = 100, PIECES = 6, SEEDS = 200, LEAST_SEEDS = 50 };

typedef enum workload { LINEAR, UNEVEN, NONE, MIXED, STEPS, WORKLOADS } workload;
typedef enum rule { ROUND_ROBIN, ORACLE, SCHEDULER, RULES } rule;

static const char *const workload_names[] = {"linear", "uneven", "none", "mixed", "steps"};
static const size_t counts[] = {1, 5, 20, 100};

typedef struct work {
    double begin, duration; /* seconds */
    workload kind;
    double part[PIECES + 1]; /* of the duration */
    double level[PIECES + 1];
    double seen; /* round robin: the last look */
    bool is_known;
    tq_sched_entry entry;
} work;

typedef struct figures {
    double mean, p95, worst;
} figures;

/* What must hold at a number of tasks: ratios to round robin; 0 for no bound. */
typedef struct bound {
    workload kind;
    size_t count;
    double mean;
} bound;

static const bound bounds[] = {
    {LINEAR, 20, 0.25}, {UNEVEN, 20, 0.40},  {MIXED, 20, 0.60},
    {NONE, 20, 1.03},   {LINEAR, 100, 0.75},
};
static const double P95_BOUND = 1.05, WORST_BOUND = 1.5;

static uint64_t state;

static double uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / (double)(UINT64_C(1) << 53);
}

static double normal(void)
{
    return sqrt(-2 * log(uniform() + 1e-300)) * cos(2 * acos(-1) * uniform());
}

static void make_pieces(work *job)
{
    double size[PIECES], length[PIECES], sizes = 0, lengths = 0;
    for (int i = 0; i < PIECES; i++) {
        size[i] = 0.3 + uniform();
        length[i] = size[i] * exp(0.7 * normal());
        sizes += size[i];
        lengths += length[i];
    }
    job->part[0] = job->level[0] = 0;
    for (int i = 0; i < PIECES; i++) {
        job->part[i + 1] = job->part[i] + length[i] / lengths;
        job->level[i + 1] = job->level[i] + size[i] / sizes;
    }
}

static void make_jobs(work *jobs, size_t count, workload kind, uint64_t seed)
{
    state = UINT64_C(0x9E3779B97F4A7C15) * seed;
    for (int i = 0; i < 16; i++)
        uniform();
    for (size_t i = 0; i < count; i++) {
        work *job = &jobs[i];
        memset(job, 0, sizeof *job);
        job->begin = 10 * uniform();
        job->duration = 60 * exp(normal());
        job->kind = kind == MIXED ? (workload)(i % 3) : kind;
        job->seen = -1;
        make_pieces(job);
    }
}

static double end_of(const work *job)
{
    return job->begin + job->duration;
}

static int progress_at(const work *job, double now)
{
    double part = (now - job->begin) / job->duration;
    if (job->kind == NONE)
        return -1;
    if (job->kind == LINEAR)
        return (int)(100 * part);
    int i = 0;
    while (i < PIECES - 1 && part >= job->part[i + 1])
        i++;
    double within = (part - job->part[i]) / (job->part[i + 1] - job->part[i]);
    double level = job->level[i];
    if (job->kind != STEPS)
        level += within * (job->level[i + 1] - job->level[i]);
    return level < 0.99 ? (int)(100 * level) : 99;
}

/* Both references poll at whole seconds. Gives how many delays were written. */
static size_t run_reference(rule by, work *jobs, size_t count, double *delays)
{
    size_t found = 0;
    for (double now = 0; found < count; now += 1) {
        work *next = NULL;
        for (work *job = jobs; job < jobs + count; job++) {
            if (job->is_known || job->begin > now || (by == ORACLE && end_of(job) > now))
                continue;
            bool is_first = next == NULL ||
                            (by == ORACLE ? end_of(job) < end_of(next) : job->seen < next->seen);
            if (is_first)
                next = job;
        }
        if (next == NULL)
            continue;
        next->seen = now;
        next->is_known = end_of(next) <= now;
        if (next->is_known)
            delays[found++] = now - end_of(next);
    }
    return found;
}

static int64_t ns(double seconds)
{
    return (int64_t)(seconds * 1e9);
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

static work *job_of(tq_sched_entry *entry)
{
    return (work *)(void *)((char *)entry - offsetof(work, entry));
}

/* One poll: the end, or the progress. */
static bool look(tq_sched *sched, tq_sched_entry *entry, int64_t now)
{
    work *job = job_of(entry);
    double seconds = (double)now / 1e9;
    if (end_of(job) <= seconds) {
        tq_sched_end(sched, entry, now);
        return true;
    }
    tq_sched_read(sched, entry, progress_at(job, seconds), now);
    must(tq_sched_add_when_worth(sched, entry, now) == 0);
    return false;
}

static size_t run_scheduler(work *jobs, size_t count, double *delays)
{
    tq_sched sched;
    tq_budget budget;
    size_t found = 0;
    tq_sched_init(&sched, TQ_SECOND);
    tq_budget_init(&budget, 1, 1, 1);
    for (size_t i = 0; i < count; i++) {
        tq_sched_entry_init(&jobs[i].entry, ns(jobs[i].begin), true);
        must(tq_sched_add(&sched, &jobs[i].entry, ns(jobs[i].begin)) == 0);
    }
    for (int64_t now = 0; found < count;) {
        int64_t slot = tq_budget_wait_ns(&budget, now), due = tq_sched_wait_ns(&sched, now);
        now += slot > due ? slot : due;
        tq_sched_entry *entry = tq_sched_peek(&sched, now);
        if (entry == NULL || tq_budget_wait_ns(&budget, now) > 0)
            continue;
        tq_sched_take(&sched, entry, now);
        tq_budget_take(&budget);
        tq_budget_sent(&budget, now);
        tq_budget_answered(&budget, now, now);
        if (look(&sched, entry, now))
            delays[found++] = (double)now / 1e9 - end_of(job_of(entry));
    }
    tq_sched_free(&sched);
    return found;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static figures measure(rule by, workload kind, size_t count, unsigned seeds)
{
    static work jobs[MOST_TASKS];
    double *delays = calloc(count * seeds, sizeof *delays), sum = 0;
    size_t found = 0;
    must(delays != NULL);
    for (unsigned seed = 1; seed <= seeds; seed++) {
        make_jobs(jobs, count, kind, seed);
        found += by == SCHEDULER ? run_scheduler(jobs, count, delays + found)
                                 : run_reference(by, jobs, count, delays + found);
    }
    qsort(delays, found, sizeof *delays, compare);
    for (size_t i = 0; i < found; i++)
        sum += delays[i];
    figures result = {sum / (double)found, delays[found * 95 / 100], delays[found - 1]};
    free(delays);
    return result;
}

static bool keeps_bounds(workload kind, size_t count, figures ours, figures robin)
{
    bool keeps = ours.p95 <= P95_BOUND * robin.p95 && ours.worst <= WORST_BOUND * robin.worst;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (bounds[i].kind == kind && bounds[i].count == count)
            keeps = keeps && ours.mean <= bounds[i].mean * robin.mean;
    return keeps;
}

int main(int argc, char **argv)
{
    unsigned seeds = argc > 1 ? (unsigned)atoi(argv[1]) : SEEDS;
    bool keeps_all = true;
    if (seeds < LEAST_SEEDS)
        seeds = LEAST_SEEDS;
    printf("seconds from end to knowing, one poll a second, %u seeds: mean / p95 / worst\n", seeds);
    printf("%-7s %5s  %-22s %-20s %-22s %s\n", "", "tasks", "round robin", "oracle", "scheduler",
           "ratio to round robin");
    for (int kind = 0; kind < WORKLOADS; kind++) {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            figures f[RULES];
            for (int p = 0; p < RULES; p++)
                f[p] = measure((rule)p, (workload)kind, counts[i], seeds);
            figures r = f[ROUND_ROBIN], o = f[ORACLE], s = f[SCHEDULER];
            bool keeps = kind == STEPS || keeps_bounds((workload)kind, counts[i], s, r);
            printf("%-7s %5zu  %6.2f %6.1f %6.1f   %6.2f %5.1f %5.1f   %6.2f %6.1f %6.1f   "
                   "%4.2f %4.2f %4.2f%s\n",
                   workload_names[kind], counts[i], r.mean, r.p95, r.worst, o.mean, o.p95, o.worst,
                   s.mean, s.p95, s.worst, s.mean / r.mean, s.p95 / r.p95, s.worst / r.worst,
                   keeps ? "" : "  past its bound");
            keeps_all = keeps_all && keeps;
        }
    }
    return keeps_all ? 0 : 1;
}
