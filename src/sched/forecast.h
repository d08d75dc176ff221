/* SPDX-License-Identifier: MIT */
#ifndef TQ_FORECAST_H
#define TQ_FORECAST_H
/*
 * When a task will end, as a distribution, from what its looks have told; and what another look at
 * it is worth at some instant. Never reads a clock.
 *
 * Progress is taken for work that is done at a changing pace: seconds for each percent, which keep
 * to their recent value for a while and then go back to the overall one. What remains is the sum of
 * those seconds, with a spread that follows from how uneven the pace was, in this task and, while
 * little of it was seen, in the others of its history. The end is spread around that by a logistic
 * distribution. A task without progress ends by the hazard that its history has for its age; a
 * part of that goes into every forecast, so that one which is wrong is found out.
 *
 * The worth of a look: it costs one poll, and what it can save is the time that the task has been
 * over without our knowing. With o the odds that the task has ended since the last look, and h its
 * hazard now, looking is worth while when a poll costs less than o*o/(2h) seconds of not knowing.
 * For a constant hazard that spaces looks at sqrt(2 * price / h), which makes the sum of polls and
 * ignorance least; for an end that is known well it waits until the task has most likely ended.
 * Worths are given as natural logarithms: they span many orders of magnitude.
 *
 *     tq_forecast_init(&forecast, now, true);
 *     tq_forecast_read(&forecast, &history, 30, now);
 *     int64_t next = tq_forecast_due(&forecast, &history, log(0.02));
 */
#include <stdbool.h>
#include <stdint.h>

#include "sched/history.h"

typedef struct tq_forecast {
    int64_t born_ns;   /* when the task began, or was first heard of */
    int64_t read_ns;   /* the last look that told of it; born_ns before the first one */
    int64_t moved_ns;  /* the look at which its level was another one last */
    int64_t origin_ns; /* where the overall pace is measured from */
    int64_t anchor_ns; /* where the stretch that is being measured begins */
    float origin_level;
    float origin_slack; /* seconds by which the origin may be off */
    float anchor_level;
    float level;       /* 0 to 100; negative when it tells nothing */
    float grain;       /* the smallest step of the level so far */
    float recent_pace; /* seconds a percent; 0 before the first stretch */
    float unevenness;  /* as in tq_history, of this task */
    float stretches;
    float mean;   /* seconds that remain from read_ns on */
    float spread; /* the scale of the logistic distribution; 0 when only the age tells something */
    bool is_read;
    bool knows_birth; /* born_ns is when the task began */
} tq_forecast;

void tq_forecast_init(tq_forecast *forecast, int64_t born_ns, bool knows_birth);

/* A look found the task running. `level` is its progress, 0 to 100, or negative when there is none
 * that tells how far the work is. */
void tq_forecast_read(tq_forecast *forecast, tq_history *history, int level, int64_t now);

/* A look found that the task has ended. */
void tq_forecast_end(const tq_forecast *forecast, tq_history *history, int64_t now);

/* The logarithm of what a look at `now` is worth, in seconds. Grows with `now`, but for small steps
 * back where the history's hazard falls from one step of the age to the next. */
double tq_forecast_worth(const tq_forecast *forecast, const tq_history *history, int64_t now);

/* When a look is worth that much. TQ_NEVER when that is not within a year. */
int64_t tq_forecast_due(const tq_forecast *forecast, const tq_history *history, double log_worth);

/* When the task is expected to end; TQ_NEVER when its progress does not tell. */
int64_t tq_forecast_end_ns(const tq_forecast *forecast);

#endif
