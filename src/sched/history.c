/* SPDX-License-Identifier: MIT */
#include "sched/history.h"

#include <math.h>

/* The prior: how much it weighs in ends, and its hazard of 0.7 / (age + 30 s). */
static const double PRIOR_ENDS = 1;
static const double PRIOR_SHAPE = 0.7;
static const double PRIOR_AGE = 30;
/* An age's own step speaks when so many ends were to be expected there; else its neighbours too. */
static const double ENOUGH_ENDS = 3;
enum { MOST_NEIGHBOURS = 3 };
/* Then all that is known is halved: services change. */
static const float FULL_MEMORY = 2048;

static const double FIRST_STEP = 0.5;
enum { STEPS_IN_OCTAVE = 4 };

static const double PRIOR_SQUARE = 0.2;
static const double PRIOR_STRETCHES = 1;
static const double LARGEST_SQUARE = 4;

void tq_history_init(tq_history *history)
{
    *history = (tq_history){.end_count = 0};
}

static int step_of(double age)
{
    if (!(age >= FIRST_STEP))
        return 0;
    if (isinf(age))
        return TQ_AGES - 1;
    /* 1 + floor(STEPS_IN_OCTAVE * log2(age / FIRST_STEP)), in less time. */
    static const double quarters[STEPS_IN_OCTAVE] = {0.5, 0.59460355750136051, 0.70710678118654757,
                                                     0.84089641525371450};
    int octave, quarter = STEPS_IN_OCTAVE - 1;
    double part = frexp(age / FIRST_STEP, &octave);
    while (part < quarters[quarter])
        quarter--;
    int step = 1 + STEPS_IN_OCTAVE * (octave - 1) + quarter;
    return step < TQ_AGES ? step : TQ_AGES - 1;
}

static double end_of_step(int step)
{
    return step < TQ_AGES - 1 ? FIRST_STEP * exp2((double)step / STEPS_IN_OCTAVE) : INFINITY;
}

void tq_history_watch(tq_history *history, double from_age, double to_age)
{
    if (!(to_age > from_age) || from_age < 0)
        return;
    int last = step_of(to_age);
    for (int step = step_of(from_age); step <= last; step++) {
        double end = end_of_step(step);
        double until = end < to_age ? end : to_age;
        if (until > from_age) {
            history->seconds[step] += (float)(until - from_age);
            from_age = until;
        }
    }
}

static void halve(tq_history *history)
{
    for (int step = 0; step < TQ_AGES; step++) {
        history->ends[step] /= 2;
        history->seconds[step] /= 2;
    }
    history->end_count /= 2;
}

void tq_history_end(tq_history *history, double age)
{
    history->ends[step_of(age)] += 1;
    history->end_count += 1;
    if (history->end_count >= FULL_MEMORY)
        halve(history);
}

double tq_history_hazard(const tq_history *history, double age)
{
    double prior = PRIOR_SHAPE / ((age > 0 ? age : 0) + PRIOR_AGE);
    int middle = step_of(age);
    double ends = history->ends[middle], seconds = history->seconds[middle];
    for (int by = 1; by <= MOST_NEIGHBOURS && seconds * prior < ENOUGH_ENDS; by++) {
        int below = middle - by, above = middle + by;
        ends += below >= 0 ? (double)history->ends[below] : 0;
        seconds += below >= 0 ? (double)history->seconds[below] : 0;
        ends += above < TQ_AGES ? (double)history->ends[above] : 0;
        seconds += above < TQ_AGES ? (double)history->seconds[above] : 0;
    }
    return (PRIOR_ENDS + ends) / (PRIOR_ENDS / prior + seconds);
}

void tq_history_add_stretch(tq_history *history, double square)
{
    history->unevenness += (float)(square < LARGEST_SQUARE ? square : LARGEST_SQUARE);
    history->stretches += 1;
    if (history->stretches >= FULL_MEMORY) {
        history->unevenness /= 2;
        history->stretches /= 2;
    }
}

double tq_history_unevenness(const tq_history *history)
{
    return (PRIOR_SQUARE * PRIOR_STRETCHES + (double)history->unevenness) /
           (PRIOR_STRETCHES + (double)history->stretches);
}
