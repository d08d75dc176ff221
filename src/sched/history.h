/* SPDX-License-Identifier: MIT */
#ifndef TQ_HISTORY_H
#define TQ_HISTORY_H
/*
 * What the tasks of one budget have taught about the next ones: how likely a task of some age is to
 * end, and how evenly their progress goes. A forecast reads it as its prior, and feeds it.
 *
 * Ages are counted in steps of a quarter octave. For each there are the seconds that tasks of this
 * age were watched and the ends among them: their quotient is the hazard, and tasks that have not
 * ended count as much as those that have, so that what ends early does not pass for what is usual.
 *
 *     tq_history_watch(&history, 0, 59);       a task was seen running from its begin to its 59th
 *     tq_history_end(&history, 60);            second, and had ended at the next look
 *     tq_history_hazard(&history, 60);         ends a second to be expected at that age
 */
enum { TQ_AGES = 112 };

typedef struct tq_history {
    float ends[TQ_AGES];
    float seconds[TQ_AGES];
    float end_count;
    float unevenness; /* sum of squared relative deviations of stretches of progress */
    float stretches;
} tq_history;

void tq_history_init(tq_history *history);

/* A task was running at all ages between these two, in seconds. */
void tq_history_watch(tq_history *history, double from_age, double to_age);

/* A task ended at that age. */
void tq_history_end(tq_history *history, double age);

/* Ends a second at that age. While little is known it falls with the age: what has run for long
 * runs on for long. Always positive. */
double tq_history_hazard(const tq_history *history, double age);

/* A stretch of some task's progress went slower or faster than its average by this relative
 * deviation, squared. */
void tq_history_add_stretch(tq_history *history, double square);

/* What such a square is to be expected to be. Always positive. */
double tq_history_unevenness(const tq_history *history);

#endif
